//! The words of products, written with them.

use std::collections::{BTreeMap, BTreeSet};

use shared::{id::ProductId, locale::Locale};
use sqlx::Row as _;

use crate::{
    app::App,
    catalog::{
        Error,
        model::{Status, Texts},
        store::json,
        tree::text,
    },
    db::{self, Rows, Tx, Upsert},
};

use super::words::words_of;

/// Rises with every change of how words are made: what was written by an older program is then written
/// anew.
const EDITION: i64 = 1;
/// How many products are written anew in one transaction.
const BATCH: usize = 200;

/// The most that a product can have sold as far as searches are concerned: what fits beside its weight
/// in one number.
pub(super) const SOLD_MAX: i64 = (1 << 40) - 1;

/// How much it says about a product that a word stands here. Categories say less than these; see
/// [`super::find`].
const NAME: i64 = 16;
const BRAND: i64 = 8;
const TAG: i64 = 6;
const SKU: i64 = 4;

/// What of a product is searched.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: ProductId,
    /// Whether it is found at all.
    pub(crate) active: bool,
    pub(crate) sold: i64,
    pub(crate) names: Texts,
    pub(crate) brand: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) skus: Vec<String>,
}

impl Subject {
    /// Its words in one language, each with the most that it says.
    fn words(&self, locale: Locale) -> BTreeMap<String, i64> {
        let name = text(&self.names, locale);
        let name = (NAME, name.as_str());
        let brand = self.brand.iter().map(|it| (BRAND, it.as_str()));
        let tags = self.tags.iter().map(|it| (TAG, it.as_str()));
        let skus = self.skus.iter().map(|it| (SKU, it.as_str()));
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

/// Writes the words of products anew.
pub(crate) async fn save_words(tx: &mut Tx, subjects: &[Subject]) -> Result<(), db::Error> {
    for chunk in subjects.chunks(Rows::MAX) {
        let head = "delete from search_words where product_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|it| it.id.get()));
        query.build().execute(tx.conn()).await?;
    }
    for locale in Locale::ALL {
        let mut terms = BTreeSet::new();
        let mut rows = Vec::new();
        for subject in subjects.iter().filter(|it| it.active) {
            for (word, weight) in subject.words(locale) {
                terms.insert(word.clone());
                let sold = subject.sold.clamp(0, SOLD_MAX);
                rows.push((word, weight, sold, subject.id));
            }
        }
        // In the order of the key, so that neighbours are written together.
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

/// Adds the words that nobody has used before. Most are there: reading first keeps two who save at the
/// same time from waiting for each other.
async fn save_terms(
    tx: &mut Tx,
    locale: Locale,
    mut terms: BTreeSet<String>,
) -> Result<(), db::Error> {
    let wanted: Vec<String> = terms.iter().cloned().collect();
    for chunk in wanted.chunks(Rows::MAX) {
        for known in known_terms(tx.conn(), locale, chunk).await? {
            terms.remove(&known);
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

/// Which of these words there are, up to [`Rows::MAX`] of them.
pub(super) async fn known_terms(
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

/// Writes the words of all products that an older program has saved. It takes its time, in small
/// transactions, while the shop is open; whoever is interrupted begins again.
pub async fn rebuild_search(app: &App) -> Result<(), Error> {
    let mut reader = app.db.read().await?;
    let edition = "
        select version
          from versions
         where name = 'search'";
    let edition: i64 = sqlx::query_scalar(edition).fetch_one(&mut *reader).await?;
    drop(reader);
    if edition >= EDITION {
        return Ok(());
    }
    let (mut after, mut count) = (ProductId::new(0), 0);
    loop {
        let batch = async || {
            let mut tx = app.db.write().await?;
            let subjects = list_subjects(&mut tx, after).await?;
            save_words(&mut tx, &subjects).await?;
            tx.commit().await?;
            Ok::<_, Error>(subjects)
        };
        let subjects = db::retry_on_conflict(batch, Error::is_conflict).await?;
        let Some(last) = subjects.last() else { break };
        after = last.id;
        count += subjects.len();
    }
    let mut tx = app.db.write().await?;
    let statement = "
        update versions
           set version = ?
         where name = 'search'";
    sqlx::query(statement)
        .bind(EDITION)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    tracing::info!(
        products = count,
        "the search index of all products is written"
    );
    Ok(())
}

/// The next active products, whose rows stay locked, so that nobody changes them meanwhile.
async fn list_subjects(tx: &mut Tx, after: ProductId) -> Result<Vec<Subject>, Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id
           from products
          where id > ",
    );
    query
        .push_bind(after.get())
        .push(" and status = ")
        .push_bind(Status::Active.word())
        .push(" order by id limit ")
        .push_bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .push(tx.dialect().for_update());
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(tx.conn()).await?;
    let mut subjects = BTreeMap::new();
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
        let subject = Subject {
            id: ProductId::new(id),
            active: true,
            sold: row.try_get("sold")?,
            names: Texts::new(),
            brand: row.try_get("name")?,
            tags: json(&row, "tags")?,
            skus: Vec::new(),
        };
        subjects.insert(id, subject);
    }
    let head = "
        select product_id, locale, name
          from product_texts
         where product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    for row in query.build().fetch_all(tx.conn()).await? {
        let locale: String = row.try_get("locale")?;
        let subject = subjects.get_mut(&row.try_get("product_id")?);
        if let (Some(subject), Some(locale)) = (subject, Locale::from_code(&locale)) {
            subject.names.insert(locale, row.try_get("name")?);
        }
    }
    let head = "
        select product_id, sku
          from variants
         where active = 1
           and product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    for row in query.build().fetch_all(tx.conn()).await? {
        if let Some(subject) = subjects.get_mut(&row.try_get("product_id")?) {
            subject.skus.push(row.try_get("sku")?);
        }
    }
    Ok(subjects.into_values().collect())
}
