//! The loader: gathers rows into batches, saves them, and keeps count of what became of them.

use std::fmt;

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    app::App,
    catalog::{self, BATCH_MAX, Prepared, Saved, SavedCategory, model::NewProduct},
    cli::CommandError,
    db::Tx,
    import::{BadRow, Located, Lost, Row},
};

use super::{Item, pictures::Pictures};

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// The first thing that is wrong stops it, and undoes everything.
    pub strict: bool,
    /// Everything is undone at the end.
    pub dry_run: bool,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that are new.
    pub added: u64,
    /// Rows that were there and are different now.
    pub changed: u64,
    /// Rows that were there just like this.
    pub unchanged: u64,
    /// What was wrong, whatever was lost by it.
    pub bad: u64,
    /// Why it ended early; nothing was changed then, or only what came before.
    pub stopped: Option<String>,
    dry_run: bool,
}

impl fmt::Display for Report {
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

/// Gathers and saves.
pub struct Loader<'a> {
    app: &'a App,
    mode: Mode,
    tx: Option<Tx>,
    batch: Vec<(u64, NewProduct)>,
    pictures: Pictures,
    report: Report,
    progress: ProgressBar,
}

impl<'a> Loader<'a> {
    /// A loader that has seen nothing yet.
    pub fn new(app: &'a App, mode: Mode) -> Result<Self, CommandError> {
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
            report: Report {
                dry_run: mode.dry_run,
                ..Report::default()
            },
            progress,
        })
    }

    /// Whether it wants no more.
    pub fn has_stopped(&self) -> bool {
        self.report.stopped.is_some()
    }

    /// Takes a row, or what is wrong with one.
    pub async fn take(&mut self, item: Item) -> Result<(), CommandError> {
        match item {
            Err(bad) => self.complain(&bad),
            Ok(Located {
                line,
                row: Row::Category(category),
            }) => {
                self.progress.inc(1);
                let image = match &category.image {
                    Some(image) => match self.pictures.put(image) {
                        Ok(image) => Some(image),
                        Err(reason) => {
                            self.complain(&field(line, "image", reason));
                            None
                        }
                    },
                    None => None,
                };
                let context = self.app.context();
                let tx = tx(self.app, &mut self.tx).await?;
                match catalog::save_category(tx, context, &category, image.as_ref()).await? {
                    SavedCategory::Added => self.report.added += 1,
                    SavedCategory::Changed => self.report.changed += 1,
                    SavedCategory::Unchanged => self.report.unchanged += 1,
                    SavedCategory::Refused(name, reason) => {
                        self.complain(&refused(line, name, reason));
                    }
                }
            }
            Ok(Located {
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

    /// Saves what is gathered. Unless everything is one transaction, it is committed.
    async fn save(&mut self) -> Result<(), CommandError> {
        let batch = std::mem::take(&mut self.batch);
        let lines: Vec<u64> = batch.iter().map(|(line, _)| *line).collect();
        let prepared = self.prepare(batch).await?;
        if self.has_stopped() {
            return Ok(());
        }
        let context = self.app.context();
        let tx = tx(self.app, &mut self.tx).await?;
        let saved = catalog::save_products(tx, context, &prepared).await?;
        for (line, saved) in lines.into_iter().zip(saved) {
            match saved {
                Saved::Added(_) => self.report.added += 1,
                Saved::Changed(_) => self.report.changed += 1,
                Saved::Unchanged(_) => self.report.unchanged += 1,
                Saved::Refused(name, reason) => self.complain(&refused(line, name, reason)),
            }
        }
        if !(self.mode.strict || self.mode.dry_run) {
            self.commit().await?;
        }
        Ok(())
    }

    /// Puts the pictures of a batch into the media folder.
    async fn prepare(
        &mut self,
        batch: Vec<(u64, NewProduct)>,
    ) -> Result<Vec<Prepared>, CommandError> {
        let lines: Vec<u64> = batch.iter().map(|(line, _)| *line).collect();
        let pictures = self.pictures.clone();
        let work = tokio::task::spawn_blocking(move || {
            pictures.put_all(batch.into_iter().map(|(_, product)| product).collect())
        });
        let prepared = work
            .await
            .map_err(|error| CommandError(format!("an image failed: {error}")))?;
        let mut ready = Vec::with_capacity(prepared.len());
        for (line, (prepared, missing)) in lines.into_iter().zip(prepared) {
            for (index, reason) in missing {
                self.complain(&field(line, &format!("images[{index}]"), reason));
            }
            ready.push(prepared);
        }
        Ok(ready)
    }

    /// Says what is wrong; with `--strict` that is the end.
    fn complain(&mut self, bad: &BadRow) {
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

    /// Saves the rest and counts anew. `unread` says why the file could not be read to its end.
    pub async fn finish(mut self, unread: Option<String>) -> Result<Report, CommandError> {
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
            let tx = tx(self.app, &mut self.tx).await?;
            catalog::recount(tx, self.app.context()).await?;
            self.commit().await?;
        }
        self.commit().await?;
        self.progress.finish_and_clear();
        Ok(self.report)
    }
}

/// The transaction that is under way, or a new one.
async fn tx<'t>(app: &App, tx: &'t mut Option<Tx>) -> Result<&'t mut Tx, CommandError> {
    match tx {
        Some(tx) => Ok(tx),
        None => Ok(tx.insert(app.db.write().await?)),
    }
}

fn refused(line: u64, field: &str, reason: String) -> BadRow {
    BadRow {
        line,
        field: field.to_owned(),
        reason,
        lost: Lost::Row,
    }
}

fn field(line: u64, field: &str, reason: String) -> BadRow {
    BadRow {
        line,
        field: field.to_owned(),
        reason,
        lost: Lost::Field,
    }
}
