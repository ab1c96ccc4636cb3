//! Named 256-bit keys, from a setting or from a file that is created on first use. New values use
//! the first key; the others are still accepted, so that keys can be rotated.

use std::{
    fmt,
    io::{self, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The bytes of one key.
pub type KeyBytes = [u8; 32];

/// Named keys, the current one first. There is at least one, and names are unique.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring(Vec<(String, KeyBytes)>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        f.debug_tuple("Keyring").field(&names).finish()
    }
}

impl Keyring {
    /// Parses keys: `NAME:KEY` separated by commas, each key 32 bytes in base64url. Errors call a
    /// key `what`.
    pub fn parse(keys: &str, what: &str) -> Result<Self, String> {
        let mut ring = Vec::new();
        for key in keys.split(',').map(str::trim) {
            let (name, text) = key.split_once(':').ok_or_else(|| {
                format!("the {what} must be NAME:KEY, several separated by commas")
            })?;
            let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
            if name.is_empty() || !name.chars().all(plain) {
                let why = "must be made of letters, digits, - and _";
                return Err(format!("the name of the {what} {name:?} {why}"));
            }
            let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok();
            let bytes: Option<KeyBytes> = bytes.and_then(|it| it.try_into().ok());
            let bytes = bytes
                .ok_or_else(|| format!("the {what} {name:?} must be 32 bytes in base64url"))?;
            if ring.iter().any(|(known, _)| known == name) {
                return Err(format!("the {what} {name:?} appears twice"));
            }
            ring.push((name.to_owned(), bytes));
        }
        Ok(Self(ring))
    }

    /// Reads the keys from a file. A missing file is created with one new key, readable by its
    /// owner only. If several processes create it at the same time, all use the keys of the first.
    pub fn of_file(path: &Path, what: &str) -> Result<Self, String> {
        let in_file = |error: String| format!("{}: {error}", path.display());
        let keys = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                add_file(path, &new_key()).and_then(|()| std::fs::read_to_string(path))
            }
            read => read,
        };
        let keys = keys.map_err(|error| in_file(error.to_string()))?;
        Self::parse(keys.trim(), what).map_err(in_file)
    }

    /// All keys with their names, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &KeyBytes)> {
        self.0.iter().map(|(name, key)| (name.as_str(), key))
    }
}

/// Creates a file unless it exists. It appears with its complete content or not at all.
fn add_file(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    // Temporary files have mode 600.
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
        Ok(_) => Ok(()),
    }
}

/// A new key in the format of the setting.
pub fn new_key() -> String {
    let name = &crate::secret::token()[..8];
    format!("{name}:{}", URL_SAFE_NO_PAD.encode(crate::secret::seed()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_have_32_bytes_and_unique_names() {
        let (one, two) = (new_key(), new_key());
        let ring = Keyring::parse(&format!("{two}, {one}"), "key").unwrap();
        let names: Vec<&str> = ring.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [&two[..8], &one[..8]]);
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        let long = URL_SAFE_NO_PAD.encode([7; 33]);
        for bad in [
            "",
            "a",
            "a:",
            "a:AAAA",
            &format!("a:{short}"),
            &format!("a:{long}"),
            &format!("a.b{}", &one[8..]),
            &one[8..],
            &format!("{one},{one}"),
            &format!("{one},"),
        ] {
            assert!(Keyring::parse(bad, "key").is_err(), "{bad:?}");
        }
        let text = format!("{ring:?}");
        assert!(!text.contains(&one[9..]) && text.contains(&one[..8]));
    }

    #[test]
    fn a_key_file_is_created_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let all = std::thread::scope(|scope| {
            let make = || scope.spawn(|| Keyring::of_file(&path, "key").unwrap());
            let threads: Vec<_> = (0..8).map(|_| make()).collect();
            let rings = threads.into_iter().map(|it| it.join().unwrap());
            rings.collect::<Vec<_>>()
        });
        let kept = Keyring::of_file(&path, "key").unwrap();
        assert!(all.iter().all(|it| *it == kept));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        assert!(Keyring::of_file(&folder.path().join("none/keys"), "key").is_err());
        std::fs::write(&path, "").unwrap();
        let error = Keyring::of_file(&path, "key").unwrap_err();
        assert!(error.contains("keys:"), "{error}");
    }
}
