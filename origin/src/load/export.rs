//! `origin export`: writes the catalogue to a file, a page of products at a time.

use std::{fs::File, io::BufWriter, path::Path, process::ExitCode};

use shared::id::ProductId;

use crate::{
    app::App,
    audit::{self, Change},
    catalog,
    command_error::CommandError,
    import::{Row, export::Writer},
};

use super::ExportArgs;

/// The number of products that are in memory at once.
const PAGE: i64 = 500;

/// Runs `origin export`. An incomplete file is deleted.
pub async fn export(app: &App, args: ExportArgs) -> Result<ExitCode, CommandError> {
    let path = &args.file;
    let failed =
        |error: std::io::Error| CommandError(format!("cannot write {}: {error}", path.display()));
    let is = |extension| path.extension().is_some_and(|it| it == extension);
    if !is("csv") && !is("jsonl") {
        let reason = "the file name must end in .csv or .jsonl";
        return Err(CommandError(reason.to_owned()));
    }
    let file = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let file = BufWriter::new(file);
    let writer = if is("csv") {
        Writer::csv(file, folder).map_err(failed)?
    } else {
        Writer::jsonl(file, folder)
    };
    match write(app, writer).await {
        Ok(count) => {
            println!("{count} products written to {}", path.display());
            let change = Change::new("catalogue.export", "catalogue").to(&count);
            audit::record_command(app, change).await?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // The first error is the one to report.
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}

async fn write(app: &App, mut writer: Writer<BufWriter<File>>) -> Result<u64, CommandError> {
    let failed = |error: std::io::Error| CommandError(format!("writing failed: {error}"));
    let unreadable = |error: catalog::Error| CommandError(format!("reading failed: {error}"));
    let tree = catalog::tree(app).await.map_err(unreadable)?;
    let mut reader = app.db.read().await?;
    let base_url = &app.config.base_url;
    let categories = catalog::list_categories_for_export(&mut reader, &tree, base_url)
        .await
        .map_err(unreadable)?;
    for category in categories {
        writer.write(&Row::Category(category)).map_err(failed)?;
    }
    let mut last = ProductId::new(0);
    let mut count = 0;
    loop {
        let page = catalog::list_products_for_export(&mut reader, last, PAGE, base_url);
        let page = page.await.map_err(unreadable)?;
        let Some((id, _)) = page.last() else { break };
        last = *id;
        for (_, product) in page {
            writer.write(&Row::Product(product)).map_err(failed)?;
            count += 1;
        }
    }
    let file = writer
        .finish()
        .map_err(failed)?
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(count)
}
