//! House rules that no other tool checks.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proc_macro2::Span;
use syn::{spanned::Spanned as _, visit::Visit};

use crate::{
    layers,
    step::{Failure, text_of},
    workspace::Workspace,
};

/// The allowed imports between the workspace's crates: name, folder and imports.
const MAY_IMPORT: [(&str, &str, &[&str]); 5] = [
    ("shared", "shared", &[]),
    ("ui", "ui", &["shared"]),
    ("edge", "edge", &["shared"]),
    ("origin", "origin", &["demo", "shared", "ui"]),
    ("demo", "origin/demo", &[]),
];
/// The most lines of a file.
const LINES_MAX: usize = 500;
/// The most lines of a function, with its signature.
const FUNCTION_LINES_MAX: usize = 70;
/// Files and functions that are still too long. These lists may only shrink.
const LONG_FILES: [&str; 14] = [
    "edge/tests/workerd/support.rs",
    "origin/src/accounts/web.rs",
    "origin/src/cart/change.rs",
    "origin/src/config.rs",
    "origin/src/db/mod.rs",
    "origin/src/orders/store.rs",
    "origin/src/pages/checkout.rs",
    "origin/demo/src/art/table.rs",
    "origin/tests/http.rs",
    "origin/tests/support/mod.rs",
    "shared/src/account.rs",
    "shared/src/page.rs",
    "ui/src/pages/tests.rs",
    "xtask/src/bench/mod.rs",
];
const LONG_FUNCTIONS: [&str; 11] = [
    "origin/src/cart/change.rs: try_commit",
    "origin/src/cart/price.rs: price",
    "origin/src/catalog/save.rs: row",
    "origin/src/catalog/search/query.rs: list",
    "origin/src/jobs.rs: start",
    "origin/src/orders/store.rs: add",
    "origin/tests/accounts/authorization_matrix.rs: fixture",
    "origin/tests/accounts/openapi_contract.rs: every_response_matches_the_openapi_document",
    "origin/tests/http.rs: errors_of_the_api_are_problems",
    "origin/tests/support/mod.rs: audit",
    "ui/src/pages/filters.rs: selected_filters",
];
/// Paths that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = ["/home/", "/root/", "/work/"];

/// Checks all rules and reports all violations at once.
pub fn tidy(workspace: &Workspace) -> Result<(), Failure> {
    let listed = text_of(
        Command::new("git")
            .args(["ls-files"])
            .current_dir(&workspace.root),
    )?;
    let files: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    let mut wrong = Vec::new();
    check_imports(workspace, &mut wrong);
    check_migrations(workspace, &mut wrong)?;
    let mut exceptions = BTreeSet::new();
    for file in files
        .iter()
        .filter(|file| workspace.root.join(file).is_file())
    {
        let Ok(text) = fs::read_to_string(workspace.root.join(file)) else {
            continue;
        };
        check_file(workspace, file, &text, &mut wrong);
        if file.extension().is_some_and(|it| it == "rs") {
            check_source(file, &text, &mut exceptions, &mut wrong);
        }
    }
    wrong.extend(layers::unused_exceptions(&exceptions));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure(format!(
        "the house rules are broken:\n  {}",
        wrong.join("\n  ")
    )))
}

fn check_imports(workspace: &Workspace, wrong: &mut Vec<String>) {
    for (krate, folder, allowed) in MAY_IMPORT {
        let text = fs::read_to_string(workspace.root.join(folder).join("Cargo.toml"));
        let text = text.unwrap_or_default();
        for (other, ..) in MAY_IMPORT {
            let imports = text
                .lines()
                .any(|line| line.starts_with(&format!("{other}.workspace")));
            if imports && !allowed.contains(&other) {
                wrong.push(format!(
                    "{krate}/Cargo.toml: {krate} may not import {other}"
                ));
            }
        }
    }
}

fn check_migrations(workspace: &Workspace, wrong: &mut Vec<String>) -> Result<(), Failure> {
    let names = |engine: &str| -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for entry in fs::read_dir(workspace.root.join("migrations").join(engine))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    if names("sqlite")? != names("mysql")? {
        wrong
            .push("migrations: every file has a twin of the same name for the other engine".into());
    }
    Ok(())
}

fn check_file(workspace: &Workspace, file: &Path, text: &str, wrong: &mut Vec<String>) {
    let name = file.display();
    let is_rust = file.extension().is_some_and(|it| it == "rs");
    let is_listed = LONG_FILES.iter().any(|it| file == Path::new(it));
    match (is_rust, text.lines().count() > LINES_MAX) {
        (true, true) if !is_listed => {
            wrong.push(format!("{name}: more than {LINES_MAX} lines; divide it"));
        }
        (true, false) if is_listed => {
            wrong.push(format!("{name}: short enough; remove it from LONG_FILES"));
        }
        _ => {}
    }
    let is_first_version = |it: &str| it.get(..4).is_some_and(|number| number <= "0015");
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    if file.starts_with("migrations") && !is_first_version(&file_name) {
        for rule in breaking_statements(text) {
            wrong.push(format!("{name}: {rule}"));
        }
    }
    if is_rust {
        for rule in forbidden_names(file, text) {
            wrong.push(format!("{name}: {rule}"));
        }
    }
    if file.file_name().is_some_and(|it| it != "tidy.rs") {
        for path in MACHINE_PATHS.iter().filter(|path| text.contains(**path)) {
            wrong.push(format!(
                "{name}: names {path}, which exists on one machine only"
            ));
        }
    }
    if file.extension().is_some_and(|it| it == "md") {
        let folder = workspace.root.join(file);
        let folder = folder.parent().unwrap_or(&workspace.root);
        for link in link_targets(text).filter(|link| !folder.join(link).exists()) {
            wrong.push(format!("{name}: the link {link} is broken"));
        }
    }
}

/// Checks what has to be parsed: layers, and the length of functions.
fn check_source(
    file: &Path,
    text: &str,
    exceptions: &mut BTreeSet<(&'static str, &'static str)>,
    wrong: &mut Vec<String>,
) {
    let name = file.display();
    let source = match syn::parse_file(text) {
        Ok(source) => source,
        Err(error) => {
            wrong.push(format!("{name}: cannot be parsed: {error}"));
            return;
        }
    };
    if let Ok(below) = file.strip_prefix("origin/src") {
        let found = layers::check(below, &source, exceptions);
        wrong.extend(found.into_iter().map(|it| format!("{name}: {it}")));
    }
    let in_file = format!("{name}: ");
    let mut listed: BTreeSet<&str> = LONG_FUNCTIONS
        .into_iter()
        .filter_map(|it| it.strip_prefix(&in_file))
        .collect();
    for (function, lines) in long_functions(&source) {
        if !listed.remove(function.as_str()) {
            wrong.push(format!(
                "{name}: {function} has {lines} lines, more than {FUNCTION_LINES_MAX}"
            ));
        }
    }
    for function in listed {
        wrong.push(format!(
            "{name}: {function} is short enough; remove it from LONG_FUNCTIONS"
        ));
    }
}

/// The functions with too many lines, and their numbers of lines.
fn long_functions(source: &syn::File) -> Vec<(String, usize)> {
    let mut functions = Functions::default();
    functions.visit_file(source);
    let mut found = functions.0;
    found.retain(|(_, lines)| *lines > FUNCTION_LINES_MAX);
    found
}

/// The functions of a file, with their numbers of lines.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: Span) {
        let lines = body.end().line + 1 - signature.span().start().line;
        self.0.push((signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, function.block.span());
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, function.block.span());
        syn::visit::visit_impl_item_fn(self, function);
    }
}

/// Statements that break the previous version of the program, unless a preceding comment says
/// `contract:` and since when nothing needs what they remove.
fn breaking_statements(text: &str) -> Vec<String> {
    const REMOVES: [&str; 6] = [
        "drop column",
        "drop table",
        "rename ",
        " modify ",
        " change column ",
        "truncate ",
    ];
    let mut broken = Vec::new();
    let mut is_marked = false;
    for line in text.lines().map(str::to_lowercase) {
        if line.trim_start().starts_with("--") {
            is_marked |= line.contains("contract:");
            continue;
        }
        let is_removed = REMOVES.iter().any(|it| line.contains(it));
        let is_wanted =
            line.contains("add column") && line.contains("not null") && !line.contains("default");
        if (is_removed || is_wanted) && !is_marked {
            let line = line.trim();
            broken.push(format!(
                "`{line}` breaks programs of the version before; add first, remove later under a \
                 comment `-- contract: …` that says since when nothing needs it"
            ));
        }
        // A comment belongs to the statement below it.
        is_marked &= !line.contains(';');
    }
    broken
}

/// The forbidden names in a file at this path.
fn forbidden_names(file: &Path, text: &str) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let names = |words: &str| text.contains(words);
    let under = |folder: &str| file.starts_with(folder);
    if under("edge/src/core") && (names("use worker") || names("worker::")) {
        broken.push("the core does not know the runtime");
    }
    let shows = ["origin/src/catalog", "origin/src/db", "origin/src/pages"];
    if under("origin/src") && !shows.into_iter().any(under) && names("db.catalog()") {
        broken.push("only the catalogue may lag; everything else is read from the primary");
    }
    if under("ui/src") && names("sqlx") {
        broken.push("ui knows no SQL");
    }
    let is_web = file.file_name().is_some_and(|name| name == "web.rs");
    if is_web && names("sqlx") {
        broken.push("a handler holds no SQL");
    }
    broken
}

/// The relative link targets of a document, without their anchors.
fn link_targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .filter_map(|link| link.split('#').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_names_are_found() {
        let found = |file: &str, text: &str| forbidden_names(Path::new(file), text).len();
        assert_eq!(found("edge/src/core/plan.rs", "use worker::Date;"), 1);
        assert_eq!(found("edge/src/worker.rs", "use worker::Date;"), 0);
        assert_eq!(found("origin/src/cart/view.rs", "app.db.catalog()"), 1);
        assert_eq!(found("origin/src/catalog/mod.rs", "app.db.catalog()"), 0);
        assert_eq!(
            found("origin/src/catalog/web.rs", "sqlx::query(\"select 1\")"),
            1
        );
        assert_eq!(
            found("origin/src/catalog/store.rs", "sqlx::query(\"select 1\")"),
            0
        );
    }

    #[test]
    fn a_function_has_a_largest_length() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines));
        let found = |text: &str| long_functions(&syn::parse_file(text).unwrap()).len();
        assert_eq!(found(&function(FUNCTION_LINES_MAX - 2)), 0);
        assert_eq!(found(&function(FUNCTION_LINES_MAX - 1)), 1);
        let method = format!("struct S;\nimpl S {{\n{}}}\n", function(FUNCTION_LINES_MAX));
        assert_eq!(found(&method), 1);
    }

    #[test]
    fn breaking_statements_need_a_contract_comment() {
        for line in [
            "alter table a drop column b;",
            "drop table a;",
            "alter table a rename column b to c;",
            "alter table a modify b bigint not null;",
            "alter table a add column b bigint not null;",
        ] {
            assert_eq!(breaking_statements(line).len(), 1, "{line}");
            let marked = format!("-- contract: unused since 0.3\n{line}");
            assert_eq!(breaking_statements(&marked).len(), 0, "{line}");
            let other = format!("-- contract: unused\ndrop index x;\n{line}");
            assert_eq!(breaking_statements(&other).len(), 1, "{line}");
        }
        let fine = "-- drop table a;\nalter table a add column b bigint not null default 0;";
        assert_eq!(breaking_statements(fine).len(), 0);
    }

    #[test]
    fn links_are_found() {
        let text = "[a](A.md) [b](https://b.example) [c](#here) [d](docs/d.md#part)";
        assert_eq!(
            link_targets(text).collect::<Vec<_>>(),
            ["A.md", "docs/d.md"]
        );
    }
}
