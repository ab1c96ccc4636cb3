//! Checks the layers of the server: which module of `origin/src` may import which.

use std::{collections::BTreeSet, path::Path};

use syn::{UseTree, visit::Visit};

/// The modules of the server in layers, the lowest first. A module may import those before it.
const LAYERS: [(&str, &[&str]); 4] = [
    (
        "ground",
        &[
            "private_files",
            "secret",
            "keyring",
            "seal",
            "signer",
            "crash",
            "email",
            "mail",
            "monotonic",
            "db",
            "clock",
            "command_error",
            "telemetry",
            "redis_client",
            "http_client",
            "batcher",
            "assets",
            "config",
        ],
    ),
    ("cache", &["cache", "web", "limits", "platform"]),
    (
        "domains",
        &[
            "audit",
            "outbox",
            "inventory",
            "accounts",
            "webhooks",
            "media",
            "catalog",
            "checkout",
            "coupons",
            "warehouse",
            "cart",
            "shopper",
            "orders",
            "payments",
            "edges",
        ],
    ),
    (
        "composition",
        &[
            "import",
            "app",
            "relay",
            "pages",
            "http_pipeline",
            "load",
            "at_rest",
            "jobs",
            "server",
            "cli",
        ],
    ),
];

/// Imports against the order that are still to be turned round. This list may only shrink.
const EXCEPTIONS: [(&str, &str); 9] = [
    // The pages of an account, its cart and its erasure stand above what they show.
    ("accounts", "app"),
    ("accounts", "cart"),
    ("accounts", "orders"),
    ("accounts", "pages"),
    ("accounts", "shopper"),
    // The rules of a product are those of the importer.
    ("catalog", "import"),
    // A cart that has been ordered names its order; `current` names the shopper's cart.
    ("cart", "orders"),
    ("cart", "shopper"),
    // An order with a payment in progress is not replaced.
    ("orders", "payments"),
];

/// The violations of a file of `origin/src`, whose path is relative to that folder. `used` collects
/// the exceptions that are still needed.
pub fn check(
    file: &Path,
    source: &syn::File,
    used: &mut BTreeSet<(&'static str, &'static str)>,
) -> Vec<String> {
    let Some(module) = module_of(file) else {
        return Vec::new();
    };
    let Some(own) = position(&module) else {
        return vec![format!(
            "the module {module} has no place among the layers (xtask/src/layers.rs)"
        )];
    };
    let mut imports = Imports::default();
    imports.visit_file(source);
    let mut wrong = Vec::new();
    for import in imports.modules.iter().filter(|it| **it != module) {
        let excepted = EXCEPTIONS
            .into_iter()
            .find(|(from, to)| *from == module && to == import);
        match (position(import), excepted) {
            (_, Some(pair)) => {
                used.insert(pair);
            }
            (None, None) => wrong.push(format!("{import} has no place among the layers")),
            (Some(other), None) if other > own => wrong.push(format!(
                "{module} may not import {import}, which stands above it"
            )),
            _ => {}
        }
    }
    wrong
}

/// The exceptions that no import needs any more.
pub fn unused_exceptions(used: &BTreeSet<(&'static str, &'static str)>) -> Vec<String> {
    let unused = EXCEPTIONS.into_iter().filter(|pair| !used.contains(pair));
    unused
        .map(|(from, to)| {
            format!("xtask/src/layers.rs: {from} no longer imports {to}; remove the exception")
        })
        .collect()
}

/// The top-level module of a file; none for the roots of the crate.
fn module_of(file: &Path) -> Option<String> {
    let first = file.components().next()?.as_os_str().to_string_lossy();
    let name = first.strip_suffix(".rs").unwrap_or(&first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// The position of a module in the declared order.
fn position(module: &str) -> Option<usize> {
    let mut modules = LAYERS.iter().flat_map(|(_, modules)| *modules);
    modules.position(|it| *it == module)
}

/// The top-level modules of the crate that a file names.
#[derive(Default)]
struct Imports {
    modules: BTreeSet<String>,
}

impl Imports {
    /// Adds the modules of a use tree below `crate`.
    fn add(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                self.modules.insert(path.ident.to_string());
            }
            UseTree::Name(name) => {
                self.modules.insert(name.ident.to_string());
            }
            UseTree::Rename(rename) => {
                self.modules.insert(rename.ident.to_string());
            }
            UseTree::Group(group) => group.items.iter().for_each(|it| self.add(it)),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.in_tree(&item.tree);
    }

    /// Tests may use everything.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(is_cfg_test);
        if !is_test {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|it| it.ident == "crate")
            && let Some(module) = segments.next()
        {
            self.modules.insert(module.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

impl Imports {
    /// Finds `crate` in a use tree, also within a group.
    fn in_tree(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) if path.ident == "crate" => self.add(&path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|it| self.in_tree(it)),
            _ => {}
        }
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|it| it == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(file: &str, source: &str) -> Vec<String> {
        let source = syn::parse_file(source).unwrap();
        check(Path::new(file), &source, &mut BTreeSet::new())
    }

    #[test]
    fn an_import_upward_is_found_however_it_is_written() {
        for source in [
            "use crate::http_pipeline::Answer;",
            "use crate::{db, http_pipeline::{Answer, problems}};",
            "use {std::fs, crate::{db, http_pipeline}};",
            "use crate::http_pipeline as pipeline;",
            "fn f() { crate::http_pipeline::answer(); }",
            "fn f(it: crate::http_pipeline::Answer) {}",
            "mod inner { use crate::http_pipeline; }",
        ] {
            let found = violations("catalog/web.rs", source);
            assert_eq!(found.len(), 1, "{source}: {found:?}");
        }
    }

    #[test]
    fn domains_have_an_order() {
        assert!(violations("orders/web.rs", "use crate::{cart, catalog, db};").is_empty());
        assert_eq!(violations("catalog/web.rs", "use crate::orders;").len(), 1);
        assert_eq!(violations("db/mod.rs", "use crate::catalog;").len(), 1);
        assert_eq!(
            violations("payments/pay.rs", "use crate::app::App;").len(),
            1
        );
        assert!(violations("pages/cart.rs", "use crate::app::App;").is_empty());
    }

    #[test]
    fn tests_may_import_everything() {
        let source = "#[cfg(test)] mod tests { use crate::http_pipeline; }";
        assert!(violations("catalog/web.rs", source).is_empty());
    }

    #[test]
    fn an_undeclared_module_is_named() {
        assert_eq!(violations("new_room.rs", "").len(), 1);
        assert!(violations("lib.rs", "pub mod app;").is_empty());
    }
}
