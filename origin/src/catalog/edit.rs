//! The staff's changes of products, one at a time and with optimistic concurrency control. The
//! rules are those of imports.

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
    audit::{self, Actor, Change},
    db::{self, Tx},
    import, inventory, media,
    platform::Platform,
};

use super::{
    Catalog, Error, PreparedProduct, Saved, StoredImage,
    draft::{draft_of, product_of},
    export::{find_product_for_export, list_products_for_export},
    facet_counts::{is_counted, recount, recount_lists},
    save_products,
    store::{self, ProductVersion},
    update_availability,
};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// The version that a client expects to change (`If-Match`, `If-None-Match`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPrecondition {
    /// No precondition.
    Any,
    /// It does not exist yet.
    Absent,
    /// It has this version.
    Version(String),
}

impl VersionPrecondition {
    /// Checks the precondition against the current version, which is None if nothing exists.
    pub(super) fn check(&self, version: Option<&str>) -> Result<(), Error> {
        let same = match (self, version) {
            (Self::Any, _) | (Self::Absent, None) => true,
            (Self::Version(expected), Some(version)) => expected == version,
            _ => false,
        };
        if same { Ok(()) } else { Err(Error::Stale) }
    }
}

/// A product with its version.
pub type VersionedProduct = (ProductDraft, i64);

/// A product in its editable form, whatever its status.
pub async fn read_draft(platform: &Platform, external_id: &str) -> Result<VersionedProduct, Error> {
    let mut reader = platform.db.read().await?;
    let current = store::find_version(&mut reader, external_id, "").await?;
    let current = current.ok_or(Error::NoSuchProduct)?;
    let product = find_product_for_export(&mut reader, current.id).await?;
    let (product, images) = product.ok_or(Error::NoSuchProduct)?;
    Ok((draft_of(product, &images), current.version))
}

/// A page of products, whatever their status.
pub async fn list_drafts(platform: &Platform, query: &ListDrafts) -> Result<DraftList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Error::Invalid(
            "limit",
            "limit must be a whole number from 1 to 100",
        ));
    }
    let after = ProductId::new(query.cursor.map_or(0, |it| it.id));
    let mut reader = platform.db.read().await?;
    let mut found = list_products_for_export(&mut reader, after, i64::from(limit) + 1, "").await?;
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

/// Creates or changes a product. Returns whether it is new.
pub async fn save_draft(
    platform: &Platform,
    actor: &Actor,
    external_id: &str,
    precondition: &VersionPrecondition,
    draft: &ProductDraft,
) -> Result<(VersionedProduct, bool), Error> {
    let save = async || {
        let mut tx = platform.db.write().await?;
        let known = find_locked(&mut tx, external_id).await?;
        let version = known
            .as_ref()
            .map(|(current, ..)| current.version.to_string());
        precondition.check(version.as_deref())?;
        let images = known.as_ref().map_or(&[][..], |(.., images)| images);
        let images = images_of(&draft.images, images)?;
        let before = known.as_ref().map(|(_, before, _)| before);
        let saved = write(
            platform,
            &mut tx,
            actor,
            external_id,
            (before, draft),
            images,
        )
        .await?;
        tx.commit().await?;
        Ok((saved, known.is_none()))
    };
    db::retry_on_conflict(save, Error::is_conflict).await
}

/// Changes one variant.
pub async fn change_variant(
    platform: &Platform,
    actor: &Actor,
    sku: &str,
    precondition: &VersionPrecondition,
    change: &ChangeVariant,
) -> Result<VersionedProduct, Error> {
    edit_with(
        platform,
        actor,
        ProductKey::Sku(sku),
        precondition,
        |draft, _| {
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
        },
    )
    .await
}

/// Archives a product. Its row stays for orders that refer to it, and it can be activated again.
pub async fn archive(
    platform: &Platform,
    actor: &Actor,
    external_id: &str,
    precondition: &VersionPrecondition,
) -> Result<VersionedProduct, Error> {
    edit_with(
        platform,
        actor,
        ProductKey::External(external_id),
        precondition,
        |draft, _| {
            draft.status = ProductStatus::Archived;
            Ok(())
        },
    )
    .await
}

/// Adds a picture to a product. Its format is detected from its content: PNG, JPEG, WebP or GIF.
pub async fn add_image(
    catalog: &Catalog,
    actor: &Actor,
    external_id: &str,
    precondition: &VersionPrecondition,
    content: bytes::Bytes,
) -> Result<VersionedProduct, Error> {
    let library = media::Library::of_config(&catalog.config);
    // The permit moves into the blocking task, so a cancelled request does not release it early.
    let permit = Arc::clone(&catalog.pictures).acquire_owned().await;
    let ingested = tokio::task::spawn_blocking(move || {
        let library = library.map_err(|it| it.to_string())?;
        let ingested = library.ingest(&content).map_err(|it| it.to_string());
        drop(permit);
        ingested
    });
    let ingested = ingested
        .await
        .map_err(|it| it.to_string())
        .and_then(|it| it);
    let image = ingested.map_err(|why| Error::Refused("image", why))?;
    edit_with(
        catalog,
        actor,
        ProductKey::External(external_id),
        precondition,
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

/// The key by which a product is found.
#[derive(Clone, Copy)]
enum ProductKey<'a> {
    External(&'a str),
    Sku(&'a str),
}

/// Applies a change to the current state of a product.
async fn edit_with(
    platform: &Platform,
    actor: &Actor,
    key: ProductKey<'_>,
    precondition: &VersionPrecondition,
    change: impl Fn(&mut ProductDraft, &mut Vec<StoredImage>) -> Result<(), Error>,
) -> Result<VersionedProduct, Error> {
    let edit = async || {
        let mut tx = platform.db.write().await?;
        let external_id = match key {
            ProductKey::External(external_id) => external_id.to_owned(),
            ProductKey::Sku(sku) => {
                let id = store::external_id_of(tx.conn(), sku).await?;
                id.ok_or(Error::NoSuchProduct)?
            }
        };
        let known = find_locked(&mut tx, &external_id).await?;
        let (current, before, mut images) = known.ok_or(Error::NoSuchProduct)?;
        precondition.check(Some(&current.version.to_string()))?;
        let mut draft = before.clone();
        change(&mut draft, &mut images)?;
        let images = images_of(&draft.images, &images)?;
        let drafts = (Some(&before), &draft);
        let saved = write(platform, &mut tx, actor, &external_id, drafts, images).await?;
        tx.commit().await?;
        Ok(saved)
    };
    db::retry_on_conflict(edit, Error::is_conflict).await
}

type LockedProduct = (ProductVersion, ProductDraft, Vec<StoredImage>);

async fn find_locked(tx: &mut Tx, external_id: &str) -> Result<Option<LockedProduct>, Error> {
    let lock = tx.dialect().for_update();
    let Some(current) = store::find_version(tx.conn(), external_id, lock).await? else {
        return Ok(None);
    };
    let product = find_product_for_export(tx.conn(), current.id).await?;
    let (product, images) = product.ok_or(Error::NoSuchProduct)?;
    Ok(Some((current, draft_of(product, &images), images)))
}

/// The pictures of a draft: existing ones of the product, and URLs of others.
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

/// Saves a product, its facets and the audit entry. Its stock is not changed.
async fn write(
    platform: &Platform,
    tx: &mut Tx,
    actor: &Actor,
    external_id: &str,
    (before, draft): (Option<&ProductDraft>, &ProductDraft),
    images: Vec<StoredImage>,
) -> Result<VersionedProduct, Error> {
    let product = product_of(external_id, draft);
    let mut product = import::check_product(platform.config.currency, product).map_err(|bad| {
        let named = bad.into_iter().map(|it| (it.field, it.reason));
        Error::Fields(named.collect())
    })?;
    let skus: Vec<&str> = product.variants.iter().map(|it| it.sku.as_str()).collect();
    let known = super::find_skus(tx.conn(), &skus).await?;
    let variants: Vec<_> = known.values().copied().collect();
    let lock = tx.dialect().for_update();
    let levels = inventory::list_levels(tx.conn(), &variants, lock).await?;
    let sold = store::sold_of(tx.conn(), external_id).await?;
    (product.sold, product.created_at) = sold.map_or((0, None), |(sold, at)| (sold, Some(at)));
    for variant in &mut product.variants {
        let inventory_levels = known.get(&variant.sku).and_then(|it| levels.get(it));
        let main = inventory_levels.into_iter().flatten();
        let main = main.filter(|it| it.location == inventory::MAIN);
        let on_hand = main.map(|it| it.on_hand).sum();
        variant.stock = variant.stock.map(|_| on_hand);
    }
    let skus: Vec<String> = product.variants.iter().map(|it| it.sku.clone()).collect();
    let prepared = PreparedProduct { product, images };
    let mut lists = store::listed_in(tx.conn(), external_id).await?;
    let was_counted = is_counted(tx).await?;
    let saved = save_products(tx, platform.context(), &[prepared]).await?;
    if let Some(Saved::Refused(field, why)) = saved.into_iter().next() {
        return Err(Error::Refused(field, why));
    }
    let sku_refs: Vec<&str> = skus.iter().map(String::as_str).collect();
    let variants: Vec<_> = super::find_skus(tx.conn(), &sku_refs)
        .await?
        .into_values()
        .collect();
    update_availability(tx, &variants, platform.context()).await?;
    if was_counted {
        lists.extend(store::listed_in(tx.conn(), external_id).await?);
        recount_lists(tx, &lists).await?;
    } else {
        recount(tx, platform.context()).await?;
    }
    let current = store::find_version(tx.conn(), external_id, "").await?;
    let current = current.ok_or(Error::NoSuchProduct)?;
    let stored = find_product_for_export(tx.conn(), current.id).await?;
    let (product, images) = stored.ok_or(Error::NoSuchProduct)?;
    let now = draft_of(product, &images);
    let change = Change::new("product.save", format!("product:{external_id}"));
    let change = change.from(&before).to(&now);
    audit::record(tx, platform.context(), actor, &[change]).await?;
    Ok((now, current.version))
}
