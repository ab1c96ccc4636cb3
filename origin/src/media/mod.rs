//! The media folder: the shop's pictures, in a few widths and three formats, with names made from
//! the content that they come from. Owns no tables.
//!
//! Invariants: files are written atomically; the same picture has the same names wherever it comes
//! from, so ingesting it again does no work. WebP and JPEG are there when a picture is ingested;
//! AVIF follows from a queue (`avif.rs`), and until then its URL serves the WebP.

mod avif;
mod error;
mod raster;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use image::DynamicImage;
use shared::catalog::{Image, ImageSource, Rendition};

use crate::{config::Config, private_files};

pub use avif::{Stage, discard_queue, encode_queued, stage_of};
pub use error::Error;
pub use raster::{ico, icon};

/// The largest picture file, in bytes.
pub const FILE_MAX: u64 = 40 * 1_024 * 1_024;
/// Pictures with more pixels than this are decoded one at a time: one may take hundreds of
/// megabytes.
const LARGE: u64 = 8_000_000;
/// The widths of renditions. None is wider than the picture itself.
pub const WIDTHS: [u32; 7] = [80, 160, 320, 640, 960, 1_440, 2_048];

/// The media folder.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
    /// The folder of pictures that wait to be encoded as AVIF, if there is that format.
    avif_queue: Option<PathBuf>,
    /// The most pixels of a picture. Decoded pixels have four bytes; with sixteen bits per channel
    /// they have eight, so the limit is half.
    pixels_max: u64,
}

/// Held while a large picture is decoded.
static DECODE_LOCK: Mutex<()> = Mutex::new(());

impl Library {
    /// The shop's library.
    pub fn of_config(config: &Config) -> Result<Self, Error> {
        let library = Self::open(config.media_dir(), config.images.picture_pixels)?;
        if config.images.avif {
            return library.with_avif(config.avif_queue_dir());
        }
        Ok(library)
    }

    /// Opens the folder, and creates it if necessary. Pictures with more pixels are refused.
    pub fn open(folder: PathBuf, pixels_max: u64) -> Result<Self, Error> {
        create_folder(&folder)?;
        Ok(Self {
            folder,
            avif_queue: None,
            pixels_max,
        })
    }

    /// The same, with pictures also as AVIF, which is encoded later: they wait in this folder.
    pub fn with_avif(mut self, queue: PathBuf) -> Result<Self, Error> {
        create_folder(&queue)?;
        self.avif_queue = Some(queue);
        Ok(self)
    }

    /// Ingests a photo: PNG, JPEG, WebP or GIF, detected by its content. It is oriented, scaled to
    /// several widths, and written as WebP with JPEG as the fallback. AVIF is encoded later.
    pub fn ingest_file(&self, path: &Path) -> Result<Image, Error> {
        self.ingest(&read_bounded(path)?)
    }

    /// Ingests the content of a photo.
    pub fn ingest(&self, content: &[u8]) -> Result<Image, Error> {
        let name = name_of(content);
        let size = raster::size(content, self.pixels_max)?;
        let image = described(&name, size, self.avif_queue.is_some());
        if !self.has_all(&image, &["webp", "jpg"]) {
            for (width, scaled) in scaled(content, size)? {
                let encoded = raster::encode(&scaled)?;
                self.write(&format!("{name}-{width}.webp"), &encoded.webp)?;
                self.write(&format!("{name}-{width}.jpg"), &encoded.jpeg)?;
            }
        }
        if let Some(queue) = &self.avif_queue
            && !self.has_all(&image, &["avif"])
        {
            write_atomically(queue, &name, content)?;
        }
        Ok(image)
    }

    /// Ingests an SVG drawing of the shop. It stays SVG, which is small and sharp at every size,
    /// with one JPEG for clients that cannot show SVG.
    pub fn ingest_svg(&self, svg: &str) -> Result<Image, Error> {
        let name = name_of(svg.as_bytes());
        let (drawing, photo) = (format!("{name}.svg"), format!("{name}.jpg"));
        if !self.folder.join(&photo).exists() {
            self.write(&photo, &raster::photo_of_drawing(svg)?)?;
        }
        // Its precompressed variants are written first, so that an existing SVG is complete.
        for (extension, content) in raster::encoded(svg)? {
            let name = format!("{drawing}.{extension}");
            if !self.folder.join(&name).exists() {
                self.write(&name, &content)?;
            }
        }
        if !self.folder.join(&drawing).exists() {
            self.write(&drawing, svg.as_bytes())?;
        }
        let (width, height) = (Some(raster::DRAWING), Some(raster::DRAWING));
        Ok(Image {
            src: address(&drawing),
            width,
            height,
            ..Image::default()
        })
    }

    /// Whether every file of the picture with these extensions exists.
    fn has_all(&self, image: &Image, extensions: &[&str]) -> bool {
        let renditions = image.sources.iter().flat_map(|source| &source.renditions);
        let mut names = renditions.filter_map(|rendition| rendition.url.rsplit('/').next());
        names.all(|name| {
            let extension = name.rsplit('.').next().unwrap_or_default();
            !extensions.contains(&extension) || self.folder.join(name).exists()
        })
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        write_atomically(&self.folder, name, content)
    }
}

/// The picture of this size in its rendition widths. Large ones are decoded one at a time.
fn scaled(content: &[u8], size: (u32, u32)) -> Result<Vec<(u32, DynamicImage)>, Error> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    let _turn =
        (pixels > LARGE).then(|| DECODE_LOCK.lock().unwrap_or_else(PoisonError::into_inner));
    raster::scaled(content, &widths(size.0))
}

fn create_folder(path: &Path) -> Result<(), Error> {
    private_files::create_folder(path).map_err(|source| Error::Folder {
        path: path.to_owned(),
        source,
    })
}

/// Writes a temporary file and renames it. The file is removed if that fails.
fn write_atomically(folder: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write {
        name: name.to_owned(),
        source,
    };
    let mut beside = tempfile::Builder::new()
        .prefix(".part-")
        .tempfile_in(folder)
        .map_err(failed)?;
    beside.write_all(content).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    beside
        .persist(folder.join(name))
        .map_err(|error| failed(error.error))?;
    Ok(())
}

/// The URL path of a file of the folder.
fn address(name: &str) -> String {
    format!("/media/{name}")
}

/// 80 bits of the content hash: the chance of a collision among a million pictures is 10⁻¹².
fn name_of(content: &[u8]) -> String {
    blake3::hash(content).to_hex()[..20].to_owned()
}

/// The rendition widths of a picture of this width.
fn widths(own: u32) -> Vec<u32> {
    let mut widths: Vec<u32> = WIDTHS.into_iter().filter(|width| *width < own).collect();
    if widths.len() < WIDTHS.len() {
        widths.push(own);
    }
    widths
}

fn described(name: &str, (width, height): (u32, u32), has_avif: bool) -> Image {
    let widths = widths(width);
    let source = |media_type: &str, extension: &str| ImageSource {
        media_type: media_type.to_owned(),
        renditions: widths
            .iter()
            .map(|&width| Rendition {
                url: address(&format!("{name}-{width}.{extension}")),
                width,
            })
            .collect(),
    };
    let largest = widths.last().copied().unwrap_or(width);
    let mut sources = vec![source("image/webp", "webp"), source("image/jpeg", "jpg")];
    if has_avif {
        sources.insert(0, source("image/avif", "avif"));
    }
    Image {
        src: address(&format!("{name}-{largest}.jpg")),
        alt: String::new(),
        width: Some(width),
        height: Some(height),
        sources,
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(Error::TooManyBytes);
    }
    fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

    use proptest::prelude::*;

    use super::*;

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let image = RgbaImage::from_fn(width, height, |x, y| {
            Rgba([
                (x % 256) as u8,
                (y % 256) as u8,
                90,
                if x < width / 2 { 255 } else { 0 },
            ])
        });
        let mut content = std::io::Cursor::new(Vec::new());
        DynamicImage::from(image)
            .write_to(&mut content, ImageFormat::Png)
            .unwrap();
        content.into_inner()
    }

    const PIXELS_MAX: u64 = 120_000_000;

    fn library() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path().join("media"), PIXELS_MAX).unwrap();
        (folder, library)
    }

    fn names(library: &Library) -> Vec<String> {
        let entries = fs::read_dir(&library.folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_photo_has_renditions_up_to_its_own_width() {
        let (folder, library) = library();
        let path = folder.path().join("wrong-ending.jpg");
        fs::write(&path, picture(800, 400)).unwrap();
        let image = library.ingest_file(&path).unwrap();
        assert_eq!((image.width, image.height), (Some(800), Some(400)));
        let widths: Vec<_> = image.sources[0]
            .renditions
            .iter()
            .map(|it| it.width)
            .collect();
        assert_eq!(widths, [80, 160, 320, 640, 800]);
        assert_eq!(names(&library).len(), 10);
        let smallest = image.sources[1].renditions[2]
            .url
            .rsplit('/')
            .next()
            .unwrap();
        let shown = image::open(library.folder.join(smallest))
            .unwrap()
            .to_rgb8();
        assert_eq!(shown.dimensions(), (320, 160));
        let corner = shown.get_pixel(319, 0).0;
        assert!(
            corner.iter().all(|channel| *channel > 240),
            "transparent pixels become white: {corner:?}"
        );
    }

    #[test]
    fn ingesting_a_photo_again_writes_nothing() {
        let (folder, library) = library();
        let path = folder.path().join("a.png");
        fs::write(&path, picture(100, 100)).unwrap();
        let first = library.ingest_file(&path).unwrap();
        let file = library.folder.join(&names(&library)[0]);
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(library.ingest_file(&path).unwrap(), first);
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
    }

    #[test]
    fn invalid_files_are_rejected_and_leave_no_files() {
        let (folder, library) = library();
        let whole = picture(200, 200);
        for (name, content) in [
            ("empty.png", Vec::new()),
            ("text.png", b"not a picture".to_vec()),
            ("cut.png", whole[..whole.len() / 2].to_vec()),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            assert!(library.ingest_file(&path).is_err(), "{name}");
        }
        assert!(
            library
                .ingest_file(&folder.path().join("absent.png"))
                .is_err()
        );
        assert!(library.ingest_file(folder.path()).is_err());
        assert_eq!(names(&library), Vec::<String>::new());
    }

    /// The checksum of a chunk of PNG.
    fn crc32(bytes: &[u8]) -> u32 {
        let of = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
            })
        };
        !bytes.iter().fold(u32::MAX, of)
    }

    /// A PNG whose header declares these dimensions and bits per channel.
    fn png_with_dimensions(width: u32, height: u32, bits: u8) -> Vec<u8> {
        let mut content = picture(1, 1);
        content[16..20].copy_from_slice(&width.to_be_bytes());
        content[20..24].copy_from_slice(&height.to_be_bytes());
        content[24] = bits;
        let crc = crc32(&content[12..29]);
        content[29..33].copy_from_slice(&crc.to_be_bytes());
        content
    }

    #[test]
    fn decompression_bombs_are_rejected_before_decoding() {
        let (_folder, library) = library();
        for (width, height, bits, fits) in [
            (12_000, 10_000, 8, true),
            (12_001, 10_000, 8, false),
            (6_000, 10_000, 16, true),
            (6_001, 10_000, 16, false),
            (65_536, 65_536, 8, false),
        ] {
            let content = png_with_dimensions(width, height, bits);
            let size = raster::size(&content, PIXELS_MAX);
            assert_eq!(size.is_ok(), fits, "{width}x{height}x{bits}");
            if !fits {
                let refused = library.ingest(&content).unwrap_err();
                assert!(refused.to_string().contains("120 megapixels"), "{refused}");
            }
        }
    }

    #[test]
    fn a_drawing_stays_svg_with_a_jpeg_fallback() {
        let (_folder, library) = library();
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 1200">
            <rect width="1200" height="1200" fill="#abcdef"/></svg>"##;
        let image = library.ingest_svg(svg).unwrap();
        assert!(image.src.ends_with(".svg") && image.sources.is_empty());
        let photo = image::open(library.folder.join(&names(&library)[0]))
            .unwrap()
            .to_rgb8();
        assert_eq!(photo.dimensions(), (raster::DRAWING, raster::DRAWING));
        let kinds: Vec<_> = names(&library)
            .iter()
            .filter_map(|name| name.split_once('.').map(|(_, kind)| kind.to_owned()))
            .collect();
        assert_eq!(kinds, ["jpg", "svg", "svg.br", "svg.gz"]);
        assert!(library.ingest_svg("<svg").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Damaged pictures cause no panic, and random bytes are rejected.
        #[test]
        fn damaged_pictures_never_panic(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            place in any::<usize>(),
            bit in 0_u8..8,
            kept in any::<usize>(),
        ) {
            let (_folder, library) = library();
            prop_assert!(library.ingest(&noise).is_err());
            let mut broken = picture(24, 18);
            let place = place % broken.len();
            broken[place] ^= 1 << bit;
            let _ = library.ingest(&broken);
            broken.truncate(kept % broken.len());
            let _ = library.ingest(&broken);
        }
    }
}
