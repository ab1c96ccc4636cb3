//! Saves categories one at a time: there are few, and each may refer to the one before it.

use shared::{id::CategoryId, locale::Locale};
use sqlx::{AnyConnection, Row as _};

use crate::{
    db::{self, Rows, Tx},
    platform::WriteContext,
};

use super::{
    Error,
    facet_counts::record_save,
    invalidation,
    model::NewCategory,
    slug::slug_from,
    store::StoredImage,
    tree::{DEPTH_MAX, text},
};

/// The outcome of saving a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedCategory {
    /// It is new.
    Added,
    /// It existed and was changed.
    Changed,
    /// It existed with the same content.
    Unchanged,
    /// It cannot be saved: which field, and why.
    Refused(&'static str, String),
}

/// Saves a category and its position in the tree.
pub async fn save_category(
    tx: &mut Tx,
    context: WriteContext<'_>,
    category: &NewCategory,
    image: Option<&StoredImage>,
) -> Result<SavedCategory, db::Error> {
    let old = find(tx, &category.external_id).await?;
    let parent = match &category.parent {
        None => None,
        Some(external_id) => match find(tx, external_id).await? {
            Some(parent) => Some(parent.id),
            None => {
                let why = format!("no category has the external_id {external_id:?}");
                return Ok(SavedCategory::Refused("parent", why));
            }
        },
    };
    let content_hash = content_hash(category, image, parent);
    if old
        .as_ref()
        .is_some_and(|old| old.content_hash == content_hash)
    {
        return Ok(SavedCategory::Unchanged);
    }
    let id = match &old {
        Some(old) => old.id,
        None => CategoryId::new(context.ids.next(context.now)),
    };
    let above = match parent {
        Some(parent) => ancestors(tx, parent).await?,
        None => Vec::new(),
    };
    if above.contains(&id) {
        let why = "a category cannot be below itself".to_owned();
        return Ok(SavedCategory::Refused("parent", why));
    }
    if above.len() >= DEPTH_MAX {
        let why = format!("categories may be nested at most {DEPTH_MAX} levels deep");
        return Ok(SavedCategory::Refused("parent", why));
    }
    if old.as_ref().is_some_and(|old| old.parent != parent) {
        let why = "the parent of a category cannot be changed".to_owned();
        return Ok(SavedCategory::Refused("parent", why));
    }
    let slug = free_slug(tx, category, old.as_ref()).await?;
    let row = CategoryRow {
        id,
        parent,
        slug,
        content_hash,
    };
    save(tx, &row, category, image, old.is_some()).await?;
    save_texts(tx, id, category).await?;
    record_save(tx).await?;
    if old.is_none() {
        add_paths(tx, id, &above).await?;
    }
    invalidation::invalidate_categories(tx, context).await?;
    Ok(if old.is_some() {
        SavedCategory::Changed
    } else {
        SavedCategory::Added
    })
}

struct ExistingCategory {
    id: CategoryId,
    parent: Option<CategoryId>,
    slug: String,
    content_hash: String,
}

struct CategoryRow {
    id: CategoryId,
    parent: Option<CategoryId>,
    slug: String,
    content_hash: String,
}

async fn find(tx: &mut Tx, external_id: &str) -> Result<Option<ExistingCategory>, db::Error> {
    let statement = "
        select id, parent_id, slug, content_hash
          from categories
         where external_id = ?";
    let row = sqlx::query(statement)
        .bind(external_id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| {
        Ok(ExistingCategory {
            id: CategoryId::new(row.try_get("id")?),
            parent: row
                .try_get::<Option<i64>, _>("parent_id")?
                .map(CategoryId::new),
            slug: row.try_get("slug")?,
            content_hash: row.try_get("content_hash")?,
        })
    })
    .transpose()
}

/// A category and its ancestors, itself first.
async fn ancestors(tx: &mut Tx, id: CategoryId) -> Result<Vec<CategoryId>, db::Error> {
    let statement = "
        select ancestor_id
          from category_paths
         where descendant_id = ?
         order by depth";
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(id.get())
        .fetch_all(tx.conn())
        .await?;
    Ok(ids.into_iter().map(CategoryId::new).collect())
}

/// The given slug or one derived from the name, with a number appended if it is taken.
async fn free_slug(
    tx: &mut Tx,
    category: &NewCategory,
    old: Option<&ExistingCategory>,
) -> Result<String, db::Error> {
    let wanted = match (&category.slug, old) {
        (Some(slug), _) => slug.clone(),
        (None, Some(old)) => return Ok(old.slug.clone()),
        (None, None) => slug_from(&text(&category.names, Locale::En)),
    };
    let mut slug = wanted.clone();
    let mut number = 2;
    loop {
        let statement = "
            select external_id
              from categories
             where slug = ?";
        let owner: Option<String> = sqlx::query_scalar(statement)
            .bind(&slug)
            .fetch_optional(tx.conn())
            .await?;
        if owner.is_none_or(|owner| owner == category.external_id) {
            return Ok(slug);
        }
        let kept = wanted.len().min(90);
        slug = format!("{}-{number}", &wanted[..kept]);
        number += 1;
    }
}

async fn save(
    tx: &mut Tx,
    row: &CategoryRow,
    category: &NewCategory,
    image: Option<&StoredImage>,
    is_known: bool,
) -> Result<(), db::Error> {
    let statement = if is_known {
        "update categories
            set slug = ?, position = ?, image = ?, content_hash = ?
          where id = ?"
    } else {
        "insert into categories (slug, position, image, content_hash, id, external_id, parent_id)
         values (?, ?, ?, ?, ?, ?, ?)"
    };
    let image = image.map(|image| serde_json::to_string(image).unwrap_or_default());
    let mut query = sqlx::query(statement)
        .bind(&row.slug)
        .bind(category.position)
        .bind(image)
        .bind(&row.content_hash)
        .bind(row.id.get());
    if !is_known {
        query = query
            .bind(&category.external_id)
            .bind(row.parent.map(CategoryId::get));
    }
    query.execute(tx.conn()).await?;
    Ok(())
}

async fn save_texts(tx: &mut Tx, id: CategoryId, category: &NewCategory) -> Result<(), db::Error> {
    let statement = "
        delete from category_texts
         where category_id = ?";
    sqlx::query(statement)
        .bind(id.get())
        .execute(tx.conn())
        .await?;
    let names: Vec<_> = category.names.iter().collect();
    Rows::insert("insert into category_texts (category_id, locale, name, description) ")
        .write(tx, &names, |mut values, (locale, name)| {
            let description = category
                .descriptions
                .get(*locale)
                .cloned()
                .unwrap_or_default();
            values
                .push_bind(id.get())
                .push_bind(locale.code())
                .push_bind((*name).clone())
                .push_bind(description);
        })
        .await
}

async fn add_paths(tx: &mut Tx, id: CategoryId, above: &[CategoryId]) -> Result<(), db::Error> {
    let paths: Vec<_> = (0_i64..)
        .zip([id].into_iter().chain(above.iter().copied()))
        .collect();
    Rows::insert("insert into category_paths (ancestor_id, descendant_id, depth) ")
        .write(tx, &paths, |mut values, (depth, ancestor)| {
            values
                .push_bind(ancestor.get())
                .push_bind(id.get())
                .push_bind(*depth);
        })
        .await
}

/// The content hash of a category, which is its version.
pub(super) async fn version(
    conn: &mut AnyConnection,
    external_id: &str,
) -> Result<Option<String>, db::Error> {
    let statement = "
        select content_hash
          from categories
         where external_id = ?";
    sqlx::query_scalar(statement)
        .bind(external_id)
        .fetch_optional(conn)
        .await
}

/// The category's own picture.
pub(super) async fn image(
    conn: &mut AnyConnection,
    external_id: &str,
) -> Result<Option<StoredImage>, Error> {
    let statement = "
        select image
          from categories
         where external_id = ?";
    let image: Option<Option<String>> = sqlx::query_scalar(statement)
        .bind(external_id)
        .fetch_optional(conn)
        .await?;
    let image = image.flatten().map(|text| serde_json::from_str(&text));
    Ok(image.transpose()?)
}

/// Deletes a category unless it has products or subcategories. False if it has.
pub(super) async fn delete_empty(tx: &mut Tx, external_id: &str) -> Result<bool, db::Error> {
    let Some(known) = find(tx, external_id).await? else {
        return Ok(false);
    };
    let used = "
        select (select count(*) from products where category_id = ?)
             + (select count(*) from categories where parent_id = ?)";
    let used: i64 = sqlx::query_scalar(used)
        .bind(known.id.get())
        .bind(known.id.get())
        .fetch_one(tx.conn())
        .await?;
    if used > 0 {
        return Ok(false);
    }
    for statement in [
        "delete from category_texts
          where category_id = ?",
        "delete from category_paths
          where descendant_id = ?",
        "delete from category_facets
          where category_id = ?",
        "delete from category_brands
          where category_id = ?",
        "delete from categories
          where id = ?",
    ] {
        sqlx::query(statement)
            .bind(known.id.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(true)
}

fn content_hash(
    category: &NewCategory,
    image: Option<&StoredImage>,
    parent: Option<CategoryId>,
) -> String {
    let content = serde_json::to_string(&(
        &category.slug,
        category.position,
        &category.names,
        &category.descriptions,
        image,
        parent.map(CategoryId::get),
    ));
    blake3::hash(content.unwrap_or_default().as_bytes()).to_hex()[..32].to_owned()
}
