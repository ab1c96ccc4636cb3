//! stub
pub fn files() -> [(&'static str, &'static str); 0] {
    []
}
pub mod art {
    pub fn draw(_: &str) -> Option<String> {
        None
    }
}
pub mod bulk {
    pub fn products(
        _: u64,
        _: &[String],
        _: shared::money::Currency,
    ) -> impl Iterator<Item = crate::catalog::model::NewProduct> + use<> {
        std::iter::empty()
    }
}
