//! Reads the fields of a JSON object one by one, so that each fault names its field and numbers
//! keep their text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{error::Fault, text};

/// An object of a file, with its path in the row (`variants[2].`) for faults.
pub(super) struct Fields<'a> {
    at: String,
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// Parses a record, which must be an object.
    pub(super) fn record(bytes: Option<&'a [u8]>) -> Result<Self, Fault> {
        let Some(bytes) = bytes else {
            return Err(Fault::row("", "too long"));
        };
        let text = str::from_utf8(bytes).map_err(|_| Fault::row("", "not UTF-8"))?;
        Self::parse(String::new(), text).map_err(|reason| Fault::row("", reason))
    }

    fn parse(at: String, text: &'a str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(fields) => Ok(Self { at, fields }),
            Err(error) if error.is_data() => Err("must be an object".to_owned()),
            Err(error) => Err(format!("not JSON: {}", without_position(&error))),
        }
    }

    /// Fails if the object has a field with another name.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Fault> {
        match self
            .fields
            .keys()
            .find(|name| !names.contains(&name.as_str()))
        {
            Some(name) => {
                let shown: String = name.chars().take(60).collect();
                Err(Fault::row(self.path(&shown), "unknown field"))
            }
            None => Ok(()),
        }
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The path of a field in its row.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.at)
    }

    /// The JSON of a field. `None` if it is absent or `null`.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.fields
            .get(name)
            .map(|raw| raw.get())
            .filter(|text| *text != "null")
    }

    /// A string. Numbers and booleans are converted to the text as which they are written.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        scalar(raw)
            .map(Some)
            .ok_or_else(|| self.fault(name, "must be a string"))
    }

    /// The trimmed string; `None` if it is empty.
    pub(super) fn filled(&self, name: &str) -> Result<Option<String>, Fault> {
        let text = self.text(name)?.map(|text| text.trim().to_owned());
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// An integer, which may be a string or be written as `12.0`.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(text) = self.filled(name)? else {
            return Ok(None);
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        match whole.parse() {
            Ok(number) if fraction.bytes().all(|byte| byte == b'0') => Ok(Some(number)),
            _ => Err(self.fault(name, "must be a whole number")),
        }
    }

    /// A boolean, which may be a string or be written as 0 or 1.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        let flag = self.filled(name)?;
        flag.map(|it| text::flag(&it).ok_or_else(|| self.fault(name, "must be true or false")))
            .transpose()
    }

    /// The elements of a list; empty if the field is absent.
    pub(super) fn list(&self, name: &str) -> Result<Vec<&'a RawValue>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(Vec::new());
        };
        serde_json::from_str(raw).map_err(|_| self.fault(name, "must be a list"))
    }

    /// The elements of a list of strings.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let elements = self.list(name)?.into_iter().enumerate();
        elements
            .map(|(index, raw)| {
                let field = format!("{name}[{index}]");
                scalar(raw.get()).ok_or_else(|| self.fault(&field, "must be a string"))
            })
            .collect()
    }

    /// A nested object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Fault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let inner = Self::parse(format!("{}{name}.", self.at), raw);
        inner.map(Some).map_err(|reason| self.fault(name, &reason))
    }

    /// The elements of a list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, Fault> {
        let elements = self.list(name)?.into_iter().enumerate();
        elements
            .map(|(index, raw)| self.element(name, index, raw))
            .collect()
    }

    /// Parses an element of a list, which must be an object.
    pub(super) fn element(
        &self,
        name: &str,
        index: usize,
        raw: &'a RawValue,
    ) -> Result<Self, Fault> {
        let at = format!("{}{name}[{index}]", self.at);
        Self::parse(format!("{at}."), raw.get()).map_err(|why| Fault::row(at, why))
    }

    /// A fault of a field of this object.
    pub(super) fn fault(&self, name: &str, reason: &str) -> Fault {
        Fault::row(self.path(name), reason)
    }
}

/// The text of a JSON string, number or boolean; `None` for other values.
fn scalar(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

/// The message of an error without its line and column, which serde counts from the beginning of
/// the record and not of the file.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}
