//! The demo catalogue: its files in Mallard's JSON Lines format, and its drawn pictures. It is a
//! crate of its own, because it needs nothing of the shop and changes rarely.

#![forbid(unsafe_code)]

pub mod art;

/// The files in reading order: categories first.
pub fn files() -> [(&'static str, &'static str); 11] {
    macro_rules! file {
        ($name:literal) => {
            ($name, include_str!(concat!("../catalogue/", $name)))
        };
    }
    [
        file!("categories.jsonl"),
        file!("tableware.jsonl"),
        file!("kitchen.jsonl"),
        file!("coffee-tea.jsonl"),
        file!("lighting.jsonl"),
        file!("furniture.jsonl"),
        file!("decoration.jsonl"),
        file!("bedroom.jsonl"),
        file!("bath.jsonl"),
        file!("garden.jsonl"),
        file!("study.jsonl"),
    ]
}
