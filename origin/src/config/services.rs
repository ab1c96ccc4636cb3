//! Builds parts of the process from the settings: Redis client, keys and mailer.

use std::time::Duration;

use crate::{mail::Mailer, redis_client::RedisClient, seal::Sealer, signer::Signer};

use super::Config;

impl Config {
    /// The Redis client, if Redis is configured.
    pub fn redis(&self) -> Result<Option<RedisClient>, String> {
        let timeout = Duration::from_millis(self.redis_timeout_ms);
        let url = self.redis_url.as_deref();
        url.map(|url| RedisClient::new(url, timeout)).transpose()
    }

    /// The signer of access tokens.
    pub fn signer(&self) -> Result<Signer, String> {
        match &self.token_keys {
            Some(keys) => Signer::new(keys),
            None => Signer::of_file(&self.data_dir.join("token-keys")),
        }
    }

    /// The sealer of secrets in the database.
    pub fn sealer(&self) -> Result<Sealer, String> {
        match &self.sealing_keys {
            Some(keys) => Sealer::new(keys),
            None => Sealer::of_file(&self.data_dir.join("sealing.key")),
        }
    }

    /// The mailer.
    pub fn mailer(&self) -> Result<Mailer, String> {
        let folder = self.data_dir.join("mail");
        Mailer::new(&self.mail_from, self.smtp_url.as_deref(), folder)
    }
}
