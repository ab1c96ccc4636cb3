//! What moves in the browser and keeps a state. An island is complete as HTML before its code
//! arrives; that HTML is its children, rendered by the server: an island takes no properties, and
//! neither words nor a JSON parser are loaded. `ui/script` holds what only moves HTML about.

use leptos::prelude::*;

/// The pictures of a product, of which one is shown. Without scripts a thumbnail is a link to its
/// picture.
#[island]
pub fn Gallery(
    /// The pictures in their frame, and a thumbnail for each: `data-picture` says which belong
    /// together.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="gallery" on:click=|event| browser::choose(&event)>
            {children()}
        </div>
    }
}

/// How many things are in the cart. Pages that are kept are the same for everybody, so it is asked
/// for once the page is there, and never rendered.
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

/// What to call who is there; asked for like the badge.
#[island]
pub fn Greeting() -> impl IntoView {
    let name = browser::visitor().name;
    let none = {
        let name = name.clone();
        move || name.with(String::is_empty)
    };
    view! { <span class="greeting" hidden=none>{move || name.get()}</span> }
}

/// What the header shows of who is there.
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

/// Nothing is clicked on the server, and nobody is there.
#[cfg(not(target_arch = "wasm32"))]
mod browser {
    pub(super) fn choose(_: &leptos::ev::MouseEvent) {}

    pub(super) fn visitor() -> super::Visitor {
        super::Visitor::new()
    }
}
