//! What moves in the browser. Each island is complete as HTML before its code arrives, and gets its
//! words as properties, so that no message file is loaded.

use leptos::prelude::*;
use shared::catalog::Image;

/// Switches between light and dark, and remembers it. Without scripts the system's choice rules and
/// the button is not shown.
#[island]
pub fn ThemeToggle(
    /// What the button does, for those who do not see it.
    label: String,
) -> impl IntoView {
    view! {
        <button type="button" class="theme-toggle" aria-label=label on:click=|_| browser::switch()>
            <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
                <circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="1.6" />
                <path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" />
            </svg>
        </button>
    }
}

/// The pictures of a product. Without scripts a thumbnail is a link to its picture.
#[island]
pub fn Gallery(
    /// The pictures.
    images: Vec<Image>,
    /// Which is shown first, counted from 0.
    first: usize,
    /// What the pictures are of.
    name: String,
    /// A label for each thumbnail.
    labels: Vec<String>,
    /// What the list of thumbnails is.
    list_label: String,
) -> impl IntoView {
    let (shown, show) = signal(first);
    let thumbnails = images
        .iter()
        .cloned()
        .zip(labels)
        .enumerate()
        .map(|(index, (image, label))| {
            view! {
                <li>
                    <a
                        href=image.src.clone()
                        aria-label=label
                        aria-current=move || (shown.get() == index).then_some("true")
                        on:click=move |event| {
                            event.prevent_default();
                            show.set(index);
                        }
                    >
                        <img src=smallest(&image) alt="" width="96" height="96" loading="lazy" />
                    </a>
                </li>
            }
        })
        .collect_view();
    let several = images.len() > 1;
    let main = move || {
        let image = images.get(shown.get()).cloned();
        image.map(|image| large(&image, &name))
    };
    view! {
        <div class="gallery">
            <div class="frame">{main}</div>
            <Show when=move || several>
                <ul class="thumbnails" aria-label=list_label.clone()>
                    {thumbnails.clone()}
                </ul>
            </Show>
        </div>
    }
}

/// The picture in its frame, as large as the column.
fn large(image: &Image, name: &str) -> impl IntoView + use<> {
    const SIZES: &str = "(min-width: 60rem) 50vw, 100vw";
    let alt = if image.alt.is_empty() {
        name.to_owned()
    } else {
        image.alt.clone()
    };
    let sources = image
        .sources
        .iter()
        .map(|source| {
            let media_type = source.media_type.clone();
            view! { <source type=media_type srcset=srcset(source) sizes=SIZES /> }
        })
        .collect_view();
    view! {
        <picture>
            {sources}
            <img
                src=image.src.clone()
                alt=alt
                width=image.width.unwrap_or(1200).to_string()
                height=image.height.unwrap_or(1200).to_string()
                fetchpriority="high"
            />
        </picture>
    }
}

/// The widths of a picture, as `srcset` lists them.
pub(crate) fn srcset(source: &shared::catalog::ImageSource) -> String {
    let widths = source
        .renditions
        .iter()
        .map(|it| format!("{} {}w", it.url, it.width));
    widths.collect::<Vec<_>>().join(", ")
}

/// The smallest rendition in the format that everybody can show.
fn smallest(image: &Image) -> String {
    let source = image
        .sources
        .last()
        .and_then(|source| source.renditions.first());
    source.map_or_else(|| image.src.clone(), |rendition| rendition.url.clone())
}

#[cfg(target_arch = "wasm32")]
mod browser {
    /// Shows the other of light and dark from now on.
    pub(super) fn switch() {
        let Some((window, root)) = web_sys::window().and_then(|window| {
            let root = window.document()?.document_element()?;
            Some((window, root))
        }) else {
            return;
        };
        let prefers_dark = || {
            let query = window
                .match_media("(prefers-color-scheme: dark)")
                .ok()
                .flatten();
            query.is_some_and(|query| query.matches())
        };
        let dark = match root.get_attribute("data-theme").as_deref() {
            Some(theme) => theme == "dark",
            None => prefers_dark(),
        };
        let theme = if dark { "light" } else { "dark" };
        // A browser that keeps nothing shows the theme until the page is left.
        let _ = root.set_attribute("data-theme", theme);
        if let Ok(Some(storage)) = window.local_storage() {
            let _ = storage.set_item("theme", theme);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    /// Nothing is clicked on the server.
    pub(super) fn switch() {}
}
