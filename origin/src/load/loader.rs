//! The loader: collects rows into batches, saves them and counts the outcomes.

use std::fmt;

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    app::App,
    catalog::{self, BATCH_MAX, PreparedProduct, Saved, SavedCategory, model::NewProduct},
    command_error::CommandError,
    db::Tx,
    import::{BadRow, LocatedRow, Row, Skipped},
};

use super::{Item, pictures::Pictures};

/// How to treat the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportMode {
    /// Stop at the first fault and roll everything back.
    pub strict: bool,
    /// Roll everything back at the end.
    pub dry_run: bool,
}

/// The outcome of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// New rows.
    pub added: u64,
    /// Changed rows.
    pub changed: u64,
    /// Unchanged rows.
    pub unchanged: u64,
    /// The number of faults.
    pub bad: u64,
    /// Why it stopped early. Rows before that may have been committed.
    pub stopped: Option<String>,
    dry_run: bool,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            changed,
            unchanged,
            bad,
            ..
        } = self;
        write!(
            f,
            "{added} added, {changed} changed, {unchanged} unchanged, {bad} bad"
        )?;
        if self.dry_run {
            f.write_str(" (dry run: nothing was changed)")?;
        }
        Ok(())
    }
}

/// Collects rows into batches and saves them.
pub struct Loader<'a> {
    app: &'a App,
    mode: ImportMode,
    tx: Option<Tx>,
    batch: Vec<(u64, NewProduct)>,
    pictures: Pictures,
    report: ImportReport,
    progress: ProgressBar,
}

impl<'a> Loader<'a> {
    /// Opens the media folder.
    pub fn new(app: &'a App, mode: ImportMode) -> Result<Self, CommandError> {
        let progress = ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} {pos} rows, {per_sec}, {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Ok(Self {
            app,
            mode,
            tx: None,
            batch: Vec::with_capacity(BATCH_MAX),
            pictures: Pictures::open(&app.config, mode.dry_run)?,
            report: ImportReport {
                dry_run: mode.dry_run,
                ..ImportReport::default()
            },
            progress,
        })
    }

    /// Whether it has stopped early.
    pub fn has_stopped(&self) -> bool {
        self.report.stopped.is_some()
    }

    /// Takes a row or a fault.
    pub async fn take(&mut self, item: Item) -> Result<(), CommandError> {
        match item {
            Err(bad) => self.report_fault(&bad),
            Ok(LocatedRow {
                line,
                row: Row::Category(category),
            }) => {
                self.progress.inc(1);
                let image = match &category.image {
                    Some(image) => match self.pictures.ingest(image) {
                        Ok(image) => Some(image),
                        Err(reason) => {
                            self.report_fault(&bad_field(line, "image", reason));
                            None
                        }
                    },
                    None => None,
                };
                let context = self.app.context();
                let tx = transaction(self.app, &mut self.tx).await?;
                match catalog::save_category(tx, context, &category, image.as_ref()).await? {
                    SavedCategory::Added => self.report.added += 1,
                    SavedCategory::Changed => self.report.changed += 1,
                    SavedCategory::Unchanged => self.report.unchanged += 1,
                    SavedCategory::Refused(name, reason) => {
                        self.report_fault(&bad_row(line, name, reason));
                    }
                }
            }
            Ok(LocatedRow {
                line,
                row: Row::Product(product),
            }) => {
                self.progress.inc(1);
                self.batch.push((line, product));
                if self.batch.len() == BATCH_MAX {
                    self.save().await?;
                }
            }
        }
        Ok(())
    }

    /// Saves the current batch, and commits it unless everything is one transaction.
    async fn save(&mut self) -> Result<(), CommandError> {
        let batch = std::mem::take(&mut self.batch);
        let lines: Vec<u64> = batch.iter().map(|(line, _)| *line).collect();
        let prepared = self.prepare(batch).await?;
        if self.has_stopped() {
            return Ok(());
        }
        let context = self.app.context();
        let tx = transaction(self.app, &mut self.tx).await?;
        let saved = catalog::save_products(tx, context, &prepared).await?;
        for (line, saved) in lines.into_iter().zip(saved) {
            match saved {
                Saved::Added(_) => self.report.added += 1,
                Saved::Changed(_) => self.report.changed += 1,
                Saved::Unchanged(_) => self.report.unchanged += 1,
                Saved::Refused(name, reason) => self.report_fault(&bad_row(line, name, reason)),
            }
        }
        if !(self.mode.strict || self.mode.dry_run) {
            self.commit().await?;
        }
        Ok(())
    }

    /// Ingests the pictures of a batch into the media folder.
    async fn prepare(
        &mut self,
        batch: Vec<(u64, NewProduct)>,
    ) -> Result<Vec<PreparedProduct>, CommandError> {
        let lines: Vec<u64> = batch.iter().map(|(line, _)| *line).collect();
        let pictures = self.pictures.clone();
        let work = tokio::task::spawn_blocking(move || {
            pictures.ingest_all(batch.into_iter().map(|(_, product)| product).collect())
        });
        let prepared = work
            .await
            .map_err(|error| CommandError(format!("an image failed: {error}")))?;
        let mut ready = Vec::with_capacity(prepared.len());
        for (line, (prepared, missing)) in lines.into_iter().zip(prepared) {
            for (index, reason) in missing {
                self.report_fault(&bad_field(line, &format!("images[{index}]"), reason));
            }
            ready.push(prepared);
        }
        Ok(ready)
    }

    /// Reports a fault. With `--strict`, it stops the import.
    fn report_fault(&mut self, bad: &BadRow) {
        self.report.bad += 1;
        self.progress.suspend(|| eprintln!("{bad}"));
        if self.mode.strict && self.report.stopped.is_none() {
            self.report.stopped = Some(format!("stopped at the first invalid row: {bad}"));
        }
    }

    async fn commit(&mut self) -> Result<(), CommandError> {
        match self.tx.take() {
            Some(tx) => Ok(tx.commit().await?),
            None => Ok(()),
        }
    }

    /// Saves the last batch and recounts facets. `unread` is the error that ended reading early.
    pub async fn finish(mut self, unread: Option<String>) -> Result<ImportReport, CommandError> {
        if !self.has_stopped() && !self.batch.is_empty() {
            self.save().await?;
        }
        if self.report.stopped.is_none() {
            self.report.stopped = unread;
        }
        let undone = self.mode.dry_run || (self.mode.strict && self.has_stopped());
        if undone {
            if let Some(tx) = self.tx.take() {
                tx.rollback().await?;
            }
            if !self.mode.dry_run {
                (self.report.added, self.report.changed) = (0, 0);
            }
        } else {
            let tx = transaction(self.app, &mut self.tx).await?;
            catalog::recount(tx, self.app.context()).await?;
            self.commit().await?;
        }
        self.commit().await?;
        self.progress.finish_and_clear();
        Ok(self.report)
    }
}

/// The open transaction, or a new one.
async fn transaction<'t>(app: &App, tx: &'t mut Option<Tx>) -> Result<&'t mut Tx, CommandError> {
    match tx {
        Some(tx) => Ok(tx),
        None => Ok(tx.insert(app.db.write().await?)),
    }
}

fn bad_row(line: u64, field: &str, reason: String) -> BadRow {
    BadRow {
        line,
        field: field.to_owned(),
        reason,
        skipped: Skipped::Row,
    }
}

fn bad_field(line: u64, field: &str, reason: String) -> BadRow {
    BadRow {
        line,
        field: field.to_owned(),
        reason,
        skipped: Skipped::Field,
    }
}
