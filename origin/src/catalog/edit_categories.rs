//! The staff's changes of categories. The version of a category is the hash of its content.

use shared::operator::CategoryDraft;

use crate::{
    audit::{self, Actor, Change},
    db, import,
};

use super::{
    Catalog, Error, SavedCategory, VersionPrecondition, categories,
    export::list_categories_for_export,
    facet_counts::{is_counted, record_save, recount, recount_lists},
    invalidation,
    model::NewCategory,
    save_category,
};

/// A category with its version.
pub type VersionedCategory = (CategoryDraft, String);

/// A category in its editable form.
pub async fn read_category(
    catalog: &Catalog,
    external_id: &str,
) -> Result<VersionedCategory, Error> {
    let mut reader = catalog.db.read().await?;
    let version = categories::version(&mut reader, external_id).await?;
    let version = version.ok_or(Error::NoSuchCategory)?;
    let tree = catalog.tree.load(&catalog.db).await?;
    let found = list_categories_for_export(&mut reader, &tree, "").await?;
    let found = found.into_iter().find(|it| it.external_id == external_id);
    Ok((draft_of(found.ok_or(Error::NoSuchCategory)?), version))
}

fn draft_of(category: NewCategory) -> CategoryDraft {
    CategoryDraft {
        slug: category.slug,
        parent: category.parent,
        position: category.position,
        names: category.names,
        descriptions: category.descriptions,
    }
}

/// Creates or changes a category. Returns whether it is new.
pub async fn save_category_draft(
    catalog: &Catalog,
    actor: &Actor,
    external_id: &str,
    precondition: &VersionPrecondition,
    draft: &CategoryDraft,
) -> Result<(VersionedCategory, bool), Error> {
    let category = NewCategory {
        external_id: external_id.to_owned(),
        slug: draft.slug.clone(),
        parent: draft.parent.clone(),
        position: draft.position,
        names: draft.names.clone(),
        descriptions: draft.descriptions.clone(),
        image: None,
    };
    let category = import::check_category(catalog.config.currency, category).map_err(|bad| {
        let named = bad.into_iter().map(|it| (it.field, it.reason));
        Error::Fields(named.collect())
    })?;
    let save = async || {
        let mut tx = catalog.db.write().await?;
        let before = categories::version(tx.conn(), external_id).await?;
        precondition.check(before.as_deref())?;
        let was_counted = is_counted(&mut tx).await?;
        let image = categories::image(tx.conn(), external_id).await?;
        let saved = save_category(&mut tx, catalog.context(), &category, image.as_ref()).await?;
        if let SavedCategory::Refused(field, why) = saved {
            return Err(Error::Refused(field, why));
        }
        if was_counted {
            recount_lists(&mut tx, &[]).await?;
        } else {
            recount(&mut tx, catalog.context()).await?;
        }
        let change = Change::new("category.save", format!("category:{external_id}")).to(draft);
        audit::record(&mut tx, catalog.context(), actor, &[change]).await?;
        tx.commit().await?;
        Ok(before.is_none())
    };
    let is_new = db::retry_on_conflict(save, Error::is_conflict).await?;
    Ok((read_category(catalog, external_id).await?, is_new))
}

/// Deletes an empty category.
pub async fn delete_category(
    catalog: &Catalog,
    actor: &Actor,
    external_id: &str,
    precondition: &VersionPrecondition,
) -> Result<(), Error> {
    let (before, _) = read_category(catalog, external_id).await?;
    let delete = async || {
        let mut tx = catalog.db.write().await?;
        let version = categories::version(tx.conn(), external_id).await?;
        precondition.check(version.as_deref())?;
        if !categories::delete_empty(&mut tx, external_id).await? {
            return Err(Error::NotEmpty);
        }
        record_save(&mut tx).await?;
        invalidation::invalidate_categories(&mut tx, catalog.context()).await?;
        recount(&mut tx, catalog.context()).await?;
        let change = Change::new("category.delete", format!("category:{external_id}"));
        audit::record(&mut tx, catalog.context(), actor, &[change.from(&before)]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(delete, Error::is_conflict).await
}
