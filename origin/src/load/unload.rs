//! `origin export`: the catalogue back into a file, a page of products at a time.

use std::{fs::File, io::BufWriter, process::ExitCode};

use shared::id::ProductId;

use crate::{app::App, catalog, cli::Failure, import::export};

use super::ExportArgs;

/// Products that are in memory at once.
const PAGE: i64 = 500;

/// Runs `origin export`. A file that could not be written whole is taken away again.
pub async fn export(app: &App, args: ExportArgs) -> Result<ExitCode, Failure> {
    let path = &args.file;
    let failed =
        |error: std::io::Error| Failure(format!("cannot write {}: {error}", path.display()));
    let file = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    match write(app, BufWriter::new(file)).await {
        Ok(count) => {
            println!("{count} products written to {}", path.display());
            app.db.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // The first error is the one to report.
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}

async fn write(app: &App, mut file: BufWriter<File>) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure(format!("writing failed: {error}"));
    let unreadable = |error: catalog::Error| Failure(format!("reading failed: {error}"));
    let tree = catalog::tree(app).await.map_err(unreadable)?;
    let mut reader = app.db.read().await?;
    let base_url = &app.config.base_url;
    let categories = catalog::unload_categories(&mut reader, &tree, base_url)
        .await
        .map_err(unreadable)?;
    for category in &categories {
        export::write_category(&mut file, category).map_err(failed)?;
    }
    let mut last = ProductId::new(0);
    let mut count = 0;
    loop {
        let page = catalog::unload_products(&mut reader, last, PAGE, base_url);
        let page = page.await.map_err(unreadable)?;
        let Some((id, _)) = page.last() else { break };
        last = *id;
        for (_, product) in &page {
            export::write_product(&mut file, product).map_err(failed)?;
            count += 1;
        }
    }
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(count)
}
