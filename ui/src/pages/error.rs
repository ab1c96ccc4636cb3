//! Error pages, with links to continue.

use leptos::prelude::*;
use shared::page::{ErrorPage, Shell};

use crate::{
    components::chips,
    document::{PageMetadata, render},
    messages::Messages,
};

/// The error page for this status.
pub fn error(shell: &Shell, page: &ErrorPage) -> String {
    let messages = Messages::of(shell.locale);
    let kind = match page.status {
        404 => "404",
        503 => "503",
        400..=499 => "400",
        _ => "other",
    };
    let title = messages.text(&format!("error-{kind}-title"));
    let metadata = PageMetadata {
        title: format!("{title} · {}", shell.shop_name),
        description: messages.text(&format!("error-{kind}-text")),
        image: None,
        kind: "website",
        price: None,
        data: Vec::new(),
    };
    render(shell, &metadata, || {
        let id = page.request_id.as_ref().map(|id| {
            let text = messages.text_with("error-id", &[("id", id.clone().into())]);
            view! { <p class="quiet">{text}</p> }
        });
        let ways = shell.categories.iter().take(6);
        let ways = chips(shell, ways.map(|it| (&*it.slug, it.name.clone())));
        view! {
            <div class="wrap lost">
                <h1>{title.clone()}</h1>
                <p class="lead">{metadata.description.clone()}</p>
                {id}
                <a class="button" href=shell.locale.path("/")>
                    {messages.text("error-home")}
                </a>
                {ways}
            </div>
        }
    })
}
