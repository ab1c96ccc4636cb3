//! The search index of products, written with them.

use std::collections::{BTreeMap, BTreeSet};

use shared::{id::ProductId, locale::Locale};
use sqlx::Row as _;

use crate::{
    catalog::{
        Error,
        model::{Status, Texts},
        store::json,
        tree::text,
    },
    db::{self, Rows, Tx, Upsert},
    platform::Platform,
};

use super::words::words_of;

/// The version of the text analysis. Raise it when that changes: older indexes are then rebuilt.
const INDEX_VERSION: i64 = 1;
/// The number of products that are indexed in one transaction of a rebuild.
const BATCH_SIZE: usize = 200;

/// The highest number of sold units in the index: it shares a 64-bit sort key with the weight.
pub(super) const SOLD_MAX: i64 = (1 << 40) - 1;

/// The weights of a match by field. A match in a category name weighs less; see [`super::query`].
const NAME_WEIGHT: i64 = 16;
const BRAND_WEIGHT: i64 = 8;
const TAG_WEIGHT: i64 = 6;
const SKU_WEIGHT: i64 = 4;

/// The searchable content of a product.
#[derive(Clone, Debug)]
pub(crate) struct SearchDocument {
    pub(crate) id: ProductId,
    /// Whether the product is active; others are not indexed.
    pub(crate) active: bool,
    pub(crate) sold: i64,
    pub(crate) names: Texts,
    pub(crate) brand: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) skus: Vec<String>,
}

impl SearchDocument {
    /// Its index words in one language, each with its highest weight.
    fn words(&self, locale: Locale) -> BTreeMap<String, i64> {
        let name = text(&self.names, locale);
        let name = (NAME_WEIGHT, name.as_str());
        let brand = self.brand.iter().map(|it| (BRAND_WEIGHT, it.as_str()));
        let tags = self.tags.iter().map(|it| (TAG_WEIGHT, it.as_str()));
        let skus = self.skus.iter().map(|it| (SKU_WEIGHT, it.as_str()));
        let mut words = BTreeMap::new();
        for (weight, text) in brand.chain(tags).chain(skus).chain([name]) {
            for word in words_of(text) {
                let most = words.entry(word).or_insert(weight);
                *most = weight.max(*most);
            }
        }
        words
    }
}

/// Replaces the index entries of products.
pub(crate) async fn save_words(tx: &mut Tx, documents: &[SearchDocument]) -> Result<(), db::Error> {
    for chunk in documents.chunks(Rows::MAX) {
        let head = "delete from search_words where product_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|it| it.id.get()));
        query.build().execute(tx.conn()).await?;
    }
    for locale in Locale::ALL {
        let mut terms = BTreeSet::new();
        let mut rows = Vec::new();
        for document in documents.iter().filter(|it| it.active) {
            for (word, weight) in document.words(locale) {
                terms.insert(word.clone());
                let sold = document.sold.clamp(0, SOLD_MAX);
                rows.push((word, weight, sold, document.id));
            }
        }
        // In key order, so that adjacent index entries are written together.
        rows.sort_unstable();
        Rows::insert("insert into search_words (locale, word, weight, sold, product_id) ")
            .write(tx, &rows, |mut values, (word, weight, sold, product)| {
                values
                    .push_bind(locale.code())
                    .push_bind(word.clone())
                    .push_bind(*weight)
                    .push_bind(*sold)
                    .push_bind(product.get());
            })
            .await?;
        save_terms(tx, locale, terms).await?;
    }
    Ok(())
}

/// Adds new words to the vocabulary. Most exist already; reading first avoids lock contention
/// between concurrent saves.
async fn save_terms(
    tx: &mut Tx,
    locale: Locale,
    mut terms: BTreeSet<String>,
) -> Result<(), db::Error> {
    let wanted: Vec<String> = terms.iter().cloned().collect();
    for chunk in wanted.chunks(Rows::MAX) {
        for indexed in find_indexed_terms(tx.conn(), locale, chunk).await? {
            terms.remove(&indexed);
        }
    }
    let upsert = Upsert {
        key: "locale, word",
        columns: &["word"],
    };
    let added: Vec<String> = terms.into_iter().collect();
    Rows::upsert("insert into search_terms (locale, word) ", upsert)
        .write(tx, &added, |mut values, word| {
            values.push_bind(locale.code()).push_bind(word.clone());
        })
        .await
}

/// Which of these words are indexed. At most [`Rows::MAX`] words.
pub(super) async fn find_indexed_terms(
    conn: &mut sqlx::AnyConnection,
    locale: Locale,
    words: &[String],
) -> Result<Vec<String>, db::Error> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let head = "
        select word
          from search_terms
         where word in ";
    let mut query = Rows::among(head, words.iter().map(String::as_str));
    query.push(" and locale = ").push_bind(locale.code());
    query.build_query_scalar().fetch_all(conn).await
}

/// Rebuilds the index if it was written by an older version, in small transactions while the shop
/// is open. An interrupted rebuild starts again.
pub async fn rebuild_search_index(platform: &Platform) -> Result<(), Error> {
    let mut reader = platform.db.read().await?;
    let version = "
        select version
          from versions
         where name = 'search'";
    let version: i64 = sqlx::query_scalar(version).fetch_one(&mut *reader).await?;
    drop(reader);
    if version >= INDEX_VERSION {
        return Ok(());
    }
    let (mut after, mut count) = (ProductId::new(0), 0);
    loop {
        let batch = async || {
            let mut tx = platform.db.write().await?;
            let documents = lock_documents(&mut tx, after).await?;
            save_words(&mut tx, &documents).await?;
            tx.commit().await?;
            Ok::<_, Error>(documents)
        };
        let documents = db::retry_on_conflict(batch, Error::is_conflict).await?;
        let Some(last) = documents.last() else { break };
        after = last.id;
        count += documents.len();
    }
    let mut tx = platform.db.write().await?;
    let statement = "
        update versions
           set version = ?
         where name = 'search'";
    sqlx::query(statement)
        .bind(INDEX_VERSION)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    tracing::info!(
        products = count,
        "the search index of all products is written"
    );
    Ok(())
}

/// The next active products, locked until the transaction ends.
async fn lock_documents(tx: &mut Tx, after: ProductId) -> Result<Vec<SearchDocument>, Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id
           from products
          where id > ",
    );
    query
        .push_bind(after.get())
        .push(" and status = ")
        .push_bind(Status::Active.as_str())
        .push(" order by id limit ")
        .push_bind(i64::try_from(BATCH_SIZE).unwrap_or(i64::MAX))
        .push(tx.dialect().for_update());
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(tx.conn()).await?;
    let mut documents = BTreeMap::new();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let head = "
        select p.id, p.sold, p.tags, b.name
          from products p
          left join brands b on b.id = p.brand_id
         where p.id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    for row in query.build().fetch_all(tx.conn()).await? {
        let id = row.try_get("id")?;
        let document = SearchDocument {
            id: ProductId::new(id),
            active: true,
            sold: row.try_get("sold")?,
            names: Texts::new(),
            brand: row.try_get("name")?,
            tags: json(&row, "tags")?,
            skus: Vec::new(),
        };
        documents.insert(id, document);
    }
    let head = "
        select product_id, locale, name
          from product_texts
         where product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    for row in query.build().fetch_all(tx.conn()).await? {
        let locale: String = row.try_get("locale")?;
        let document = documents.get_mut(&row.try_get("product_id")?);
        if let (Some(document), Some(locale)) = (document, Locale::from_code(&locale)) {
            document.names.insert(locale, row.try_get("name")?);
        }
    }
    let head = "
        select product_id, sku
          from variants
         where active = 1
           and product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    for row in query.build().fetch_all(tx.conn()).await? {
        if let Some(document) = documents.get_mut(&row.try_get("product_id")?) {
            document.skus.push(row.try_get("sku")?);
        }
    }
    Ok(documents.into_values().collect())
}
