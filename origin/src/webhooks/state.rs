//! The handle of this domain.

use crate::{accounts::Accounts, platform::handle};

use super::WebhookClient;

handle! {
    /// What webhooks need.
    pub struct WebhookSender(WebhookSenderState) above accounts: Accounts {
        /// HTTP client for webhooks, which checks their addresses.
        pub targets: WebhookClient,
    }
}
