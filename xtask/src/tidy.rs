//! The house rules that no other tool knows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    place::Place,
    step::{Failure, text_of},
};

/// Who may import whom (the workspace's own crates).
const MAY_IMPORT: [(&str, &[&str]); 4] = [
    ("shared", &[]),
    ("ui", &["shared"]),
    ("edge", &["shared"]),
    ("origin", &["shared", "ui"]),
];
const LINES_MAX: usize = 650;
/// Places on one machine that say nothing to anybody else.
const MACHINE_PATHS: [&str; 3] = ["/home/", "/root/", "/work/"];

/// Checks them all; says everything that is wrong at once.
pub fn tidy(place: &Place) -> Result<(), Failure> {
    let listed = text_of(
        Command::new("git")
            .args(["ls-files"])
            .current_dir(&place.root),
    )?;
    let files: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    let mut wrong = Vec::new();
    imports(place, &mut wrong);
    migrations(place, &mut wrong)?;
    for file in files.iter().filter(|file| place.root.join(file).is_file()) {
        let Ok(text) = fs::read_to_string(place.root.join(file)) else {
            continue;
        };
        check(place, file, &text, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure(format!(
        "the house rules are broken:\n  {}",
        wrong.join("\n  ")
    )))
}

fn imports(place: &Place, wrong: &mut Vec<String>) {
    for (krate, allowed) in MAY_IMPORT {
        let text = fs::read_to_string(place.root.join(krate).join("Cargo.toml"));
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

fn migrations(place: &Place, wrong: &mut Vec<String>) -> Result<(), Failure> {
    let names = |engine: &str| -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for entry in fs::read_dir(place.root.join("migrations").join(engine))? {
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

fn check(place: &Place, file: &Path, text: &str, wrong: &mut Vec<String>) {
    let name = file.display();
    let is_rust = file.extension().is_some_and(|it| it == "rs");
    if is_rust && text.lines().count() > LINES_MAX {
        wrong.push(format!(
            "{name}: more than {LINES_MAX} lines; is it still one room?"
        ));
    }
    if is_rust {
        for rule in forbidden(file, text) {
            wrong.push(format!("{name}: {rule}"));
        }
    }
    if file.file_name().is_some_and(|it| it != "tidy.rs") {
        for path in MACHINE_PATHS.iter().filter(|path| text.contains(**path)) {
            wrong.push(format!("{name}: names {path}, a place on one machine"));
        }
    }
    if file.extension().is_some_and(|it| it == "md") {
        let folder = place.root.join(file);
        let folder = folder.parent().unwrap_or(&place.root);
        for link in links(text).filter(|link| !folder.join(link).exists()) {
            wrong.push(format!("{name}: the link {link} leads nowhere"));
        }
    }
}

/// What a file in this place may not name.
fn forbidden(file: &Path, text: &str) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let names = |words: &str| text.contains(words);
    let under = |folder: &str| file.starts_with(folder);
    if under("edge/src/core") && (names("use worker") || names("worker::")) {
        broken.push("the core does not know the runtime");
    }
    if under("origin/src")
        && !under("origin/src/http")
        && !under("origin/src/cli.rs")
        && (names("crate::http::") || names("super::http::"))
    {
        broken.push("only the command line knows `http`");
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

/// The relative targets of a document's links, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
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
    fn a_room_keeps_to_itself() {
        let found = |file: &str, text: &str| forbidden(Path::new(file), text).len();
        assert_eq!(found("edge/src/core/plan.rs", "use worker::Date;"), 1);
        assert_eq!(found("edge/src/worker.rs", "use worker::Date;"), 0);
        assert_eq!(
            found("origin/src/catalog/web.rs", "use crate::http::Answer;"),
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
    fn links_are_found() {
        let text = "[a](A.md) [b](https://b.example) [c](#here) [d](docs/d.md#part)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["A.md", "docs/d.md"]);
    }
}
