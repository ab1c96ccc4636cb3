//! The handle of this domain.

use crate::{accounts::Accounts, platform::handle};

use super::WebhookClient;

handle! {
    /// The handle of webhooks: their HTTP client, above accounts.
    pub struct WebhookSender(WebhookSenderState) above accounts: Accounts {
        /// HTTP client for webhooks, which checks their addresses.
        pub targets: WebhookClient,
    }
}
