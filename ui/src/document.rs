//! The HTML document of a page: head, header and footer.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hydration_context::SsrSharedContext;
use leptos::prelude::*;
use sha2::{Digest, Sha256};
use shared::{
    catalog::Image,
    locale::Locale,
    money::Money,
    page::{ACCOUNT, CART, FIND_ORDER, INFO, MANIFEST, SEARCH, Shell, category_path, info_path},
    search::QUERY_MAX,
};

use crate::{
    components::write,
    islands::{CartBadge, Greeting},
    messages::Messages,
};

/// Applies the saved theme before the first paint, and marks the document as scripted. This is the
/// only inline script; the Content-Security-Policy allows it by its hash.
const EARLY: &str = "try{let t=localStorage.getItem('theme');\
t&&(document.documentElement.dataset.theme=t)}catch{}document.documentElement.dataset.js=''";

/// The sources of the pages' inline scripts for a Content-Security-Policy.
pub fn csp_hashes() -> Vec<String> {
    vec![format!(
        "'sha256-{}'",
        STANDARD.encode(Sha256::digest(EARLY))
    )]
}

/// The initial capacity of a page's buffer, which seldom has to grow.
const PAGE_BYTES: usize = 32 * 1024;

/// The metadata of a page for browsers, search engines and social media.
pub(crate) struct PageMetadata {
    pub(crate) title: String,
    pub(crate) description: String,
    /// The image for social media.
    pub(crate) image: Option<Image>,
    /// The Open Graph type: `website` or `product`.
    pub(crate) kind: &'static str,
    /// The price, for a product.
    pub(crate) price: Option<Money>,
    /// Structured data, as JSON-LD.
    pub(crate) data: Vec<serde_json::Value>,
}

impl PageMetadata {
    /// The metadata of a personal page, which is neither indexed nor shared.
    pub(crate) fn private(shell: &Shell, title: &str) -> Self {
        Self {
            title: format!("{title} · {}", shell.shop_name),
            description: String::new(),
            image: None,
            kind: "website",
            price: None,
            data: Vec::new(),
        }
    }
}

/// Renders the document. The output depends on the input only: there is no nonce, no clock and
/// nothing about the client, so that a page has one `ETag`.
pub(crate) fn render<V: IntoView>(
    shell: &Shell,
    metadata: &PageMetadata,
    main: impl FnOnce() -> V,
) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let mut html = String::with_capacity(PAGE_BYTES);
    html.push_str("<!DOCTYPE html>");
    owner.with(|| {
        let view = view! {
            <html lang=shell.locale.tag()>
                {head(shell, metadata)}
                <body>
                    {header(shell)}
                    <main id="content">{main()}</main>
                    {footer(shell)} {script_elements(shell)}
                </body>
            </html>
        };
        write(view, &mut html);
    });
    owner.unset();
    with_valid_markers(&html)
}

/// Leptos marks dynamic text with `<!>`, which the HTML standard calls a parse error and treats as
/// an empty comment. Hydration needs the markers in islands only: there they are replaced by proper
/// empty comments, elsewhere they are removed.
fn with_valid_markers(html: &str) -> String {
    const MARKER: &str = "<!>";
    let mut valid = String::with_capacity(html.len());
    let mut islands = 0_usize;
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        valid.push_str(text);
        rest = if let Some(after) = tag.strip_prefix(MARKER) {
            if islands > 0 {
                valid.push_str("<!---->");
            }
            after
        } else {
            if tag.starts_with("<leptos-island") {
                islands += 1;
            } else if tag.starts_with("</leptos-island") {
                islands = islands.saturating_sub(1);
            }
            valid.push('<');
            &tag[1..]
        };
    }
    valid.push_str(rest);
    valid
}

fn head(shell: &Shell, metadata: &PageMetadata) -> impl IntoView + use<> {
    let absolute = |path: &str| format!("{}{path}", shell.base_url);
    let here = absolute(&shell.locale.path(&shell.path));
    let canonical = shell
        .canonical
        .as_deref()
        .map(|path| absolute(&shell.locale.path(path)));
    let alternates = shell.canonical.as_deref().map(|path| {
        let link = |tag: &'static str, locale: Locale| {
            let href = absolute(&locale.path(path));
            view! { <link rel="alternate" hreflang=tag href=href /> }
        };
        let all = Locale::ALL.map(|locale| link(locale.tag(), locale));
        (all.to_vec(), link("x-default", Locale::default()))
    });
    let data = metadata.data.iter().map(|data| {
        // Escapes `<`, so that the data cannot close the script element.
        let text = data.to_string().replace('<', "\\u003c");
        view! { <script type="application/ld+json" inner_html=text></script> }
    });
    let description = (!metadata.description.is_empty()).then(|| {
        view! { <meta name="description" content=metadata.description.clone() /> }
    });
    let assets = &shell.assets;
    view! {
        <head>
            <meta charset="utf-8" />
            <title>{metadata.title.clone()}</title>
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            {description}
            <meta name="color-scheme" content="light dark" />
            <meta name="theme-color" media="(prefers-color-scheme: light)" content="#faf8f4" />
            <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#171614" />
            <script inner_html=EARLY></script>
            <link rel="stylesheet" href=assets.style.clone() />
            <link rel="icon" type="image/svg+xml" href=assets.icon.clone() />
            <link rel="apple-touch-icon" href="/icon/180.png" />
            <link rel="manifest" href=MANIFEST />
            <script
                type="module"
                src=assets.boot.clone()
                data-script=assets.script.clone()
                data-wasm=assets.wasm.clone()
            ></script>
            {match canonical.clone() {
                Some(href) => view! { <link rel="canonical" href=href /> }.into_any(),
                None => view! { <meta name="robots" content="noindex" /> }.into_any(),
            }}
            {alternates}
            {open_graph(shell, metadata, canonical.unwrap_or(here))}
            {data.collect_view()}
        </head>
    }
}

/// Open Graph metadata for social media.
fn open_graph(shell: &Shell, metadata: &PageMetadata, url: String) -> impl IntoView + use<> {
    let mut says = vec![
        ("og:site_name", shell.shop_name.clone()),
        ("og:title", metadata.title.clone()),
        ("og:description", metadata.description.clone()),
        ("og:type", metadata.kind.to_owned()),
        ("og:url", url),
        ("og:locale", territory(shell.locale).to_owned()),
    ];
    let others = Locale::ALL.into_iter().filter(|it| *it != shell.locale);
    says.extend(others.map(|it| ("og:locale:alternate", territory(it).to_owned())));
    if let Some(image) = &metadata.image {
        let (address, size) = open_graph_image(shell, image);
        says.push(("og:image", address));
        if let Some((width, height)) = size {
            says.push(("og:image:width", width.to_string()));
            says.push(("og:image:height", height.to_string()));
        }
        if !image.alt.is_empty() {
            says.push(("og:image:alt", image.alt.clone()));
        }
    }
    if let Some(price) = metadata.price {
        says.push(("product:price:amount", price.to_decimal()));
        says.push(("product:price:currency", price.currency.to_string()));
    }
    let meta = |(name, value): (&'static str, String)| {
        leptos::html::meta()
            .attr("property", name)
            .attr("content", value)
    };
    says.into_iter().map(meta).collect_view()
}

/// The Open Graph locale, which includes a territory.
const fn territory(locale: Locale) -> &'static str {
    match locale {
        Locale::En => "en_GB",
        Locale::Zh => "zh_CN",
    }
}

/// Width and height of the photo that stands in for a drawing.
const DRAWING: u32 = 1_200;

/// The URL of an image for social media, which cannot show SVG, with its dimensions where known.
/// Each drawing has a photo beside it.
fn open_graph_image(shell: &Shell, image: &Image) -> (String, Option<(u32, u32)>) {
    let absolute = |src: &str| match src.strip_prefix('/') {
        Some(_) => format!("{}{src}", shell.base_url),
        None => src.to_owned(),
    };
    if let Some(stem) = image.src.strip_suffix(".svg")
        && image.src.starts_with("/media/")
    {
        return (absolute(&format!("{stem}.jpg")), Some((DRAWING, DRAWING)));
    }
    let whole = image.width.zip(image.height);
    let renditions = image.sources.iter().flat_map(|source| &source.renditions);
    let shown = renditions
        .filter(|it| it.url == image.src)
        .map(|it| it.width)
        .max();
    let size = whole.map(|(width, height)| {
        let shown = shown.unwrap_or(width);
        let scaled = u64::from(height) * u64::from(shown) / u64::from(width.max(1));
        (shown, u32::try_from(scaled).unwrap_or(height))
    });
    (absolute(&image.src), size)
}

/// The maximum number of categories in the menu; the home page shows all of them.
const MENU_MAX: usize = 10;

fn header(shell: &Shell) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let languages = Locale::ALL
        .into_iter()
        .filter(|other| *other != locale)
        .map(|other| {
            view! {
                <a
                    class="language"
                    href=other.path(&shell.path)
                    hreflang=other.tag()
                    lang=other.tag()
                    rel="alternate"
                >
                    {other.endonym()}
                </a>
            }
        });
    let top = shell
        .categories
        .iter()
        .take(MENU_MAX)
        .map(|category| menu(locale.path(&category_path(&category.slug)), &category.name));
    let all = (shell.categories.len() > MENU_MAX).then(|| {
        let href = locale.path("/#categories");
        view! {
            <p class="menu-all">
                <a href=href>{messages.text("menu-all")}</a>
            </p>
        }
    });
    view! {
        <a class="skip" href="#content">{messages.text("skip-to-content")}</a>
        <header class="site-header">
            <div class="wrap bar">
                <a class="mark" href=locale.path("/")>
                    {logo()} <span dir="auto">{shell.shop_name.clone()}</span>
                </a>
                {search(shell, messages)}
                <div class="tools">
                    {languages.collect_view()}
                    <span class="theme-slot" data-label=messages.text("theme-toggle")>{theme_icon()}</span>
                    <a
                        class="tool account-link"
                        href=locale.path(ACCOUNT.path)
                        title=messages.text("account")
                    >
                        {account_icon()} <span class="unseen">{messages.text("account")}</span> <Greeting />
                    </a>
                    <a class="tool cart-link" href=locale.path(CART.path) title=messages.text("cart")>
                        {cart_icon()} <span class="unseen">{messages.text("cart")}</span> <CartBadge />
                    </a>
                </div>
            </div>
            <nav class="wrap menu" aria-label=messages.text("menu")>
                <ul>{top.collect_view()}</ul>
                {all}
            </nav>
        </header>
    }
}

/// The search form, which works without scripts.
fn search(shell: &Shell, messages: Messages) -> impl IntoView + use<> {
    view! {
        <form class="search" role="search" method="get" action=shell.locale.path(SEARCH.path)>
            <label class="unseen" for="search">
                {messages.text("search-label")}
            </label>
            <input
                id="search"
                type="search"
                name="q"
                dir="auto"
                value=shell.searched.clone()
                placeholder=messages.text("search-placeholder")
                maxlength=QUERY_MAX.to_string()
                autocomplete="off"
                enterkeyhint="search"
            />
            <button type="submit" aria-label=messages.text("search-submit")>
                <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
                    <circle cx="10.5" cy="10.5" r="6.5" fill="none" stroke="currentColor" stroke-width="1.8" />
                    <path d="M15.5 15.5L21 21" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
                </svg>
            </button>
        </form>
    }
}

fn menu(href: String, name: &str) -> impl IntoView + use<> {
    view! {
        <li>
            <a href=href dir="auto">
                {name.to_owned()}
            </a>
        </li>
    }
}

/// The elements that scripts need on every page: a live region, a notice that the shop is
/// unreachable, and an empty drawer for the cart.
fn script_elements(shell: &Shell) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    view! {
        <p
            class="unseen"
            id="said"
            role="status"
            data-failed=messages.text("moving-failed")
            data-suggestions=messages.text("moving-suggestions")
        ></p>
        <div
            class="notice"
            id="lost"
            role="status"
            data-lost=messages.text("moving-lost")
            data-back=messages.text("moving-back")
        ></div>
        <dialog class="drawer" id="drawer" aria-labelledby="drawer-title">
            <form method="dialog">
                <h2 id="drawer-title" tabindex="-1">{messages.text("cart")}</h2>
                <button class="tool" aria-label=messages.text("drawer-close")>
                    {close_icon()}
                </button>
            </form>
            <p class="unseen" role="status"></p>
            <div class="inside" data-adding=messages.text("drawer-adding")></div>
            <a class="button quiet-button wide" href=shell.locale.path(CART.path)>
                {messages.text("drawer-cart")}
            </a>
        </dialog>
    }
}

/// The icon of the theme switch: a disc, half light and half dark.
fn theme_icon() -> impl IntoView {
    view! {
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
            <circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="1.6" />
            <path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" />
        </svg>
    }
}

/// The icon for closing.
fn close_icon() -> impl IntoView {
    view! {
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <path d="M6 6l12 12M18 6l-12 12" stroke="currentColor" stroke-width="1.6" />
        </svg>
    }
}

/// The icon of the account.
fn account_icon() -> impl IntoView {
    view! {
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <g fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round">
                <circle cx="12" cy="8" r="4" />
                <path d="M4.500 20c1-4 4-6 7.500-6s6.500 2 7.500 6" />
            </g>
        </svg>
    }
}

/// The icon of the cart.
fn cart_icon() -> impl IntoView {
    view! {
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <g fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round">
                <path d="M3.500 9h17l-1.600 10.500h-13.800z" />
                <path d="M8 9c0-3 1.500-5.500 4-5.500s4 2.500 4 5.500" stroke-linecap="round" />
            </g>
        </svg>
    }
}

/// The logo: a mallard on the water.
fn logo() -> impl IntoView {
    view! {
        <svg viewBox="0 0 48 32" width="42" height="28" aria-hidden="true">
            <path d="M2 19c6 9 30 9 38-1 2-3 1-6-3-6-8 0-11 4-17 4-7 0-11-2-18 3z" fill="#8a7b68" />
            <path d="M31 14c3 1 6 0 7-2l1-5c0-4-8-5-9 0-.4 3-.6 6 1 7z" fill="#2f6b4f" />
            <path d="M30.500 13.500c3 1.500 6 .6 7.500-1.500l-.6 2.400c-2 1.800-5 2-7 .6z" fill="#f5f1e8" />
            <path d="M38.600 6.500c3 .3 5.400 1 7 2.200-2 1.200-4.600 1.500-7.200 1z" fill="#d9a441" />
            <circle cx="35.500" cy="7" r="1" fill="#171614" />
            <path d="M4 28h40" stroke="currentColor" stroke-width="1.500" stroke-linecap="round" opacity=".35" />
        </svg>
    }
}

fn footer(shell: &Shell) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let shop = [("shop", shell.shop_name.clone().into())];
    let pages = INFO.map(|slug| {
        let path = shell.locale.path(&info_path(slug));
        menu(path, &messages.text(&format!("info-{slug}")))
    });
    let pages = Vec::from(pages);
    let order = menu(
        shell.locale.path(FIND_ORDER.path),
        &messages.text("find-order"),
    );
    view! {
        <footer class="site-footer">
            <div class="wrap">
                <nav aria-label=messages.text("footer-menu")>
                    <ul>{pages} {order}</ul>
                </nav>
                <p>{messages.text("footer-note")}</p>
                <p class="quiet">{messages.text_with("footer-open", &shop)}</p>
            </div>
        </footer>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_comments_in_islands_and_gone_elsewhere() {
        for (rendered, valid) in [
            ("<p>a<!>b</p>", "<p>ab</p>"),
            (
                "<leptos-island data-component=\"x\"><b>1<!></b></leptos-island><!>",
                "<leptos-island data-component=\"x\"><b>1<!----></b></leptos-island>",
            ),
            (
                "<!DOCTYPE html><p>1 &lt;!> 2</p>",
                "<!DOCTYPE html><p>1 &lt;!> 2</p>",
            ),
            ("", ""),
        ] {
            assert_eq!(with_valid_markers(rendered), valid);
        }
    }
}
