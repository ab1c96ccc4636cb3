//! Splits a file into records in a stream: elements of a JSON array (at the top level or as the
//! field `products` of an object), concatenated objects, or lines.

use std::io::{self, BufRead};

use super::error::Error;

/// The most bytes of one record. The largest product that the limits allow needs less.
pub(super) const RECORD_MAX: usize = 8 << 20;

/// A record of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The line on which it begins.
    pub(super) line: u64,
    /// Its bytes; `None` when there are more than [`RECORD_MAX`].
    pub(super) bytes: Option<&'a [u8]>,
}

/// Skips a byte order mark. True at the end of the file.
pub(super) fn skip_byte_order_mark(input: &mut impl BufRead) -> io::Result<bool> {
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(input.fill_buf()?.is_empty())
}

/// The non-empty lines of a file.
pub(super) struct Lines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(mut input: R) -> Result<Self, Error> {
        match skip_byte_order_mark(&mut input) {
            Ok(false) => Ok(Self {
                input,
                line: 0,
                buffer: Vec::new(),
            }),
            Ok(true) => Err(empty()),
            Err(source) => Err(Error::Read { line: 1, source }),
        }
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let (found, fits) = self.read_line().map_err(|source| Error::Read {
                line: self.line,
                source,
            })?;
            if !found {
                return Ok(None);
            }
            if !fits || !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let bytes = (self.buffer.len() <= RECORD_MAX).then_some(self.buffer.as_slice());
        Ok(Some(Record {
            line: self.line,
            bytes,
        }))
    }

    /// Reads to the end of the line. Of a line beyond the limit it keeps one byte more than the
    /// limit. Returns whether there was a line, and whether it is within the limit.
    fn read_line(&mut self) -> io::Result<(bool, bool)> {
        let mut found = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            found = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(chunk.len(), |end| end + 1);
            let room = (RECORD_MAX + 1).saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&chunk[..used.min(room)]);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok((found, self.buffer.len() <= RECORD_MAX))
    }
}

/// The layout of a JSON file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonLayout {
    /// `[{…}, {…}]`
    Array,
    /// `{"products": [{…}, {…}], …}`; the rest of the object is not read.
    Field,
    /// `{…} {…}`
    Concatenated,
    /// The last object was returned.
    Ended,
}

/// The objects of a JSON file.
pub(super) struct Objects<R> {
    input: R,
    layout: JsonLayout,
    line: u64,
    buffer: Vec<u8>,
}

/// The nesting and string state within a record.
#[derive(Default)]
struct NestingState {
    brackets: usize,
    in_text: bool,
    escaped: bool,
}

impl<R: BufRead> Objects<R> {
    pub(super) fn new(mut input: R) -> Result<Self, Error> {
        let failed = |source| Error::Read { line: 1, source };
        if skip_byte_order_mark(&mut input).map_err(failed)? {
            return Err(empty());
        }
        let mut objects = Self {
            input,
            layout: JsonLayout::Concatenated,
            line: 1,
            buffer: Vec::new(),
        };
        match objects.skip_blanks(b"")? {
            None => return Err(empty()),
            Some(b'[') => {
                objects.take()?;
                objects.layout = JsonLayout::Array;
            }
            Some(b'{') if objects.enter_products()? => objects.layout = JsonLayout::Field,
            Some(b'{') => {}
            Some(_) => return Err(objects.broken("not JSON: must be an array or an object")),
        }
        Ok(objects)
    }

    /// The next record. An element of an array need not be an object.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        let line = match self.layout {
            JsonLayout::Ended => return Ok(None),
            JsonLayout::Concatenated => match self.skip_blanks(b",")? {
                None => return Ok(None),
                Some(b'{' | b'[') => self.read_concatenated()?,
                Some(_) => return Err(self.broken("not JSON: must be an object")),
            },
            JsonLayout::Array | JsonLayout::Field => match self.read_element()? {
                None => return Ok(None),
                Some(line) => line,
            },
        };
        let bytes = (self.buffer.len() <= RECORD_MAX).then_some(self.buffer.as_slice());
        Ok(Some(Record { line, bytes }))
    }

    /// Reads an element of an array, and the comma or bracket after it.
    fn read_element(&mut self) -> Result<Option<u64>, Error> {
        if self.skip_blanks(b"")?.is_none() {
            return Err(self.broken("the file ends in the middle of its list"));
        }
        let line = self.line;
        self.buffer.clear();
        let mut depth = NestingState::default();
        loop {
            let Some(byte) = self.take()? else {
                return Err(self.broken(&unfinished(line)));
            };
            if depth.brackets == 0 && !depth.in_text && matches!(byte, b',' | b']') {
                if byte == b']' {
                    self.end_list()?;
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                }
                return Ok(Some(line));
            }
            self.keep(byte, &mut depth)?;
        }
    }

    /// Reads an object of a file of concatenated objects.
    fn read_concatenated(&mut self) -> Result<u64, Error> {
        let line = self.line;
        self.buffer.clear();
        let mut depth = NestingState::default();
        loop {
            let Some(byte) = self.take()? else {
                return Err(self.broken(&unfinished(line)));
            };
            self.keep(byte, &mut depth)?;
            if depth.brackets == 0 {
                return Ok(line);
            }
        }
    }

    /// Appends a byte to the record, up to the limit, and tracks nesting.
    fn keep(&mut self, byte: u8, depth: &mut NestingState) -> Result<(), Error> {
        if self.buffer.len() <= RECORD_MAX {
            self.buffer.push(byte);
        }
        if depth.in_text {
            match byte {
                _ if depth.escaped => depth.escaped = false,
                b'\\' => depth.escaped = true,
                b'"' => depth.in_text = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => depth.in_text = true,
            b'{' | b'[' => depth.brackets += 1,
            b'}' | b']' if depth.brackets == 0 => {
                return Err(self.broken("not JSON: one bracket too many"));
            }
            b'}' | b']' => depth.brackets -= 1,
            _ => {}
        }
        Ok(())
    }

    /// Handles the end of the list. After an array at the top level the file must end, too.
    fn end_list(&mut self) -> Result<(), Error> {
        if self.layout == JsonLayout::Array && self.skip_blanks(b"")?.is_some() {
            return Err(self.broken("there is content after the end of the list"));
        }
        self.layout = JsonLayout::Ended;
        Ok(())
    }

    /// Consumes `{"products": [` if the file begins with it.
    fn enter_products(&mut self) -> Result<bool, Error> {
        let chunk = self
            .input
            .fill_buf()
            .map_err(|source| Error::Read { line: 1, source })?;
        let mut rest = chunk;
        let mut lines = 0;
        for token in [&b"{"[..], b"\"products\"", b":", b"["] {
            let blanks = rest
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            lines += rest[..blanks].iter().filter(|byte| **byte == b'\n').count() as u64;
            match rest[blanks..].strip_prefix(token) {
                Some(after) => rest = after,
                None => return Ok(false),
            }
        }
        let used = chunk.len() - rest.len();
        self.input.consume(used);
        self.line += lines;
        Ok(true)
    }

    /// Skips white space and the bytes of `also`, and returns the next byte without consuming it.
    fn skip_blanks(&mut self, also: &[u8]) -> Result<Option<u8>, Error> {
        loop {
            let next = self.peek()?;
            match next {
                Some(byte) if byte.is_ascii_whitespace() || also.contains(&byte) => {
                    self.take()?;
                }
                other => return Ok(other),
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        let line = self.line;
        let chunk = self
            .input
            .fill_buf()
            .map_err(|source| Error::Read { line, source })?;
        Ok(chunk.first().copied())
    }

    fn take(&mut self) -> Result<Option<u8>, Error> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.input.consume(1);
        }
        if byte == Some(b'\n') {
            self.line += 1;
        }
        Ok(byte)
    }

    fn broken(&self, reason: &str) -> Error {
        Error::Broken {
            line: self.line,
            reason: reason.to_owned(),
        }
    }
}

fn empty() -> Error {
    Error::Broken {
        line: 1,
        reason: "the file is empty".to_owned(),
    }
}

fn unfinished(line: u64) -> String {
    format!("the file ends in the middle of the record that begins on line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> Result<Vec<(u64, String)>, Error> {
        let mut objects = Objects::new(text.as_bytes())?;
        let mut found = Vec::new();
        while let Some(record) = objects.next()? {
            let text = String::from_utf8(record.bytes.unwrap().to_vec()).unwrap();
            found.push((record.line, text.trim().to_owned()));
        }
        Ok(found)
    }

    fn owned(list: &[(u64, &str)]) -> Vec<(u64, String)> {
        list.iter()
            .map(|(line, text)| (*line, (*text).to_owned()))
            .collect()
    }

    #[test]
    fn arrays_product_lists_and_concatenated_objects_are_read() {
        let wanted = owned(&[(2, r#"{"a":"]},\""}"#), (4, r#"{"b":[1]}"#)]);
        let array = "[\n{\"a\":\"]},\\\"\"}\n,\n{\"b\":[1]} ]\n";
        assert_eq!(objects(array).unwrap(), wanted);
        assert_eq!(
            objects(&format!("\u{feff}{{\"products\": {array}, \"total\":2}}")).unwrap(),
            wanted
        );
        assert_eq!(
            objects("\n{\"a\":\"]},\\\"\"}\n\n{\"b\":[1]}").unwrap(),
            wanted
        );
        assert_eq!(objects("[]").unwrap(), owned(&[]));
        assert_eq!(
            objects("[1,,\n2,]").unwrap(),
            owned(&[(1, "1"), (1, ""), (2, "2")])
        );
    }

    #[test]
    fn errors_have_line_numbers() {
        for (text, line, why) in [
            ("", 1, "empty"),
            (" \n ", 1, "empty"),
            ("hello", 1, "not JSON"),
            ("[{\n", 2, "ends in the middle"),
            ("[{},", 1, "ends in the middle"),
            ("{\"a\":\n\"", 2, "line 1"),
            ("[{}]\n{}", 2, "after the end"),
            ("[}]", 1, "too many"),
        ] {
            match objects(text) {
                Err(Error::Broken { line: at, reason }) => {
                    assert_eq!(at, line, "{text:?}");
                    assert!(reason.contains(why), "{text:?}: {reason}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn records_have_a_size_limit() {
        for (length, kept) in [(RECORD_MAX, true), (RECORD_MAX + 1, false)] {
            let long = format!("\"{}\"", "x".repeat(length - 2));
            let text = format!("[{long},2]");
            let mut objects = Objects::new(text.as_bytes()).unwrap();
            assert_eq!(objects.next().unwrap().unwrap().bytes.is_some(), kept);
            assert_eq!(objects.next().unwrap().unwrap().bytes, Some(&b"2"[..]));

            let text = format!("{long}\n\n2");
            let mut lines = Lines::new(text.as_bytes()).unwrap();
            // A line includes its line break.
            assert_eq!(
                lines.next().unwrap().unwrap().bytes.is_some(),
                kept && length < RECORD_MAX
            );
            let two = lines.next().unwrap().unwrap();
            assert_eq!(
                two,
                Record {
                    line: 3,
                    bytes: Some(b"2")
                }
            );
            assert!(lines.next().unwrap().is_none());
        }
    }
}
