//! The demo catalogue: its files, which are in Mallard's own JSON Lines, and its pictures, which
//! are drawn. It knows no database.

pub mod art;
pub mod bulk;

/// The files in the order in which they are read: the categories first.
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
