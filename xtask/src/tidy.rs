//! House rules that no other tool checks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    step::{Failure, text_of},
    workspace::Workspace,
};

/// The allowed imports between the workspace's crates.
const MAY_IMPORT: [(&str, &[&str]); 4] = [
    ("shared", &[]),
    ("ui", &["shared"]),
    ("edge", &["shared"]),
    ("origin", &["shared", "ui"]),
];
const LINES_MAX: usize = 650;
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
    for file in files
        .iter()
        .filter(|file| workspace.root.join(file).is_file())
    {
        let Ok(text) = fs::read_to_string(workspace.root.join(file)) else {
            continue;
        };
        check_file(workspace, file, &text, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure(format!(
        "the house rules are broken:\n  {}",
        wrong.join("\n  ")
    )))
}

fn check_imports(workspace: &Workspace, wrong: &mut Vec<String>) {
    for (krate, allowed) in MAY_IMPORT {
        let text = fs::read_to_string(workspace.root.join(krate).join("Cargo.toml"));
        let text = text.unwrap_or_default();
        for (other, _) in MAY_IMPORT {
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
    if is_rust && text.lines().count() > LINES_MAX {
        wrong.push(format!(
            "{name}: more than {LINES_MAX} lines; split it into modules"
        ));
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
    if under("origin/src")
        && !under("origin/src/http_pipeline")
        && !under("origin/src/cli.rs")
        && (names("crate::http_pipeline::") || names("super::http_pipeline::"))
    {
        broken.push("only the command line knows `http_pipeline`");
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
            found(
                "origin/src/catalog/web.rs",
                "use crate::http_pipeline::Answer;"
            ),
            1
        );
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
