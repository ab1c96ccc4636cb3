//! `origin seed`: loads the demo catalogue and optionally generated products for load tests.
//! Seeding again changes nothing.

use std::{ops::ControlFlow, process::ExitCode};

use clap::Args;

use crate::{
    app::App,
    audit::{self, Change},
    command_error::CommandError,
    import::{self, Format, LocatedRow, Row, Source},
};

use super::{ImportMode, ImportReport, bulk, load};

/// Flags of `origin seed`
#[derive(Args, Clone, Debug)]
pub struct SeedArgs {
    /// The number of products to generate for a load test, in addition to the demo catalogue
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub products: u64,
}

/// Runs `origin seed`.
pub async fn seed(app: &App, args: SeedArgs) -> Result<ExitCode, CommandError> {
    let report = seed_shop(app, args.products).await?;
    println!("{report}");
    let change = Change::new("catalogue.seed", "catalogue").to(&report.to_string());
    audit::record_command(app, change).await?;
    match report.stopped {
        Some(why) => Err(CommandError(why)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Loads the demo catalogue and `products` generated ones.
pub async fn seed_shop(app: &App, products: u64) -> Result<ImportReport, CommandError> {
    let currency = app.config.currency;
    load(app, ImportMode::default(), move |emit| {
        let mut categories = Vec::new();
        let folder = tempfile::tempdir().map_err(|error| format!("the demo: {error}"))?;
        for (name, text) in demo::files() {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map_err(|error| format!("the demo: {error}"))?;
            let source = Source {
                path,
                translations: None,
                media: None,
            };
            let mut note = |item: super::Item| {
                if let Ok(LocatedRow {
                    row: Row::Category(category),
                    ..
                }) = &item
                {
                    categories.push(category.external_id.clone());
                }
                emit(item)
            };
            import::read(Format::Jsonl, &source, currency, &mut note)
                .map_err(|error| format!("{name}: {error}"))?;
        }
        for product in bulk::products(products, &categories, currency) {
            let row = Row::Product(product);
            if let ControlFlow::Break(()) = emit(Ok(LocatedRow { line: 0, row })) {
                break;
            }
        }
        Ok(())
    })
    .await
}
