//! Parsers of settings.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::email::EmailAddress;

/// Parses a network or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().ok();
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let why = || format!("{text:?} must be an IP address or a network such as 10.0.0.0/8");
    network.or_else(address).ok_or_else(why)
}

/// Parses a secret. An empty value is an error: an operator who sets the variable relies on a
/// secret, and an empty secret protects nothing.
pub(super) fn secret(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("a secret must not be empty; omit the setting if there is none".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Parses an e-mail address.
pub(super) fn email(text: &str) -> Result<String, String> {
    let address = EmailAddress::parse(text).map_err(|error| error.to_string())?;
    Ok(address.into())
}

pub(super) fn base_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" if url.path() == "/" && url.query().is_none() => {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http or https URL without a path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_no_path() {
        assert_eq!(
            base_url("https://shop.example/").unwrap(),
            "https://shop.example"
        );
        for bad in [
            "shop.example",
            "ftp://shop.example",
            "https://shop.example/de",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
