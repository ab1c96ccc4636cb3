//! What the process is made of that keys, folders and sizes in the settings describe.

use crate::{
    accounts::Signer,
    cache::{Lifetimes, MemoryCache},
    mail::Mailer,
    seal::Sealer,
};

use super::Config;

impl Config {
    /// What keeps answers, if anything shall.
    pub fn memory(&self) -> Option<MemoryCache> {
        let lifetimes = Lifetimes {
            product_info_ms: self.product_info_ms,
            hot_products_ms: self.hot_products_ms,
        };
        MemoryCache::new(self.l1_bytes, lifetimes)
    }

    /// What signs the tokens of programs.
    pub fn signer(&self) -> Result<Signer, String> {
        match &self.token_keys {
            Some(keys) => Signer::new(keys),
            None => Signer::of_file(&self.data_dir.join("token-keys")),
        }
    }

    /// What seals secrets in the database.
    pub fn sealer(&self) -> Result<Sealer, String> {
        match &self.sealing_keys {
            Some(keys) => Sealer::new(keys),
            None => Sealer::of_file(&self.data_dir.join("sealing.key")),
        }
    }

    /// How messages go out.
    pub fn mailer(&self) -> Result<Mailer, String> {
        let folder = self.data_dir.join("mail");
        Mailer::new(&self.mail_from, self.smtp_url.as_deref(), folder)
    }
}
