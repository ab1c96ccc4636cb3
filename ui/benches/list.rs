//! Measures how often a second one core renders a category page with 24 products, without the
//! server. Prints a line of JSON.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::{Value, from_value, json};
use shared::page::{CategoryPage, Shell};

// The same allocator as in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(400);
const PRODUCTS: u32 = 24;

fn money(minor: u32) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

fn card(number: u32) -> Value {
    let renditions = [320, 640, 960]
        .map(|width| json!({ "url": format!("/media/cup-{number}-{width}.webp"), "width": width }));
    let price = 1_290 + number * 100;
    json!({
        "id": number.to_string(), "slug": format!("cup-with-a-handle-{number}"),
        "name": format!("Cup with a handle, number {number}"), "brand": "Fjell & Co",
        "availability": if number.is_multiple_of(5) { "low" } else { "in_stock" },
        "price": { "from": money(price), "to": money(price + number % 3),
                   "compare_at": number.is_multiple_of(4).then(|| money(price * 2)) },
        "image": { "src": format!("/media/cup-{number}.jpg"), "alt": "", "width": 1_200, "height": 1_200,
                   "sources": [{ "media_type": "image/webp", "renditions": renditions }] },
        "created_at": "2026-01-02T03:04:05Z",
    })
}

fn category(number: u32) -> Value {
    json!({
        "id": number.to_string(), "slug": format!("category-{number}"),
        "name": format!("Category {number}"), "description": "What one needs every day.",
        "image": null, "product_count": 240, "children": [],
    })
}

fn shell() -> Result<Shell, serde_json::Error> {
    from_value(json!({
        "locale": "en", "path": "/c/category-1", "canonical": "/c/category-1",
        "base_url": "https://shop.example", "shop_name": "Duck & Co",
        "categories": (1..=8).map(category).collect::<Vec<_>>(),
        "assets": { "style": "/assets/s.css", "boot": "/assets/b.js", "script": "/assets/u.js",
                    "wasm": "/assets/u.wasm", "icon": "/assets/i.svg" },
    }))
}

fn page() -> Result<CategoryPage, serde_json::Error> {
    let brand = |number: u32| json!({ "slug": format!("brand-{number}"), "name": format!("Brand {number}"), "product_count": 9 });
    from_value(json!({
        "category": category(1), "ancestors": [],
        "facets": { "product_count": 240, "price": { "from": money(1_290), "to": money(9_900) },
                    "brands": (0..20).map(brand).collect::<Vec<_>>() },
        "filter": {}, "wrong": [], "currency": "EUR",
        "list": { "items": (1..=PRODUCTS).map(card).collect::<Vec<_>>(), "next": null, "previous": null },
    }))
}

fn rate(shell: &Shell, page: &CategoryPage) -> f64 {
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < ROUND {
        black_box(ui::category(black_box(shell), black_box(page)));
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
fn main() -> Result<(), serde_json::Error> {
    let (shell, page) = (shell()?, page()?);
    let bytes = ui::category(&shell, &page).len();
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| rate(&shell, &page)).collect();
    rates.sort_by(f64::total_cmp);
    let median = rates[rates.len() / 2];
    println!(
        "{}",
        json!({ "bytes": bytes, "per_second": median.round() })
    );
    Ok(())
}
