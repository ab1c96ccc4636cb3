//! The images of a product. All of them are in the page and one is shown; browsers fetch the others
//! when they are shown.

use leptos::prelude::*;
use shared::{
    catalog::{Image, Product},
    page::ProductPage,
};

use crate::{
    components::{Loading, Slot, picture, srcset},
    islands::Gallery,
    messages::{Messages, number},
};

/// The gallery, with the image of the selected variant.
pub(super) fn gallery(messages: Messages, page: &ProductPage) -> AnyView {
    let product = &page.product;
    if product.images.is_empty() {
        return view! {
            <div class="gallery">
                <div class="frame">{picture(None, "", Slot::Gallery, Loading::Eager)}</div>
            </div>
        }
        .into_any();
    }
    let chosen = page.product.variants.get(page.variant);
    let first = chosen.and_then(|variant| variant.image).unwrap_or(0) as usize;
    let first = first.min(product.images.len() - 1);
    let pictures = product
        .images
        .iter()
        .enumerate()
        .map(|(index, image)| large(image, &product.name, index, index == first))
        .collect::<Vec<_>>();
    let thumbnails = (product.images.len() > 1).then(|| thumbnails(messages, product, first));
    view! {
        <Gallery>
            <div class="frame">{pictures}</div>
            {thumbnails}
        </Gallery>
    }
    .into_any()
}

fn thumbnails(messages: Messages, product: &Product, first: usize) -> AnyView {
    let count = product.images.len();
    let links = product.images.iter().enumerate().map(|(index, image)| {
        let values = [
            ("number", number(index as u64 + 1)),
            ("count", number(count as u64)),
        ];
        // The format that every browser supports has no transparency: transparent parts are white
        // there.
        let sources = image.sources.iter().filter_map(|source| {
            let media_type = source.media_type.clone();
            let smallest = source.renditions.first()?.url.clone();
            Some(view! { <source type=media_type srcset=smallest /> })
        });
        view! {
            <li>
                <a
                    href=image.src.clone()
                    data-picture=index.to_string()
                    aria-label=messages.text_with("product-picture", &values)
                    aria-current=(index == first).then_some("true")
                >
                    <picture>
                        {sources.collect::<Vec<_>>()}
                        <img
                            src=image.smallest().to_owned()
                            alt=""
                            width="96"
                            height="96"
                            loading="lazy"
                        />
                    </picture>
                </a>
            </li>
        }
    });
    let links = links.collect::<Vec<_>>();
    view! {
        <ul class="thumbnails" aria-label=messages.text("product-pictures")>
            {links}
        </ul>
    }
    .into_any()
}

/// An image as wide as the column.
fn large(image: &Image, name: &str, index: usize, shown: bool) -> AnyView {
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
            view! { <source type=media_type srcset=srcset(source) sizes=Slot::Gallery.sizes() /> }
        })
        .collect::<Vec<_>>();
    view! {
        <picture data-picture=index.to_string() hidden=!shown>
            {sources}
            <img
                src=image.src.clone()
                alt=alt
                width=image.width.unwrap_or(1200).to_string()
                height=image.height.unwrap_or(1200).to_string()
                fetchpriority=shown.then_some("high")
                loading=(!shown).then_some("lazy")
            />
        </picture>
    }
    .into_any()
}
