//! The page of load shedding.

use std::sync::Arc;

use quick_cache::sync::Cache;
use shared::{locale::Locale, page::HOME};

/// The page for 503, rendered once for each language and menu: under overload there is no time to
/// render it.
#[derive(Debug)]
pub struct OverloadPage(Cache<(Locale, i64, bool), Arc<[String]>>);

/// Placeholders in the cached page for the requested path and the request id.
const PATH_MARKER: &str = "/mallard-here";
const ID_MARKER: &str = "mallard-id";

impl Default for OverloadPage {
    fn default() -> Self {
        Self(Cache::new(2 * Locale::ALL.len()))
    }
}

impl OverloadPage {
    /// The page in this language, with the menu of this version, for this path and request id.
    /// `render` gets a path and an id; it is called when there is no such page yet.
    pub fn page(
        &self,
        (locale, version): (Locale, i64),
        (path, id): (&str, &str),
        render: impl FnOnce(&str, &str) -> String,
    ) -> String {
        // Links to the home page have another form, so the page for it is rendered separately.
        let here = if path == HOME.path {
            HOME.path
        } else {
            PATH_MARKER
        };
        let key = (locale, version, here == PATH_MARKER);
        let page = self.0.get(&key).unwrap_or_else(|| {
            // Split at the placeholders, so that the path can be inserted.
            let page = render(here, ID_MARKER);
            let page: Arc<[String]> = page.split(PATH_MARKER).map(str::to_owned).collect();
            self.0.insert(key, Arc::clone(&page));
            page
        });
        let path = html_escape::encode_double_quoted_attribute(path);
        let pieces: Vec<_> = page
            .iter()
            .map(|piece| piece.replacen(ID_MARKER, id, 1))
            .collect();
        pieces.join(&*path)
    }
}
