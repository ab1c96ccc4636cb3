//! stub
use shared::page::*;
pub fn home(_: &Shell, p: &HomePage) -> String {
    format!("{p:?}")
}
pub fn category(_: &Shell, p: &CategoryPage) -> String {
    format!("{p:?}")
}
pub fn product(_: &Shell, p: &ProductPage) -> String {
    format!("{p:?}")
}
pub fn error(_: &Shell, p: &ErrorPage) -> String {
    format!("{p:?}")
}
pub fn csp_hashes() -> Vec<String> {
    vec![]
}
