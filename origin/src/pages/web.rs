//! Handlers of the catalogue pages. Each page has its path, with a prefix for other languages.

use axum::{
    Router,
    extract::{OriginalUri, RawQuery, State},
    routing::get,
};
use shared::{
    cache::{CachePolicy, Tag},
    catalog::{LIMIT_DEFAULT, Product, Sort},
    form::FormState,
    id::VariantId,
    locale::Locale,
    page::{
        CATEGORY, CategoryPage, HOME, HomePage, PRODUCT, ProductPage, SEARCH, category_path,
        product_path,
    },
};

use crate::{
    app::App,
    catalog::{self, ListQuery},
    web::{Answer, FormFields, HandlerResult, Path, Refusal},
};

use super::{
    cart, checkout, filter, icons, info, order, personal_shell, search::show_search, shell,
    sitemap, well_known,
};

/// The number of products in each row of the home page.
const HOME_HOT: u32 = 8;
const HOME_NEW: u32 = 8;
/// The number of related products on a product page.
const RELATED: u32 = 4;

/// The routes of all pages, in every language.
pub fn routes() -> Router<App> {
    let mut router = Router::new()
        .merge(sitemap::routes())
        .merge(icons::routes())
        .merge(well_known::routes());
    for locale in Locale::ALL {
        let at = |path: &str| locale.path(path);
        router = router
            .route(&at(HOME.path), get(show_home))
            .route(&at(CATEGORY.path), get(show_category))
            .route(&at(PRODUCT.path), get(show_product))
            .route(&at(SEARCH.path), get(show_search))
            .merge(cart::routes(locale))
            .merge(checkout::routes(locale))
            .merge(order::routes(locale))
            .merge(info::routes(locale));
    }
    router
}

#[derive(serde::Deserialize)]
struct SlugPath {
    slug: String,
}

async fn show_home(State(app): State<App>, OriginalUri(uri): OriginalUri) -> HandlerResult {
    let (locale, _) = Locale::split(uri.path());
    let tree = catalog::tree(&app).await?;
    let page = HomePage {
        hot: catalog::list_hot_products(&app, Some(HOME_HOT), locale)
            .await?
            .items,
        new: catalog::list_new_products(&app, HOME_NEW, locale).await?,
    };
    let home = HOME.path.to_owned();
    let shell = shell(&app, &tree, locale, home.clone(), Some(home));
    Ok(Answer::html(
        ui::home(&shell, &page),
        catalog::shop_policy(),
    ))
}

async fn show_category(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(path): Path<SlugPath>,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let (locale, _) = Locale::split(uri.path());
    let tree = catalog::tree(&app).await?;
    let category = tree
        .find(&path.slug)
        .ok_or(catalog::Error::NoSuchCategory)?;
    let mut filter = filter::parse(query.as_deref().unwrap_or_default());
    // The default sort order is not part of the URL.
    filter.sort = filter.sort.filter(|it| *it != Sort::default());
    let sort = filter.sort.unwrap_or_default();
    let mut listing = ListQuery::of(category.id, sort, LIMIT_DEFAULT);
    let wrong = filter::narrow(&mut listing, &mut filter, app.config.currency);
    let mut reader = app.db.catalog().await.map_err(catalog::Error::from)?;
    let list = catalog::list_narrowed(&mut reader, listing.clone(), &filter.brand, locale).await;
    let list = match list {
        // The cursor belongs to another sort order: show the first page.
        Err(catalog::Error::Invalid("cursor", _)) => {
            filter.cursor = None;
            listing.cursor = None;
            catalog::list_narrowed(&mut reader, listing.clone(), &filter.brand, locale).await?
        }
        list => list?,
    };
    if filter.page.is_some() && list.items.is_empty() {
        return Err(catalog::Error::NoSuchCategory.into());
    }
    let counts = if filter.narrows() {
        let brands = &filter.brand;
        Some(catalog::filter_counts(&mut reader, &listing, brands).await?)
    } else {
        None
    };
    drop(reader);
    let mut ancestors = tree.path(category.id, locale);
    ancestors.pop();
    let here = category_path(&category.slug);
    // Pages by cursor shift with the list, so only numbered pages are canonical.
    let canonical = (!filter.narrows() && filter.sort.is_none() && filter.cursor.is_none())
        .then(|| format!("{here}{}", filter.to_query()));
    let shell = shell(
        &app,
        &tree,
        locale,
        format!("{here}{}", filter.to_query()),
        canonical,
    );
    let page = CategoryPage {
        category: tree.node(category, locale),
        ancestors,
        facets: catalog::facets(&app, &tree, category.id).await?,
        filter,
        wrong,
        currency: app.config.currency,
        list,
        counts,
    };
    let policy = catalog::list_policy(&tree, category.id);
    Ok(Answer::html(ui::category(&shell, &page), policy))
}

async fn show_product(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(path): Path<SlugPath>,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let (locale, _) = Locale::split(uri.path());
    let product = catalog::find_product(&app, &path.slug, locale).await?;
    let here = product_path(&product.slug);
    if product.slug != path.slug {
        // The request was by id: redirect to the canonical URL with the slug.
        let policy = CachePolicy::catalogue([Tag::Product(product.id.get())].into_iter().collect());
        return Ok(Answer::moved(&locale.path(&here), policy));
    }
    let tree = catalog::tree(&app).await?;
    let related = catalog::list_related(&app, &product, RELATED, locale).await?;
    let variant = chosen(&product, query.as_deref().unwrap_or_default());
    let query = variant.map(|index| format!("?variant={}", product.variants[index].id));
    let path = format!("{here}{}", query.unwrap_or_default());
    let shell = shell(&app, &tree, locale, path, Some(here));
    let policy = catalog::product_policy(&product);
    let variant = variant.unwrap_or_else(|| first_available(&product));
    let page = ProductPage {
        product,
        variant,
        related,
        shipping: app.rules.describe(app.config.currency, locale),
        form: FormState::default(),
    };
    Ok(Answer::html(ui::product(&shell, &page), policy))
}

/// Shows the page of the product whose form was submitted, with the error. None if the form does
/// not name a product.
pub(super) async fn show_product_with_error(
    app: &App,
    locale: Locale,
    fields: &FormFields,
    form: FormState,
) -> Result<Option<Answer>, Refusal> {
    let product = match catalog::find_product(app, fields.text("product"), locale).await {
        Ok(product) => product,
        Err(catalog::Error::NoSuchProduct) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let sku = fields.text("sku");
    let Some(variant) = product.variants.iter().position(|it| it.sku == sku) else {
        return Ok(None);
    };
    let path = product_path(&product.slug);
    let shell = personal_shell(app, locale, &path).await?;
    let page = ProductPage {
        related: Vec::new(),
        shipping: app.rules.describe(app.config.currency, locale),
        product,
        variant,
        form,
    };
    let answer = Answer::html(ui::product(&shell, &page), CachePolicy::Private);
    Ok(Some(answer))
}

/// The index of the variant that the query selects.
fn chosen(product: &Product, query: &str) -> Option<usize> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, id) = pairs.find(|(name, _)| name == "variant")?;
    let id: VariantId = id.parse().ok()?;
    product.variants.iter().position(|variant| variant.id == id)
}

/// The index of the first available variant, or else of the first.
fn first_available(product: &Product) -> usize {
    let can_be_had = |variant: &shared::catalog::Variant| {
        variant.availability != shared::catalog::Availability::Out
    };
    product.variants.iter().position(can_be_had).unwrap_or(0)
}
