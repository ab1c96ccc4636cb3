//! A temporary file that groups related records of an imported file: a table from keys to texts,
//! sorted by key. It is unlinked, so that a crash leaves nothing behind, and only its cache is in
//! memory.

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use super::{error::Error, row_validator::Stop};

/// A key is the concatenation of its parts, each terminated by a zero byte.
const ENTRIES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("entries");
/// The size of the cache in memory.
const CACHE_BYTES: usize = 32 << 20;
/// The most entries read below one key. It exceeds every limit of a product.
const BELOW_MAX: usize = 1_000;

/// A stored text with the line that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) text: String,
}

/// The complete file, for reading.
pub(super) struct Spool {
    // Dropped before the database that it reads.
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    _database: Database,
}

/// The file, for writing.
pub(super) struct SpoolWriter<'a> {
    entries: redb::Table<'a, &'static [u8], &'static [u8]>,
}

impl Spool {
    /// Creates a file, and writes its entries with `fill`.
    pub(super) fn filled(
        fill: impl FnOnce(&mut SpoolWriter<'_>) -> Result<(), Stop>,
    ) -> Result<Self, Stop> {
        let file = tempfile::tempfile().map_err(failed)?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create_with_backend(redb::backends::FileBackend::new(file).map_err(failed)?)
            .map_err(failed)?;
        let mut writing = database.begin_write().map_err(failed)?;
        // The file is unlinked, so it need not survive a crash.
        writing
            .set_durability(redb::Durability::None)
            .map_err(failed)?;
        let mut writer = SpoolWriter {
            entries: writing.open_table(ENTRIES).map_err(failed)?,
        };
        fill(&mut writer)?;
        drop(writer);
        writing.commit().map_err(failed)?;
        let reading = database.begin_read().map_err(failed)?;
        Ok(Self {
            entries: reading.open_table(ENTRIES).map_err(failed)?,
            _database: database,
        })
    }

    /// The entry with exactly this key.
    pub(super) fn get(&self, key: &[&str]) -> Result<Option<Entry>, Error> {
        let found = self.entries.get(bytes(key).as_slice()).map_err(failed)?;
        Ok(found.map(|value| decode(value.value())))
    }

    /// The entries whose keys begin with these parts, sorted by the others; at most a thousand.
    pub(super) fn below(&self, key: &[&str]) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for entry in self.range(key)?.take(BELOW_MAX) {
            entries.push(entry?);
        }
        Ok(entries)
    }

    /// All entries whose keys begin with these parts, as an iterator.
    pub(super) fn range(
        &self,
        key: &[&str],
    ) -> Result<impl Iterator<Item = Result<Entry, Error>> + use<>, Error> {
        let start = bytes(key);
        let mut end = start.clone();
        // The end is after every key with these parts, because each part ends with a zero byte.
        end.pop();
        end.push(1);
        let range = self
            .entries
            .range::<&[u8]>(start.as_slice()..end.as_slice());
        let range = range.map_err(failed)?;
        Ok(range.map(|entry| {
            let (_, value) = entry.map_err(failed)?;
            Ok(decode(value.value()))
        }))
    }
}

impl SpoolWriter<'_> {
    /// Inserts an entry. False if the key exists already; the existing entry stays.
    pub(super) fn put(&mut self, key: &[&str], line: u64, text: &str) -> Result<bool, Error> {
        let key = bytes(key);
        if self.entries.get(key.as_slice()).map_err(failed)?.is_some() {
            return Ok(false);
        }
        let mut value = line.to_be_bytes().to_vec();
        value.extend_from_slice(text.as_bytes());
        self.entries
            .insert(key.as_slice(), value.as_slice())
            .map_err(failed)?;
        Ok(true)
    }
}

/// A number as part of a key, so that keys sort by it.
pub(super) fn ordered(number: i64) -> String {
    format!("{:020}", i128::from(number) - i128::from(i64::MIN))
}

fn bytes(key: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in key {
        // A zero byte within a part would terminate it. No id contains one.
        bytes.extend(part.bytes().map(|byte| byte.max(1)));
        bytes.push(0);
    }
    bytes
}

fn decode(value: &[u8]) -> Entry {
    let (line, text) = value.split_at(value.len().min(8));
    Entry {
        line: line.try_into().map_or(0, u64::from_be_bytes),
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Spool(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_and_grouped_by_key() {
        let spool = Spool::filled(|writer| {
            for (key, text) in [
                (["row", "b", &ordered(2)], "b2"),
                (["row", "a", &ordered(10)], "a10"),
                (["row", "a", &ordered(-3)], "a-3"),
                (["row", "ab", &ordered(1)], "ab1"),
            ] {
                assert!(writer.put(&key, 7, text)?);
            }
            assert!(!writer.put(&["row", "b", &ordered(2)], 8, "again")?);
            Ok(())
        });
        let Ok(spool) = spool else {
            panic!("the spool failed")
        };
        let texts = |key: &[&str]| {
            spool
                .below(key)
                .unwrap()
                .into_iter()
                .map(|entry| entry.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&["row", "a"]), ["a-3", "a10"]);
        assert_eq!(texts(&["row"]), ["a-3", "a10", "ab1", "b2"]);
        assert_eq!(texts(&["ro"]), Vec::<String>::new());
        let entry = Entry {
            line: 7,
            text: "b2".to_owned(),
        };
        assert_eq!(spool.get(&["row", "b", &ordered(2)]).unwrap(), Some(entry));
    }
}
