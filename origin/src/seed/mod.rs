//! The demo catalogue: its files in Mallard's JSON Lines format, and its drawn pictures. Nothing
//! here uses the database.

pub mod art;
pub mod bulk;

/// The files in reading order: categories first.
pub fn files() -> [(&'static str, &'static str); 11] {
    macro_rules! file {
        ($name:literal) => {
            ($name, include_str!(concat!("../../demo/", $name)))
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
