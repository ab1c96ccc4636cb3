//! Decodes pictures and encodes renditions.

use std::io::{Cursor, Write};

use flate2::write::GzEncoder;
use image::{
    DynamicImage, ImageDecoder, ImageReader, RgbImage, codecs::jpeg::JpegEncoder,
    imageops::FilterType,
};
use resvg::{tiny_skia, usvg};
use rgb::FromSlice as _;

use super::{Error, WIDTHS};

/// Width and height of the JPEG of a drawing.
pub(super) const DRAWING: u32 = 1_200;
/// From quality 80 of 100 on, artefacts are not visible.
const WEBP_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 82;
/// The quality that looks like WebP of quality 80, at about two thirds of the size.
const AVIF_QUALITY: f32 = 65.0;
/// The encoder speed, from 1 (slow, small files) to 10.
const AVIF_SPEED: u8 = 8;

/// A rendition of one width, in the formats that are encoded at ingest.
pub(super) struct Encoded {
    pub(super) webp: Vec<u8>,
    pub(super) jpeg: Vec<u8>,
}

/// The width and height after EXIF orientation, read from the header without decoding.
pub(super) fn size(content: &[u8], pixels_max: u64) -> Result<(u32, u32), Error> {
    let mut decoder = decoder(content)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Error::Broken("it has no pixels".to_owned()));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > pixels_max || decoder.total_bytes() > pixels_max.saturating_mul(4) {
        return Err(Error::TooManyPixels { pixels_max });
    }
    let turned = decoder.orientation().is_ok_and(is_quarter_turn);
    Ok(if turned {
        (height, width)
    } else {
        (width, height)
    })
}

fn is_quarter_turn(orientation: image::metadata::Orientation) -> bool {
    use image::metadata::Orientation as O;
    matches!(
        orientation,
        O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH
    )
}

/// Scales a picture to these widths, the largest first.
pub(super) fn scaled(content: &[u8], widths: &[u32]) -> Result<Vec<(u32, DynamicImage)>, Error> {
    let mut decoder = decoder(content)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    // Lanczos resampling takes sixteen bytes of memory for each pixel. A large picture is therefore
    // first reduced by averaging, to twice the largest width, which causes no visible difference.
    let least = picture.width().min(picture.height());
    if least > 2 * side_needed() {
        let smaller = |side: u32| u64::from(side) * u64::from(side_needed()) / u64::from(least);
        let smaller = |side| u32::try_from(smaller(side)).unwrap_or(u32::MAX);
        picture = picture.thumbnail_exact(smaller(picture.width()), smaller(picture.height()));
    }
    picture.apply_orientation(orientation);
    let mut scaled = Vec::with_capacity(widths.len());
    for &width in widths.iter().rev() {
        if width < picture.width() {
            // Each width is scaled from the previous, larger one, which is faster and sharp enough.
            picture = picture.resize(width, u32::MAX, FilterType::Lanczos3);
        }
        scaled.push((width, picture.clone()));
    }
    Ok(scaled)
}

/// Encodes a picture as AVIF, with transparency, in the calling thread only.
pub(super) fn avif(picture: DynamicImage) -> Result<Vec<u8>, Error> {
    let pixels = picture.into_rgba8();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let encoded = ravif::Encoder::new()
        .with_quality(AVIF_QUALITY)
        .with_alpha_quality(AVIF_QUALITY)
        .with_speed(AVIF_SPEED)
        .with_num_threads(Some(1))
        .encode_rgba(ravif::Img::new(
            pixels.as_raw().as_slice().as_rgba(),
            width,
            height,
        ))
        .map_err(|error| Error::Broken(error.to_string()))?;
    Ok(encoded.avif_file)
}

/// The length of the shorter side after that reduction: twice the largest rendition width.
fn side_needed() -> u32 {
    2 * WIDTHS.into_iter().max().unwrap_or(1)
}

fn decoder(content: &[u8]) -> Result<impl ImageDecoder + '_, Error> {
    let reader = ImageReader::new(Cursor::new(content)).with_guessed_format();
    let reader = reader.map_err(|error| Error::Broken(error.to_string()))?;
    reader.into_decoder().map_err(broken)
}

/// Encodes a picture in the formats of [`Encoded`].
pub(super) fn encode(picture: &DynamicImage) -> Result<Encoded, Error> {
    let pixels = picture.to_rgba8();
    let webp = webp::Encoder::from_rgba(&pixels, pixels.width(), pixels.height())
        .encode_simple(false, WEBP_QUALITY)
        .map_err(|error| Error::Broken(format!("{error:?}")))?;
    let flat = RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        image::Rgb([red, green, blue].map(|channel| on_white(channel, alpha)))
    });
    Ok(Encoded {
        webp: webp.to_vec(),
        jpeg: jpeg(&flat)?,
    })
}

/// Blends a channel with white, because JPEG has no transparency.
fn on_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut content, JPEG_QUALITY);
    picture.write_with_encoder(encoder).map_err(broken)?;
    Ok(content)
}

/// Renders a drawing on white as JPEG.
pub(super) fn photo_of_drawing(svg: &str) -> Result<Vec<u8>, Error> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())
        .map_err(|error| Error::Broken(error.to_string()))?;
    let mut pixels = tiny_skia::Pixmap::new(DRAWING, DRAWING).ok_or_else(no_pixels)?;
    pixels.fill(tiny_skia::Color::WHITE);
    let size = tree.size();
    let side = DRAWING as f32;
    let scale = tiny_skia::Transform::from_scale(side / size.width(), side / size.height());
    resvg::render(&tree, scale, &mut pixels.as_mut());
    let flat = RgbImage::from_fn(DRAWING, DRAWING, |x, y| {
        let pixel = pixels.pixel(x, y).map(|pixel| pixel.demultiply());
        pixel.map_or(image::Rgb([255; 3]), |it| {
            image::Rgb([it.red(), it.green(), it.blue()])
        })
    });
    jpeg(&flat)
}

/// The drawing in each content coding, with its file extension. It is compressed once and sent
/// often, so the highest compression levels are used.
pub(super) fn encoded(svg: &str) -> Result<[(&'static str, Vec<u8>); 2], Error> {
    const QUALITY: u32 = 11;
    const WINDOW: u32 = 22;
    let failed = |error: std::io::Error| Error::Broken(error.to_string());
    let mut br = brotli::CompressorWriter::new(Vec::new(), 4_096, QUALITY, WINDOW);
    br.write_all(svg.as_bytes()).map_err(failed)?;
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(svg.as_bytes()).map_err(failed)?;
    Ok([
        ("br", br.into_inner()),
        ("gz", gzip.finish().map_err(failed)?),
    ])
}

fn broken(error: image::ImageError) -> Error {
    Error::Broken(error.to_string())
}

fn no_pixels() -> Error {
    Error::Broken("it has no pixels".to_owned())
}

/// Renders an icon as a square PNG without rounded corners. A margin of a tenth at each side is the
/// area outside the safe zone, which phones may crop.
pub fn icon(svg: &str, side: u32) -> Result<Vec<u8>, Error> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())
        .map_err(|error| Error::Broken(error.to_string()))?;
    let mut pixels = tiny_skia::Pixmap::new(side, side).ok_or_else(no_pixels)?;
    pixels.fill(tiny_skia::Color::from_rgba8(0xfa, 0xf8, 0xf4, 0xff));
    #[expect(
        clippy::cast_precision_loss,
        reason = "an icon has some hundred pixels"
    )]
    let (side, margin) = (side as f32, side as f32 / 10.0);
    let scale = (side - 2.0 * margin) / tree.size().width();
    let placed = tiny_skia::Transform::from_scale(scale, scale).post_translate(margin, margin);
    resvg::render(&tree, placed, &mut pixels.as_mut());
    let picture = image::RgbaImage::from_raw(pixels.width(), pixels.height(), pixels.take());
    let picture = picture.ok_or_else(no_pixels)?;
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(broken)?;
    Ok(png.into_inner())
}

/// A Windows icon file that holds one PNG, `side` pixels wide and high: a directory of one entry
/// (six bytes, then sixteen, little-endian) and the picture.
pub fn ico(side: u8, png: &[u8]) -> Vec<u8> {
    const HEAD: u32 = 22;
    let length = u32::try_from(png.len()).unwrap_or(u32::MAX);
    let mut icon = vec![0, 0, 1, 0, 1, 0, side, side, 0, 0, 1, 0, 32, 0];
    icon.extend(length.to_le_bytes());
    icon.extend(HEAD.to_le_bytes());
    icon.extend_from_slice(png);
    icon
}
