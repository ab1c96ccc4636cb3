//! Changing the catalogue by hand: a product or category at a time, with the version that was seen. What
//! may be written is what may be imported.

use std::sync::Arc;

use shared::{
    catalog::Image,
    cursor::{Cursor, Direction},
    id::ProductId,
    operator::{
        ChangeVariant, DraftList, ImageDraft, ListDrafts, NamedDraft, ProductDraft, ProductStatus,
    },
};

use crate::{
    accounts::Actor,
    app::App,
    audit::{self, Change},
    db::{self, Tx},
    import, inventory,
};

use super::{
    Error, Prepared, Saved, StoredImage,
    count::{is_counted, recount, recount_of},
    draft::{draft_of, product_of},
    save_products, stock_changed,
    store::{self, Edited},
    unload::{unload_one, unload_products},
};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// What a caller has seen of what they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It says nothing of it.
    Anything,
    /// There is none yet.
    Nothing,
    /// This version.
    Version(String),
}

impl Seen {
    /// Whether it is still so; `version` is the present one, if there is anything.
    pub(super) fn check(&self, version: Option<&str>) -> Result<(), Error> {
        let same = match (self, version) {
            (Self::Anything, _) | (Self::Nothing, None) => true,
            (Self::Version(seen), Some(version)) => seen == version,
            _ => false,
        };
        if same { Ok(()) } else { Err(Error::Stale) }
    }
}

/// A product with its version.
pub type Versioned = (ProductDraft, i64);

/// A product as it is written, whatever its status.
pub async fn read_draft(app: &App, external_id: &str) -> Result<Versioned, Error> {
    let mut reader = app.db.read().await?;
    let edited = store::find_edited(&mut reader, external_id, "").await?;
    let edited = edited.ok_or(Error::NoSuchProduct)?;
    let product = unload_one(&mut reader, edited.id).await?;
    let (product, images) = product.ok_or(Error::NoSuchProduct)?;
    Ok((draft_of(product, &images), edited.version))
}

/// A page of products, whatever their status.
pub async fn list_drafts(app: &App, query: &ListDrafts) -> Result<DraftList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Error::Invalid(
            "limit",
            "limit must be a whole number from 1 to 100",
        ));
    }
    let after = ProductId::new(query.cursor.map_or(0, |it| it.id));
    let mut reader = app.db.read().await?;
    let mut found = unload_products(&mut reader, after, i64::from(limit) + 1, "").await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(id, _)| Cursor {
        order: 0,
        direction: Direction::After,
        key: id.get(),
        id: id.get(),
    });
    let products = found.into_iter().map(|(_, product)| NamedDraft {
        external_id: product.external_id.clone(),
        product: draft_of(product, &[]),
    });
    Ok(DraftList {
        products: products.collect(),
        next,
    })
}

/// Writes a product, new or changed. Says whether it is new.
pub async fn save_draft(
    app: &App,
    actor: &Actor,
    external_id: &str,
    seen: &Seen,
    draft: &ProductDraft,
) -> Result<(Versioned, bool), Error> {
    let save = async || {
        let mut tx = app.db.write().await?;
        let known = find_locked(&mut tx, external_id).await?;
        let version = known
            .as_ref()
            .map(|(edited, ..)| edited.version.to_string());
        seen.check(version.as_deref())?;
        let images = known.as_ref().map_or(&[][..], |(.., images)| images);
        let images = images_of(&draft.images, images)?;
        let before = known.as_ref().map(|(_, before, _)| before);
        let saved = write(app, &mut tx, actor, external_id, (before, draft), images).await?;
        tx.commit().await?;
        Ok((saved, known.is_none()))
    };
    db::retry_on_conflict(save, Error::is_conflict).await
}

/// Changes one variant.
pub async fn change_variant(
    app: &App,
    actor: &Actor,
    sku: &str,
    seen: &Seen,
    change: &ChangeVariant,
) -> Result<Versioned, Error> {
    edit_with(app, actor, Found::Sku(sku), seen, |draft, _| {
        let mut variants = draft.variants.iter_mut();
        let variant = variants.find(|it| it.sku == sku);
        let variant = variant.ok_or(Error::NoSuchProduct)?;
        variant.gtin = change.gtin.clone().or_else(|| variant.gtin.take());
        variant.price = change.price.unwrap_or(variant.price);
        variant.compare_at = change.compare_at.or(variant.compare_at);
        variant.tracked = change.tracked.unwrap_or(variant.tracked);
        variant.backorder = change.backorder.unwrap_or(variant.backorder);
        variant.weight_g = change.weight_g.or(variant.weight_g);
        Ok(())
    })
    .await
}

/// Takes a product out of the shop. It stays for the orders that name it, and can come back.
pub async fn archive(
    app: &App,
    actor: &Actor,
    external_id: &str,
    seen: &Seen,
) -> Result<Versioned, Error> {
    edit_with(
        app,
        actor,
        Found::External(external_id),
        seen,
        |draft, _| {
            draft.status = ProductStatus::Archived;
            Ok(())
        },
    )
    .await
}

/// Adds a picture to a product. What it is its content says: PNG, JPEG, WebP or GIF, and nothing else.
pub async fn add_image(
    app: &App,
    actor: &Actor,
    external_id: &str,
    seen: &Seen,
    content: bytes::Bytes,
) -> Result<Versioned, Error> {
    let library = app.config.library();
    // Who goes away meanwhile leaves the turn with the work, not with the request.
    let turn = Arc::clone(&app.pictures).acquire_owned().await;
    let taken = tokio::task::spawn_blocking(move || {
        let library = library.map_err(|it| it.to_string())?;
        let taken = library.ingest(&content).map_err(|it| it.to_string());
        drop(turn);
        taken
    });
    let taken = taken.await.map_err(|it| it.to_string()).and_then(|it| it);
    let image = taken.map_err(|why| Error::Refused("image", why))?;
    edit_with(
        app,
        actor,
        Found::External(external_id),
        seen,
        |draft, images| {
            if images.iter().any(|it| it.image.src == image.src) {
                return Ok(());
            }
            draft.images.push(ImageDraft {
                src: image.src.clone(),
                alts: shared::operator::Texts::new(),
            });
            images.push(StoredImage {
                image: image.clone(),
                alts: super::model::Texts::new(),
            });
            Ok(())
        },
    )
    .await
}

/// By what a product is found.
#[derive(Clone, Copy)]
enum Found<'a> {
    External(&'a str),
    Sku(&'a str),
}

/// Changes a product as it is now.
async fn edit_with(
    app: &App,
    actor: &Actor,
    found: Found<'_>,
    seen: &Seen,
    change: impl Fn(&mut ProductDraft, &mut Vec<StoredImage>) -> Result<(), Error>,
) -> Result<Versioned, Error> {
    let edit = async || {
        let mut tx = app.db.write().await?;
        let external_id = match found {
            Found::External(external_id) => external_id.to_owned(),
            Found::Sku(sku) => {
                let id = store::external_id_of(tx.conn(), sku).await?;
                id.ok_or(Error::NoSuchProduct)?
            }
        };
        let known = find_locked(&mut tx, &external_id).await?;
        let (edited, before, mut images) = known.ok_or(Error::NoSuchProduct)?;
        seen.check(Some(&edited.version.to_string()))?;
        let mut draft = before.clone();
        change(&mut draft, &mut images)?;
        let images = images_of(&draft.images, &images)?;
        let drafts = (Some(&before), &draft);
        let saved = write(app, &mut tx, actor, &external_id, drafts, images).await?;
        tx.commit().await?;
        Ok(saved)
    };
    db::retry_on_conflict(edit, Error::is_conflict).await
}

type Known = (Edited, ProductDraft, Vec<StoredImage>);

async fn find_locked(tx: &mut Tx, external_id: &str) -> Result<Option<Known>, Error> {
    let lock = tx.dialect().for_update();
    let Some(edited) = store::find_edited(tx.conn(), external_id, lock).await? else {
        return Ok(None);
    };
    let product = unload_one(tx.conn(), edited.id).await?;
    let (product, images) = product.ok_or(Error::NoSuchProduct)?;
    Ok(Some((edited, draft_of(product, &images), images)))
}

/// The pictures of a draft: those that the product has, and addresses of others.
fn images_of(drafts: &[ImageDraft], known: &[StoredImage]) -> Result<Vec<StoredImage>, Error> {
    let image = |draft: &ImageDraft| {
        let stored = known.iter().find(|it| it.image.src == draft.src);
        let image = match stored {
            Some(stored) => stored.image.clone(),
            None if draft.src.starts_with("https://") || draft.src.starts_with("http://") => {
                Image {
                    src: draft.src.clone(),
                    ..Image::default()
                }
            }
            None => {
                let why = format!(
                    "{:?} is neither an image of the product nor an http or https URL",
                    draft.src
                );
                return Err(Error::Refused("images", why));
            }
        };
        Ok(StoredImage {
            image,
            alts: draft.alts.clone(),
        })
    };
    drafts.iter().map(image).collect()
}

/// Writes a product with what belongs to it; its stock stays as it is.
async fn write(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    external_id: &str,
    (before, draft): (Option<&ProductDraft>, &ProductDraft),
    images: Vec<StoredImage>,
) -> Result<Versioned, Error> {
    let product = product_of(external_id, draft);
    let mut product = import::check_product(app.config.currency, product).map_err(|bad| {
        let named = bad.into_iter().map(|it| (it.field, it.reason));
        Error::Fields(named.collect())
    })?;
    let skus: Vec<&str> = product.variants.iter().map(|it| it.sku.as_str()).collect();
    let known = super::find_skus(tx.conn(), &skus).await?;
    let variants: Vec<_> = known.values().copied().collect();
    let lock = tx.dialect().for_update();
    let levels = inventory::levels(tx.conn(), &variants, lock).await?;
    let sold = store::sold_of(tx.conn(), external_id).await?;
    (product.sold, product.created_at) = sold.map_or((0, None), |(sold, at)| (sold, Some(at)));
    for variant in &mut product.variants {
        let shelves = known.get(&variant.sku).and_then(|it| levels.get(it));
        let main = shelves.into_iter().flatten();
        let main = main.filter(|it| it.location == inventory::MAIN);
        let there = main.map(|it| it.on_hand).sum();
        variant.stock = variant.stock.map(|_| there);
    }
    let skus: Vec<String> = product.variants.iter().map(|it| it.sku.clone()).collect();
    let prepared = Prepared { product, images };
    let mut shown = store::listed_in(tx.conn(), external_id).await?;
    let counted = is_counted(tx).await?;
    let saved = save_products(tx, app.context(), &[prepared]).await?;
    if let Some(Saved::Refused(field, why)) = saved.into_iter().next() {
        return Err(Error::Refused(field, why));
    }
    let asked: Vec<&str> = skus.iter().map(String::as_str).collect();
    let variants: Vec<_> = super::find_skus(tx.conn(), &asked)
        .await?
        .into_values()
        .collect();
    stock_changed(tx, &variants, app.context()).await?;
    if counted {
        shown.extend(store::listed_in(tx.conn(), external_id).await?);
        recount_of(tx, &shown).await?;
    } else {
        recount(tx, app.context()).await?;
    }
    let edited = store::find_edited(tx.conn(), external_id, "").await?;
    let edited = edited.ok_or(Error::NoSuchProduct)?;
    let written = unload_one(tx.conn(), edited.id).await?;
    let (product, images) = written.ok_or(Error::NoSuchProduct)?;
    let now = draft_of(product, &images);
    let change = Change::new("product.save", format!("product:{external_id}"));
    let change = change.from(&before).to(&now);
    audit::note(tx, app.context(), actor, &[change]).await?;
    Ok((now, edited.version))
}
