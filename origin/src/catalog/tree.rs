//! The category tree in memory. Every page shows a part of it and it seldom changes. Its version is
//! checked after every known change of the catalogue, and the tree is reloaded if it has risen.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use shared::{
    cache::{Tag, Tags},
    catalog::{CategoryNode, CategoryRef},
    id::CategoryId,
    locale::Locale,
};
use tokio::sync::Mutex;

use crate::{
    cache::Changes,
    db::{CatalogReader, Db},
};

use super::{
    Error,
    model::Texts,
    search::words_of,
    store::{self, StoredImage},
};

/// The greatest depth of a category.
pub const DEPTH_MAX: usize = 8;

/// A category of the tree.
#[derive(Clone, Debug)]
pub struct Category {
    /// Its identity.
    pub id: CategoryId,
    /// Its parent.
    pub parent: Option<CategoryId>,
    /// Its slug.
    pub slug: String,
    /// A picture of it.
    pub image: Option<StoredImage>,
    /// Its name.
    pub names: Texts,
    /// A sentence about it.
    pub descriptions: Texts,
    /// The number of active products in it and its descendants.
    pub product_count: u64,
}

/// All categories.
#[derive(Debug, Default)]
pub struct Tree {
    version: i64,
    categories: Vec<Category>,
    by_id: HashMap<CategoryId, usize>,
    by_slug: HashMap<String, usize>,
    children: HashMap<Option<CategoryId>, Vec<usize>>,
    words: HashMap<Locale, Vec<BTreeSet<String>>>,
    top: HashMap<Locale, Arc<[CategoryNode]>>,
}

impl Tree {
    /// Builds a tree from categories in display order.
    pub fn new(version: i64, categories: Vec<Category>) -> Self {
        let mut tree = Self {
            version,
            ..Self::default()
        };
        for (index, category) in categories.iter().enumerate() {
            tree.by_id.insert(category.id, index);
            tree.by_slug.insert(category.slug.clone(), index);
            tree.children
                .entry(category.parent)
                .or_default()
                .push(index);
        }
        for locale in Locale::ALL {
            let names = categories.iter().map(|it| text(&it.names, locale));
            let words = names.map(|name| words_of(&name)).collect();
            tree.words.insert(locale, words);
        }
        tree.categories = categories;
        for locale in Locale::ALL {
            tree.top.insert(locale, tree.below(None, locale).into());
        }
        tree
    }

    /// Its version in the database.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The category with this slug.
    pub fn find(&self, slug: &str) -> Option<&Category> {
        self.by_slug.get(slug).map(|&index| &self.categories[index])
    }

    /// The path from a top category to this one, inclusive.
    pub fn path(&self, id: CategoryId, locale: Locale) -> Vec<CategoryRef> {
        self.lineage(id)
            .map(|category| category.reference(locale))
            .collect()
    }

    /// A category with its descendants.
    pub fn node(&self, category: &Category, locale: Locale) -> CategoryNode {
        CategoryNode {
            id: category.id,
            slug: category.slug.clone(),
            name: text(&category.names, locale),
            description: text(&category.descriptions, locale),
            image: category.image.clone().map(|image| image.localized(locale)),
            product_count: category.product_count,
            children: self.below(Some(category.id), locale),
        }
    }

    /// The top categories with their descendants.
    pub fn top(&self, locale: Locale) -> Arc<[CategoryNode]> {
        self.top.get(&locale).cloned().unwrap_or_default()
    }

    /// All categories.
    pub fn all(&self) -> &[Category] {
        &self.categories
    }

    /// The categories whose name's words match, those with the most products first.
    pub fn named(
        &self,
        locale: Locale,
        matches: impl Fn(&BTreeSet<String>) -> bool,
    ) -> Vec<&Category> {
        let words = self.words.get(&locale).into_iter().flatten();
        let matching = self.categories.iter().zip(words);
        let matching = matching.filter(|(_, words)| matches(words));
        let mut named: Vec<&Category> = matching.map(|(category, _)| category).collect();
        named.sort_by_key(|it| Reverse(it.product_count));
        named
    }

    /// Whether a category is `above` or a descendant of it.
    pub fn is_within(&self, id: CategoryId, above: CategoryId) -> bool {
        self.lineage(id).any(|it| it.id == above)
    }

    /// The cache tags of a response about this category: itself and its ancestors.
    pub fn tags(&self, id: CategoryId) -> Tags {
        self.lineage(id)
            .map(|category| Tag::Category(category.id.get()))
            .chain([Tag::Categories])
            .collect()
    }

    fn below(&self, parent: Option<CategoryId>, locale: Locale) -> Vec<CategoryNode> {
        let children = self.children.get(&parent).into_iter().flatten();
        children
            .map(|&index| self.node(&self.categories[index], locale))
            .collect()
    }

    /// The path from the top down. Imports refuse cycles; the bound ends the loop if there is one.
    fn lineage(&self, id: CategoryId) -> impl Iterator<Item = &Category> {
        let mut upwards = Vec::new();
        let mut next = Some(id);
        while let Some(&index) = next.and_then(|id| self.by_id.get(&id)) {
            if upwards.len() == DEPTH_MAX {
                break;
            }
            upwards.push(&self.categories[index]);
            next = self.categories[index].parent;
        }
        upwards.into_iter().rev()
    }
}

impl Category {
    /// The category as a link shows it.
    pub fn reference(&self, locale: Locale) -> CategoryRef {
        CategoryRef {
            id: self.id,
            slug: self.slug.clone(),
            name: text(&self.names, locale),
        }
    }
}

/// The text in this language, or else in the default one, or else in any.
pub fn text(texts: &Texts, locale: Locale) -> String {
    texts
        .get(&locale)
        .or_else(|| texts.get(&Locale::default()))
        .or_else(|| texts.values().next())
        .cloned()
        .unwrap_or_default()
}

/// Caches the tree with the change number at which it was valid.
#[derive(Debug, Default)]
pub struct TreeCache {
    tree: RwLock<Arc<Tree>>,
    /// One more than the latest change that was known when it was read. Zero before the first read.
    read_at: AtomicU64,
    refreshing: Mutex<()>,
}

impl TreeCache {
    /// The tree, valid at the latest known change. Concurrent callers share one read.
    pub async fn get(&self, db: &Db, changes: &Changes) -> Result<Arc<Tree>, Error> {
        let latest = changes.latest();
        let is_read = || self.read_at.load(Ordering::Acquire) > latest;
        if is_read() {
            return Ok(self.last_known());
        }
        let _refreshing = self.refreshing.lock().await;
        if is_read() {
            return Ok(self.last_known());
        }
        let tree = self.refresh(db, &self.last_known()).await?;
        self.read_at.fetch_max(latest + 1, Ordering::AcqRel);
        Ok(tree)
    }

    async fn refresh(&self, db: &Db, cached: &Arc<Tree>) -> Result<Arc<Tree>, Error> {
        // From the primary: the tree is cached as valid at the latest known change.
        let mut reader = CatalogReader::from(db.read().await?);
        let version = store::categories_version(&mut reader).await?;
        let tree = if version == cached.version {
            Arc::clone(cached)
        } else {
            Arc::new(Tree::new(
                version,
                store::list_categories(&mut reader).await?,
            ))
        };
        let mut current = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        if current.version <= tree.version {
            *current = Arc::clone(&tree);
        }
        drop(current);
        Ok(tree)
    }

    /// Loads the current tree.
    pub async fn load(&self, db: &Db) -> Result<Arc<Tree>, Error> {
        let cached = self.last_known();
        self.refresh(db, &cached).await
    }

    /// The last loaded tree, without a query: for error pages.
    pub fn last_known(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }
}
