//! HTTP handlers of webhooks, for staff.

use axum::{
    Router,
    extract::{FromRef, State},
};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    endpoint::{CREATE_WEBHOOK, DELETE_WEBHOOK, LIST_WEBHOOKS},
    webhook::{CreateWebhook, TOPICS, Webhook, WebhookPath, Webhooks, right_to},
};

use crate::{
    accounts::{Principal, RequireRight, SettingsRight},
    audit::{self, Actor, Change},
    platform::Platform,
    web::{Answer, HandlerResult, Json, Path, RouterExt},
};

use super::{
    Error, WebhookSender, signing,
    store::{self, StoredWebhook},
};

/// The maximum number of webhooks.
const WEBHOOKS_MAX: usize = 50;

/// The routes of webhooks.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    WebhookSender: FromRef<S>,
    Platform: FromRef<S>,
{
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
    State(sender): State<WebhookSender>,
    authorized: RequireRight<SettingsRight>,
    principal: Principal,
    Json(request): Json<CreateWebhook>,
) -> HandlerResult {
    let webhook = create(&sender, (&authorized.actor, &principal), request).await?;
    Ok(Answer::json(&webhook, CachePolicy::Private).status(StatusCode::CREATED))
}

async fn create(
    sender: &WebhookSender,
    (actor, principal): (&Actor, &Principal),
    request: CreateWebhook,
) -> Result<Webhook, Error> {
    let invalid = |field, why: &str| Err(Error::Invalid(field, why.to_owned()));
    if let Err(why) = sender.targets.parse(&request.url) {
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
    let now = sender.clock.now();
    let (id, secret) = (sender.ids.next(now), signing::new_secret());
    let stored = StoredWebhook {
        id,
        url: request.url,
        topics: request.topics,
        secret: signing::seal(&sender.sealer, id, &secret)?,
        created_at: now,
    };
    let mut tx = sender.db.write().await?;
    if store::list(tx.conn()).await?.len() >= WEBHOOKS_MAX {
        return invalid("url", "The limit of webhooks is reached; delete one first.");
    }
    store::add(&mut tx, &stored).await?;
    let webhook = Webhook::from(stored);
    let change = Change::new("webhook.create", format!("webhook:{}", webhook.id)).to(&webhook);
    audit::record(&mut tx, sender.context(), actor, &[change]).await?;
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

async fn list_webhooks(
    State(platform): State<Platform>,
    _: RequireRight<SettingsRight>,
) -> HandlerResult {
    let mut reader = platform.db.read().await.map_err(Error::from)?;
    let stored = store::list(&mut reader).await.map_err(Error::from)?;
    let webhooks = Webhooks {
        webhooks: stored.into_iter().map(Webhook::from).collect(),
    };
    Ok(Answer::json(&webhooks, CachePolicy::Private))
}

async fn delete_webhook(
    State(platform): State<Platform>,
    authorized: RequireRight<SettingsRight>,
    Path(path): Path<WebhookPath>,
) -> HandlerResult {
    let webhooks = delete(&platform, &authorized.actor, &path.webhook).await?;
    Ok(Answer::json(&webhooks, CachePolicy::Private))
}

async fn delete(platform: &Platform, actor: &Actor, id: &str) -> Result<Webhooks, Error> {
    let id: i64 = id.parse().map_err(|_| Error::NoSuchWebhook)?;
    let mut tx = platform.db.write().await?;
    if !store::delete(&mut tx, id).await? {
        return Err(Error::NoSuchWebhook);
    }
    let left = store::list(tx.conn()).await?;
    let change = Change::new("webhook.delete", format!("webhook:{id}"));
    audit::record(&mut tx, platform.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(Webhooks {
        webhooks: left.into_iter().map(Webhook::from).collect(),
    })
}
