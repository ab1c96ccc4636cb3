//! HTTP handlers of webhooks, for staff.

use axum::{Router, extract::State};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    endpoint::{CREATE_WEBHOOK, DELETE_WEBHOOK, LIST_WEBHOOKS},
    webhook::{CreateWebhook, TOPICS, Webhook, WebhookPath, Webhooks, right_to},
};

use crate::{
    accounts::{Principal, RequireRight, Settings},
    app::App,
    audit::{self, Actor, Change},
    web::{Answer, HandlerResult, Json, Path, RouterExt},
};

use super::{
    Error, signing,
    store::{self, StoredWebhook},
};

/// The maximum number of webhooks.
const WEBHOOKS_MAX: usize = 50;

/// The routes of webhooks.
pub fn routes() -> Router<App> {
    Router::new()
        .endpoint(&CREATE_WEBHOOK, create_webhook)
        .endpoint(&LIST_WEBHOOKS, list_webhooks)
        .endpoint(&DELETE_WEBHOOK, delete_webhook)
}

impl From<StoredWebhook> for Webhook {
    fn from(it: StoredWebhook) -> Self {
        Self {
            id: it.id.to_string(),
            url: it.url,
            topics: it.topics,
            secret: None,
            created_at: it.created_at,
        }
    }
}

async fn create_webhook(
    State(app): State<App>,
    authorized: RequireRight<Settings>,
    principal: Principal,
    Json(request): Json<CreateWebhook>,
) -> HandlerResult {
    let webhook = create(&app, (&authorized.actor, &principal), request).await?;
    Ok(Answer::json(&webhook, CachePolicy::Private).status(StatusCode::CREATED))
}

async fn create(
    app: &App,
    (actor, principal): (&Actor, &Principal),
    request: CreateWebhook,
) -> Result<Webhook, Error> {
    let invalid = |field, why: &str| Err(Error::Invalid(field, why.to_owned()));
    if let Err(why) = app.targets.parse(&request.url) {
        return invalid("url", &why.to_string());
    }
    if let Some(topic) = request
        .topics
        .iter()
        .find(|it| !TOPICS.contains(&it.as_str()))
    {
        let why = format!(
            "{topic:?} is not a topic; the topics are {}.",
            TOPICS.join(", ")
        );
        return invalid("topics", &why);
    }
    check_rights(principal, &request.topics)?;
    let now = app.clock.now();
    let (id, secret) = (app.ids.next(now), signing::new_secret());
    let stored = StoredWebhook {
        id,
        url: request.url,
        topics: request.topics,
        secret: signing::seal(&app.sealer, id, &secret)?,
        created_at: now,
    };
    let mut tx = app.db.write().await?;
    if store::list(tx.conn()).await?.len() >= WEBHOOKS_MAX {
        return invalid("url", "The limit of webhooks is reached; delete one first.");
    }
    store::add(&mut tx, &stored).await?;
    let webhook = Webhook::from(stored);
    let change = Change::new("webhook.create", format!("webhook:{}", webhook.id)).to(&webhook);
    audit::record(&mut tx, app.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(Webhook {
        secret: Some(secret),
        ..webhook
    })
}

/// A webhook may only receive topics that its creator has the right to read.
fn check_rights(principal: &Principal, topics: &[String]) -> Result<(), Error> {
    let all = topics.is_empty();
    let wanted = TOPICS
        .into_iter()
        .filter(|topic| all || topics.iter().any(|it| it == topic));
    for topic in wanted {
        let right = right_to(topic);
        if principal.require_right(right).is_err() {
            return Err(Error::NeedsRight { topic, right });
        }
    }
    Ok(())
}

async fn list_webhooks(State(app): State<App>, _: RequireRight<Settings>) -> HandlerResult {
    let mut reader = app.db.read().await.map_err(Error::from)?;
    let stored = store::list(&mut reader).await.map_err(Error::from)?;
    let webhooks = Webhooks {
        webhooks: stored.into_iter().map(Webhook::from).collect(),
    };
    Ok(Answer::json(&webhooks, CachePolicy::Private))
}

async fn delete_webhook(
    State(app): State<App>,
    authorized: RequireRight<Settings>,
    Path(path): Path<WebhookPath>,
) -> HandlerResult {
    let webhooks = delete(&app, &authorized.actor, &path.webhook).await?;
    Ok(Answer::json(&webhooks, CachePolicy::Private))
}

async fn delete(app: &App, actor: &Actor, id: &str) -> Result<Webhooks, Error> {
    let id: i64 = id.parse().map_err(|_| Error::NoSuchWebhook)?;
    let mut tx = app.db.write().await?;
    if !store::delete(&mut tx, id).await? {
        return Err(Error::NoSuchWebhook);
    }
    let left = store::list(tx.conn()).await?;
    let change = Change::new("webhook.delete", format!("webhook:{id}"));
    audit::record(&mut tx, app.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(Webhooks {
        webhooks: left.into_iter().map(Webhook::from).collect(),
    })
}
