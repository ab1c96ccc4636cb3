//! The islands' code for browsers.

use std::cell::OnceCell;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CustomEvent, Document, Element, HtmlDocument, MouseEvent, NodeList, Response, Window,
};

use super::Visitor;

fn here() -> Option<(Window, Document)> {
    let window = web_sys::window()?;
    let document = window.document()?;
    Some((window, document))
}

/// Shows the image whose thumbnail was clicked.
pub(super) fn choose(event: &MouseEvent) {
    let elsewhere = event.meta_key() || event.ctrl_key() || event.shift_key();
    if !elsewhere && shown(event).is_some() {
        event.prevent_default();
    }
}

fn shown(event: &MouseEvent) -> Option<()> {
    let clicked = event.target()?.dyn_into::<Element>().ok()?;
    let link = clicked.closest("a[data-picture]").ok()??;
    let number = link.get_attribute("data-picture")?;
    let gallery = link.closest(".gallery").ok()??;
    for picture in elements(&gallery.query_selector_all(".frame [data-picture]").ok()?) {
        let chosen = picture.get_attribute("data-picture").as_ref() == Some(&number);
        picture
            .toggle_attribute_with_force("hidden", !chosen)
            .ok()?;
    }
    for other in elements(&gallery.query_selector_all("a[aria-current]").ok()?) {
        other.remove_attribute("aria-current").ok()?;
    }
    link.set_attribute("aria-current", "true").ok()
}

fn elements(list: &NodeList) -> impl Iterator<Item = Element> {
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok())
}

thread_local! {
    static VISITOR: OnceCell<Visitor> = const { OnceCell::new() };
}

/// The visitor. It is fetched once a page, and only if the visitor cookie is set, so that new
/// visitors cause no request. Later changes arrive as `cart` events from scripts.
pub(super) fn visitor() -> Visitor {
    VISITOR.with(|cell| {
        let first = || {
            let visitor = Visitor::new();
            listen(visitor.clone());
            let asked = visitor.clone();
            leptos::task::spawn_local(async move {
                // On an error the header stays as it is.
                let _ = ask(&asked).await;
            });
            visitor
        };
        cell.get_or_init(first).clone()
    })
}

fn listen(visitor: Visitor) {
    let changed = Closure::<dyn Fn(CustomEvent)>::new(move |event: CustomEvent| {
        count(&visitor, &event.detail());
    });
    if let Some((_, document)) = here() {
        let listener = changed.as_ref().unchecked_ref();
        let _ = document.add_event_listener_with_callback("cart", listener);
    }
    changed.forget();
}

async fn ask(visitor: &Visitor) -> Result<(), JsValue> {
    let Some((window, document)) = here() else {
        return Ok(());
    };
    let cookies = document.unchecked_ref::<HtmlDocument>().cookie()?;
    let known = cookies
        .split("; ")
        .any(|cookie| cookie.starts_with("visitor="));
    if !known {
        return Ok(());
    }
    let answer = JsFuture::from(window.fetch_with_str("/api/v1/visitor")).await?;
    let answer: Response = answer.unchecked_into();
    if !answer.ok() {
        return Ok(());
    }
    let who = JsFuture::from(answer.json()?).await?;
    let of = |field: &str| js_sys::Reflect::get(&who, &field.into());
    if let Some(name) = of("name")?.as_string() {
        visitor.name.set(name);
    }
    count(visitor, &of("items")?);
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of things: it saturates, and has no fraction"
)]
fn count(visitor: &Visitor, items: &JsValue) {
    if let Some(items) = items.as_f64() {
        visitor.items.set(items as u32);
    }
}
