//! Invariants of the stylesheets.

use std::{fs, path::Path};

/// Every rule of the stylesheets: its file and its selector.
fn selectors() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("style");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let bare: String = text
            .split("/*")
            .enumerate()
            .map(|(index, part)| match (index, part.split_once("*/")) {
                (0, _) | (_, None) => part,
                (_, Some((_, rest))) => rest,
            })
            .collect();
        for prelude in bare.split(['{', '}', ';']) {
            let prelude = prelude.trim();
            if prelude.contains('.') && !prelude.contains(": ") && !prelude.starts_with('@') {
                found.push((name.clone(), prelude.to_owned()));
            }
        }
    }
    assert!(found.len() > 100, "the stylesheets are read");
    found
}

/// The classes in a selector.
fn classes(selector: &str) -> impl Iterator<Item = &str> {
    let starts = selector.split('.').skip(1);
    starts.map(|it| {
        let end = it.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        &it[..end.unwrap_or(it.len())]
    })
}

/// A class that is only the name of a state (`done`) would be shared by several components, whose
/// rules would affect each other. A state is an attribute, or has the name of its component as a
/// prefix (`progress-done`).
#[test]
fn classes_are_names_of_components() {
    const STATES: [&str; 16] = [
        "active",
        "backorder",
        "chosen",
        "closed",
        "current",
        "disabled",
        "done",
        "ended",
        "error",
        "hidden",
        "long",
        "low",
        "open",
        "out",
        "selected",
        "visible",
    ];
    for (file, selector) in selectors() {
        for class in classes(&selector) {
            assert!(!STATES.contains(&class), "{file}: {selector}");
        }
    }
}

/// The borders of controls need more contrast than decorative lines, so no control uses the colour
/// of lines.
#[test]
fn borders_of_controls_have_enough_contrast() {
    let tokens = Path::new(env!("CARGO_MANIFEST_DIR")).join("style/tokens.css");
    let text = fs::read_to_string(tokens).unwrap();
    let colours = |name: &str| -> Vec<f64> {
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(name));
        let values = lines.filter_map(|it| it.strip_prefix(": #"));
        values
            .map(|it| luminance(it.trim_end_matches(';')))
            .collect()
    };
    let edges = colours("--edge");
    assert!(
        edges.len() >= 2,
        "there is one for the light and one for the dark"
    );
    for behind in ["--paper", "--raised", "--frame"] {
        for (edge, behind) in edges.iter().zip(colours(behind)) {
            let (dark, light) = (edge.min(behind), edge.max(behind));
            let contrast = (light + 0.05) / (dark + 0.05);
            assert!(contrast >= 3.0, "{contrast} on {behind}");
        }
    }
}

/// The relative luminance of a colour (WCAG 2.2).
fn luminance(hex: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}
