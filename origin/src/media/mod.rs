//! stub
use shared::catalog::Image;
use std::path::{Path, PathBuf};
pub struct Library;
impl Library {
    pub fn open(_: PathBuf) -> Result<Self, String> {
        Ok(Self)
    }
    pub fn ingest_file(&self, _: &Path) -> Result<Image, String> {
        Ok(Image::default())
    }
    pub fn ingest_svg(&self, _: &str) -> Result<Image, String> {
        Ok(Image::default())
    }
}
