//! Content codings: which one a client accepts (RFC 9110 §12.5.3), and how a body is encoded.

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, header};

/// A content coding, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// No coding: the body as it was generated.
    Identity,
}

/// Quality 5 takes about as long as gzip and makes bodies a fifth smaller.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 22;
const GZIP_LEVEL: u32 = 6;
/// About as fast as gzip, with smaller bodies.
const ZSTD_LEVEL: i32 = 9;

impl Coding {
    /// The best coding that the client accepts.
    pub fn choose(headers: &HeaderMap) -> Self {
        let accepted = || {
            let values = headers.get_all(header::ACCEPT_ENCODING).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
        };
        let weight = |name: &str| accepted().find_map(|item| weight_of(item, name));
        let taken = |name| weight(name).or_else(|| weight("*")).unwrap_or(0.0);
        // Among equal weights, the first in this list makes the smallest body.
        let mut best = (Self::Identity, 0.0);
        for (coding, token) in [(Self::Br, "br"), (Self::Zstd, "zstd"), (Self::Gzip, "gzip")] {
            let weight = taken(token);
            if weight > best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }

    /// The token in `Content-Encoding`; none for the identity coding.
    pub const fn token(self) -> Option<&'static str> {
        match self {
            Self::Br => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::Identity => None,
        }
    }

    /// Encodes a body.
    pub fn encode(self, body: &Bytes) -> std::io::Result<Bytes> {
        let room = Vec::with_capacity(body.len() / 3);
        match self {
            Self::Identity => Ok(body.clone()),
            Self::Br => {
                let mut encoder =
                    brotli::CompressorWriter::new(room, 4_096, BROTLI_QUALITY, BROTLI_WINDOW);
                encoder.write_all(body)?;
                Ok(encoder.into_inner().into())
            }
            Self::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut encoder = flate2::write::GzEncoder::new(room, level);
                encoder.write_all(body)?;
                Ok(encoder.finish()?.into())
            }
            Self::Zstd => Ok(zstd::bulk::compress(body, ZSTD_LEVEL)?.into()),
        }
    }
}

/// The weight of an item such as `br;q=0.5`, if it names this coding.
fn weight_of(item: &str, name: &str) -> Option<f32> {
    let mut parts = item.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(name) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    Some(weight.map_or(1.0, |text| text.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn chosen(accept: &str) -> Coding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        Coding::choose(&headers)
    }

    #[test]
    fn the_coding_with_the_highest_weight_is_chosen() {
        for (accept, coding) in [
            ("gzip, deflate, br, zstd", Coding::Br),
            ("gzip", Coding::Gzip),
            ("gzip, zstd", Coding::Zstd),
            ("zstd;q=0.9, gzip", Coding::Gzip),
            ("GZIP;q=1.0, br;q=0.5", Coding::Gzip),
            ("br;q=0, gzip", Coding::Gzip),
            ("*", Coding::Br),
            ("*;q=0", Coding::Identity),
            ("identity", Coding::Identity),
            ("", Coding::Identity),
            ("br;q=x", Coding::Identity),
        ] {
            assert_eq!(chosen(accept), coding, "{accept}");
        }
    }

    #[test]
    fn encoded_bodies_round_trip() {
        let body = Bytes::from("quack ".repeat(500));
        let mut text = Vec::new();
        let br = Coding::Br.encode(&body).unwrap();
        brotli::Decompressor::new(&br[..], 4_096)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, body);
        let gzip = Coding::Gzip.encode(&body).unwrap();
        text.clear();
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, body);
        let zstd = Coding::Zstd.encode(&body).unwrap();
        assert_eq!(zstd::decode_all(&zstd[..]).unwrap(), body);
    }
}
