//! Islands: the interactive parts of a page that have state. The server renders an island's HTML as
//! its children, so that it is complete before its code arrives and needs neither properties nor
//! messages nor a JSON parser. `ui/script` holds the behaviour without state.

use leptos::prelude::*;

/// The images of a product, one of which is shown. Without scripts a thumbnail is a link to its
/// image.
#[island]
pub fn Gallery(
    /// The images in their frame, and a thumbnail for each; `data-picture` relates the two.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="gallery" on:click=|event| browser::choose(&event)>
            {children()}
        </div>
    }
}

/// The number of items in the cart. Cached pages are the same for everybody, so it is fetched after
/// the page has loaded and never rendered on the server.
#[island]
pub fn CartBadge() -> impl IntoView {
    let items = browser::visitor().items;
    let none = {
        let items = items.clone();
        move || items.get() == 0
    };
    view! {
        <span class="count" hidden=none>
            {move || Some(items.get()).filter(|count| *count > 0)}
        </span>
    }
}

/// The visitor's name, fetched like the badge.
#[island]
pub fn Greeting() -> impl IntoView {
    let name = browser::visitor().name;
    let none = {
        let name = name.clone();
        move || name.with(String::is_empty)
    };
    view! { <span class="greeting" hidden=none>{move || name.get()}</span> }
}

/// The visitor's data in the header.
#[derive(Clone)]
struct Visitor {
    name: ArcRwSignal<String>,
    items: ArcRwSignal<u32>,
}

impl Visitor {
    fn new() -> Self {
        Self {
            name: ArcRwSignal::new(String::new()),
            items: ArcRwSignal::new(0),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod browser;

/// On the server there are no clicks and no visitor.
#[cfg(not(target_arch = "wasm32"))]
mod browser {
    pub(super) fn choose(_: &leptos::ev::MouseEvent) {}

    pub(super) fn visitor() -> super::Visitor {
        super::Visitor::new()
    }
}
