//! Spreadsheets: rows with named columns, read one by one.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{self, BufRead, Read},
    rc::Rc,
};

use csv::{ByteRecord, StringRecord};

use super::{
    error::{Error, Fault},
    formula::unescape,
    records::{RECORD_MAX, skip_byte_order_mark},
    text,
};

/// The most columns.
const COLUMNS_MAX: usize = 2_000;

/// The index of each column by name.
pub(super) type Columns = HashMap<String, usize>;

/// A row with its columns.
#[derive(Clone)]
pub(super) struct SheetRow {
    /// The line on which it begins.
    pub(super) line: u64,
    columns: Rc<Columns>,
    cells: StringRecord,
}

impl SheetRow {
    /// The trimmed text of a cell; empty when the column does not exist.
    pub(super) fn get(&self, column: &str) -> &str {
        let cell = self
            .columns
            .get(column)
            .and_then(|index| self.cells.get(*index));
        cell.unwrap_or_default().trim()
    }

    /// The text of a cell; `None` when it is empty.
    pub(super) fn filled(&self, column: &str) -> Option<&str> {
        Some(self.get(column)).filter(|text| !text.is_empty())
    }

    /// The integer in a cell, which may be written as `12.0`.
    pub(super) fn integer(&self, column: &str) -> Result<Option<i64>, Fault> {
        let Some(text) = self.filled(column) else {
            return Ok(None);
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        match whole.parse() {
            Ok(number) if fraction.bytes().all(|byte| byte == b'0') => Ok(Some(number)),
            _ => Err(Fault::row(column, "must be a whole number")),
        }
    }

    /// The non-negative integer of 32 bits in a cell.
    pub(super) fn count(&self, column: &str) -> Result<Option<u32>, Fault> {
        let number = self.integer(column)?.map(u32::try_from).transpose();
        number.map_err(|_| Fault::row(column, "out of range"))
    }

    /// The boolean in a cell.
    pub(super) fn flag(&self, column: &str) -> Result<Option<bool>, Fault> {
        let flag = self.filled(column).map(text::flag);
        flag.map(|it| it.ok_or_else(|| Fault::row(column, "must be true or false")))
            .transpose()
    }

    /// The row without the prefixes that protect against formula injection.
    pub(super) fn unescaped(self) -> Self {
        let cells = self.cells.iter().map(unescape);
        if cells.clone().eq(self.cells.iter()) {
            return self;
        }
        Self {
            cells: cells.collect(),
            ..self
        }
    }

    /// The cells as a CSV record, without the header.
    pub(super) fn cells(&self) -> &StringRecord {
        &self.cells
    }

    /// Builds a row from a stored CSV record.
    pub(super) fn from_cells(line: u64, columns: Rc<Columns>, cells: StringRecord) -> Self {
        Self {
            line,
            columns,
            cells,
        }
    }
}

/// A row, or the line number and the fault of a row that cannot be read.
pub(super) type NextRow = Result<SheetRow, (u64, Fault)>;

/// A spreadsheet in a file.
pub(super) struct Sheet<R> {
    reader: csv::Reader<LineNormalizer<R>>,
    /// The remaining bytes that the current row may have.
    remaining: Rc<Cell<usize>>,
    columns: Rc<Columns>,
    width: usize,
    record: ByteRecord,
}

impl<R: BufRead> Sheet<R> {
    /// Reads the header.
    pub(super) fn new(mut input: R) -> Result<Self, Error> {
        let broken = |reason: String| Error::Broken { line: 1, reason };
        if skip_byte_order_mark(&mut input).map_err(|source| Error::Read { line: 1, source })? {
            return Err(broken("the file is empty".to_owned()));
        }
        let remaining = Rc::new(Cell::new(RECORD_MAX));
        let normalizer = LineNormalizer {
            input,
            remaining: Rc::clone(&remaining),
            last: b'\n',
            pending_cr: false,
            ended: false,
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(normalizer);
        let columns = Rc::new(Columns::new());
        let mut sheet = Self {
            reader,
            remaining,
            columns,
            width: 0,
            record: ByteRecord::new(),
        };
        let Some(header) = sheet.read()? else {
            return Err(broken("the file is empty".to_owned()));
        };
        let header = header.map_err(|(_, fault)| broken(format!("heading: {}", fault.reason)))?;
        if header.cells.len() > COLUMNS_MAX {
            return Err(broken(format!("more than {COLUMNS_MAX} columns")));
        }
        let mut columns = Columns::new();
        for (index, name) in header.cells.iter().enumerate() {
            let name = name.trim().to_owned();
            if !name.is_empty() && columns.insert(name.clone(), index).is_some() {
                return Err(broken(format!("the column {name:?} appears twice")));
            }
        }
        sheet.width = header.cells.len();
        sheet.columns = Rc::new(columns);
        Ok(sheet)
    }

    /// The columns by name.
    pub(super) fn columns(&self) -> &Rc<Columns> {
        &self.columns
    }

    /// Fails if a column is missing.
    pub(super) fn require(&self, column: &str) -> Result<(), Error> {
        if self.columns.contains_key(column) {
            return Ok(());
        }
        Err(Error::Broken {
            line: 1,
            reason: format!("the column {column:?} is missing"),
        })
    }

    /// Reads the next row; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<NextRow>, Error> {
        let row = self.read()?;
        Ok(row.map(|row| row.and_then(|row| self.check_width(row))))
    }

    /// Rejects a row whose number of cells differs from the header. Too few cells most likely mean
    /// that an unclosed quote swallowed the rest of the file.
    fn check_width(&self, row: SheetRow) -> Result<SheetRow, (u64, Fault)> {
        let (count, width) = (row.cells.len(), self.width);
        let more = row
            .cells
            .iter()
            .skip(width)
            .any(|cell| !cell.trim().is_empty());
        if count < width || more {
            let reason = format!("{count} cells under a heading of {width} columns");
            return Err((row.line, Fault::row("", reason)));
        }
        Ok(row)
    }

    fn read(&mut self) -> Result<Option<NextRow>, Error> {
        self.remaining.set(RECORD_MAX);
        let found = self.reader.read_byte_record(&mut self.record);
        let line_after = self.reader.position().line();
        match found {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                return Err(Error::Read {
                    line: line_after,
                    source: error.into(),
                });
            }
        }
        // The reader's position is the line after the row. Subtracting the line breaks within the
        // row gives its first line; empty lines before the row do not count.
        let breaks = self
            .record
            .as_slice()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        let line = line_after.saturating_sub(breaks + 1).max(1);
        let cells = StringRecord::from_byte_record(std::mem::take(&mut self.record));
        Ok(Some(match cells {
            Ok(cells) => Ok(SheetRow {
                line,
                columns: Rc::clone(&self.columns),
                cells,
            }),
            Err(error) => {
                let index = error.utf8_error().field();
                let column = self.columns.iter().find(|(_, place)| **place == index);
                let column = column.map_or_else(String::new, |(name, _)| name.clone());
                Err((line, Fault::row(column, "not UTF-8")))
            }
        }))
    }
}

/// Converts every kind of line break to `\n`, and adds one after the last line. Limits the bytes of
/// a row, because an unclosed quote would otherwise read the whole file into memory.
struct LineNormalizer<R> {
    input: R,
    remaining: Rc<Cell<usize>>,
    last: u8,
    /// Whether the last byte was a carriage return, whose line break is written with the next byte.
    pending_cr: bool,
    ended: bool,
}

impl<R: BufRead> Read for LineNormalizer<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.remaining.get() == 0 {
            let reason =
                format!("a row has more than {RECORD_MAX} bytes; check for an unclosed quote");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let most = out.len().min(self.remaining.get());
        let mut count = 0;
        while count < most && !self.ended {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                self.ended = true;
                if self.pending_cr || self.last != b'\n' {
                    out[count] = b'\n';
                    count += 1;
                }
                break;
            }
            let mut used = 0;
            while used < chunk.len() && count < most {
                let byte = chunk[used];
                let pending_cr = std::mem::replace(&mut self.pending_cr, false);
                let normalized = match (pending_cr, byte) {
                    // A carriage return alone is a line break, too. The byte after it is read
                    // again.
                    (true, other) if other != b'\n' => b'\n',
                    (false, b'\r') => {
                        self.pending_cr = true;
                        used += 1;
                        continue;
                    }
                    (_, other) => {
                        used += 1;
                        other
                    }
                };
                self.last = normalized;
                out[count] = normalized;
                count += 1;
            }
            self.input.consume(used);
        }
        self.remaining.set(self.remaining.get() - count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<(u64, String)>, Error> {
        let mut sheet = Sheet::new(text)?;
        let mut rows = Vec::new();
        while let Some(row) = sheet.next()? {
            rows.push(match row {
                Ok(row) => (row.line, format!("{}|{}", row.get("a"), row.get("b"))),
                Err((line, fault)) => (line, format!("{}: {}", fault.field, fault.reason)),
            });
        }
        Ok(rows)
    }

    #[test]
    fn rows_have_line_numbers_with_every_kind_of_line_break() {
        let text = "\u{feff}b,a\n\n1,\"x\n\ny\"\n\n\n2,z";
        let wanted = vec![(3, "x\n\ny|1".to_owned()), (8, "z|2".to_owned())];
        assert_eq!(rows(text.as_bytes()).unwrap(), wanted);
        assert_eq!(rows(text.replace('\n', "\r\n").as_bytes()).unwrap(), wanted);
        assert_eq!(rows(text.replace('\n', "\r").as_bytes()).unwrap(), wanted);
        assert_eq!(rows(format!("{text}\n").as_bytes()).unwrap(), wanted);
    }

    #[test]
    fn faults_have_line_numbers() {
        let found = rows(b"a,b\n1\n1,2,\n1,2,3\n\xff,2\n").unwrap();
        let wanted = [
            (2, ": 1 cells under a heading of 2 columns"),
            (3, "1|2"),
            (4, ": 3 cells under a heading of 2 columns"),
            (5, "a: not UTF-8"),
        ];
        assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())));
        assert!(rows(b"").is_err());
        assert!(rows(b"\xef\xbb\xbf").is_err());
        assert!(rows(b"a,a\n").is_err());
    }

    #[test]
    fn an_unclosed_quote_is_an_error_at_the_row_limit() {
        let mut text = b"a,b\n1,2\n\"".to_vec();
        text.resize(2 * RECORD_MAX, b'x');
        assert!(matches!(rows(&text), Err(Error::Read { line: 3, .. })));
    }
}
