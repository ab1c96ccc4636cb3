//! The HTTP client for outgoing requests: to payment providers, edges and webhooks.

use std::{sync::Arc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client with time limits that follows no redirects.
pub fn client() -> Result<reqwest::Client, String> {
    builder()?.build().map_err(|error| error.to_string())
}

/// The builder of such a client.
pub fn builder() -> Result<reqwest::ClientBuilder, String> {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("Mallard/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    Ok(builder)
}
