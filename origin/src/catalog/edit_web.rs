//! The staff API of the catalogue over HTTP.

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, State},
    handler::Handler as _,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::{
    account::Accepted,
    cache::CachePolicy,
    endpoint::{
        ADD_IMAGE, ARCHIVE_PRODUCT, CHANGE_VARIANT, DELETE_CATEGORY, GET_CATEGORY_DRAFT, GET_DRAFT,
        LIST_DRAFTS, SAVE_CATEGORY, SAVE_DRAFT,
    },
    operator::{CategoryDraft, ChangeVariant, ExternalPath, ListDrafts, ProductDraft, SkuPath},
};

use crate::{
    accounts::{CatalogueRight, RequireRight},
    media,
    platform::Platform,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::{Catalog, Error, VersionPrecondition, edit, edit_categories};

/// The endpoints that change the catalogue.
pub(super) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Catalog: FromRef<S>,
    Platform: FromRef<S>,
{
    let largest = usize::try_from(media::FILE_MAX).unwrap_or(usize::MAX);
    Router::new()
        .endpoint(&LIST_DRAFTS, list_drafts)
        .endpoint(&GET_DRAFT, get_draft)
        .endpoint(&SAVE_DRAFT, save_draft)
        .endpoint(&ARCHIVE_PRODUCT, archive_product)
        .endpoint(&ADD_IMAGE, add_image.layer(DefaultBodyLimit::max(largest)))
        .endpoint(&CHANGE_VARIANT, change_variant)
        .endpoint(&GET_CATEGORY_DRAFT, get_category_draft)
        .endpoint(&SAVE_CATEGORY, save_category)
        .endpoint(&DELETE_CATEGORY, delete_category)
}

/// The precondition of a request (RFC 9110 §13.1.1 and §13.1.2).
fn precondition(headers: &HeaderMap) -> Result<VersionPrecondition, Error> {
    let text = |name| {
        headers
            .get(name)
            .map(|it: &HeaderValue| it.to_str().unwrap_or_default())
    };
    if text(header::IF_NONE_MATCH).is_some_and(|it| it.trim() == "*") {
        return Ok(VersionPrecondition::Absent);
    }
    match text(header::IF_MATCH).map(str::trim) {
        None | Some("*") => Ok(VersionPrecondition::Any),
        Some(tag) => {
            let version = tag.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            // An entity tag in another format cannot match.
            version
                .map(|it| VersionPrecondition::Version(it.to_owned()))
                .ok_or(Error::Stale)
        }
    }
}

/// A response with its version as `ETag`.
fn versioned<T: Serialize>(body: &T, version: &str) -> Answer {
    let answer = Answer::json(body, CachePolicy::Private);
    match HeaderValue::try_from(format!("\"{version}\"")) {
        Ok(tag) => answer.header(header::ETAG, tag),
        Err(_) => answer,
    }
}

fn product(saved: &edit::VersionedProduct) -> Answer {
    versioned(&saved.0, &saved.1.to_string())
}

/// Responds with 201 if something was created.
fn created(answer: Answer, is_new: bool) -> Answer {
    if is_new {
        answer.status(StatusCode::CREATED)
    } else {
        answer
    }
}

async fn list_drafts(
    State(platform): State<Platform>,
    _: RequireRight<CatalogueRight>,
    Query(query): Query<ListDrafts>,
) -> HandlerResult {
    let list = edit::list_drafts(&platform, &query).await?;
    Ok(Answer::json(&list, CachePolicy::Private))
}

async fn get_draft(
    State(platform): State<Platform>,
    _: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
) -> HandlerResult {
    Ok(product(
        &edit::read_draft(&platform, &path.external_id).await?,
    ))
}

async fn save_draft(
    State(platform): State<Platform>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
    headers: HeaderMap,
    Json(draft): Json<ProductDraft>,
) -> HandlerResult {
    let precondition = precondition(&headers)?;
    let saved = edit::save_draft(
        &platform,
        &authorized.actor,
        &path.external_id,
        &precondition,
        &draft,
    )
    .await?;
    Ok(created(product(&saved.0), saved.1))
}

async fn archive_product(
    State(platform): State<Platform>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
    headers: HeaderMap,
) -> HandlerResult {
    let precondition = precondition(&headers)?;
    let saved = edit::archive(
        &platform,
        &authorized.actor,
        &path.external_id,
        &precondition,
    )
    .await?;
    Ok(product(&saved))
}

async fn add_image(
    State(catalog): State<Catalog>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
    headers: HeaderMap,
    content: bytes::Bytes,
) -> HandlerResult {
    let precondition = precondition(&headers)?;
    let saved = edit::add_image(
        &catalog,
        &authorized.actor,
        &path.external_id,
        &precondition,
        content,
    )
    .await?;
    Ok(product(&saved))
}

async fn change_variant(
    State(platform): State<Platform>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<SkuPath>,
    headers: HeaderMap,
    Json(change): Json<ChangeVariant>,
) -> HandlerResult {
    let precondition = precondition(&headers)?;
    let saved = edit::change_variant(
        &platform,
        &authorized.actor,
        &path.sku,
        &precondition,
        &change,
    )
    .await?;
    Ok(product(&saved))
}

async fn get_category_draft(
    State(catalog): State<Catalog>,
    _: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
) -> HandlerResult {
    let (category, version) = edit_categories::read_category(&catalog, &path.external_id).await?;
    Ok(versioned(&category, &version))
}

async fn save_category(
    State(catalog): State<Catalog>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
    headers: HeaderMap,
    Json(draft): Json<CategoryDraft>,
) -> HandlerResult {
    let (id, precondition) = (&path.external_id, precondition(&headers)?);
    let saved = edit_categories::save_category_draft(
        &catalog,
        &authorized.actor,
        id,
        &precondition,
        &draft,
    );
    let ((category, version), is_new) = saved.await?;
    Ok(created(versioned(&category, &version), is_new))
}

async fn delete_category(
    State(catalog): State<Catalog>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<ExternalPath>,
    headers: HeaderMap,
) -> HandlerResult {
    let precondition = precondition(&headers)?;
    edit_categories::delete_category(
        &catalog,
        &authorized.actor,
        &path.external_id,
        &precondition,
    )
    .await?;
    Ok(Answer::json(
        &Accepted { accepted: true },
        CachePolicy::Private,
    ))
}
