//! `Set-Cookie`, written in one place for every cookie of the shop.

use http::HeaderValue;

/// A cookie for the whole shop, `SameSite=Lax`.
#[derive(Clone, Copy, Debug)]
pub struct SetCookie<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value: characters that RFC 6265 allows; tokens are hexadecimal.
    pub value: &'a str,
    /// Its lifetime in seconds: 0 deletes it, none makes it a session cookie.
    pub max_age_s: Option<i64>,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it is sent over HTTPS only.
    pub secure: bool,
}

impl SetCookie<'_> {
    /// The value of `Set-Cookie`. `Path` comes before attributes newer than RFC 2109, because text
    /// browsers such as Lynx ignore everything after an attribute that they do not know.
    pub fn header(&self) -> HeaderValue {
        let age = self.max_age_s.map(|it| format!("; Max-Age={it}"));
        let text = format!(
            "{}={}; Path=/{}{}{}; SameSite=Lax",
            self.name,
            self.value,
            age.unwrap_or_default(),
            if self.secure { "; Secure" } else { "" },
            if self.http_only { "; HttpOnly" } else { "" },
        );
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_attributes_come_first() {
        let mut cookie = SetCookie {
            name: "cart",
            value: "0f",
            max_age_s: Some(60),
            http_only: true,
            secure: true,
        };
        let all = "cart=0f; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(cookie.header(), all);
        cookie.max_age_s = None;
        cookie.secure = false;
        cookie.http_only = false;
        assert_eq!(cookie.header(), "cart=0f; Path=/; SameSite=Lax");
    }
}
