//! Ingests pictures into the media folder. A repeated picture is processed once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rayon::prelude::*;
use shared::catalog::Image;

use crate::{
    catalog::{
        PreparedProduct, StoredImage,
        model::{ImageSource, NewImage, NewProduct},
    },
    command_error::CommandError,
    config::Config,
    media::Library,
};

/// The media folder, with a cache of the pictures that this run has ingested.
#[derive(Clone)]
pub(super) struct Pictures(Arc<MediaState>);

struct MediaState {
    library: Library,
    done: Mutex<HashMap<ImageSource, Image>>,
    /// The temporary media folder of a dry run, deleted with this value.
    _scratch: Option<tempfile::TempDir>,
}

/// The size of the cache: the seed repeats some sixty pictures, a file hardly any.
const CACHED_PICTURES_MAX: usize = 10_000;

/// A picture that could not be ingested: its index and the reason.
pub(super) type Missing = (usize, String);

impl Pictures {
    pub(super) fn open(config: &Config, dry_run: bool) -> Result<Self, CommandError> {
        let scratch = if dry_run {
            let made = tempfile::tempdir();
            Some(made.map_err(|error| {
                CommandError(format!("cannot create a temporary folder: {error}"))
            })?)
        } else {
            None
        };
        let library = match &scratch {
            Some(scratch) => Library::open(scratch.path().to_owned(), config.images.picture_pixels),
            None => Library::of_config(config),
        };
        let library = library.map_err(|error| CommandError(error.to_string()))?;
        Ok(Self(Arc::new(MediaState {
            library,
            done: Mutex::default(),
            _scratch: scratch,
        })))
    }

    /// Ingests one picture.
    pub(super) fn ingest(&self, image: &NewImage) -> Result<StoredImage, String> {
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        let known = done.get(&image.source).cloned();
        drop(done);
        let shown = match known {
            Some(image) => image,
            None => self.ingest_source(&image.source)?,
        };
        Ok(StoredImage {
            image: shown,
            alts: image.alts.clone(),
        })
    }

    fn ingest_source(&self, source: &ImageSource) -> Result<Image, String> {
        let image = match source {
            ImageSource::Remote(src) => {
                return Ok(Image {
                    src: src.clone(),
                    ..Image::default()
                });
            }
            ImageSource::File(path) => self
                .0
                .library
                .ingest_file(path)
                .map_err(|error| error.to_string())?,
            ImageSource::Drawn(description) => {
                let svg = demo::art::draw(description)
                    .ok_or_else(|| format!("no drawing is known for {description:?}"))?;
                self.0
                    .library
                    .ingest_svg(&svg)
                    .map_err(|error| error.to_string())?
            }
        };
        let mut done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() < CACHED_PICTURES_MAX {
            done.insert(source.clone(), image.clone());
        }
        Ok(image)
    }

    /// Ingests the pictures of many products, on all cores.
    pub(super) fn ingest_all(
        &self,
        products: Vec<NewProduct>,
    ) -> Vec<(PreparedProduct, Vec<Missing>)> {
        products
            .into_par_iter()
            .map(|product| self.ingest_product(product))
            .collect()
    }

    /// Ingests a product's pictures. If one is missing, the indexes of the variants are adjusted,
    /// and variants that refer to the missing one lose their reference.
    fn ingest_product(&self, mut product: NewProduct) -> (PreparedProduct, Vec<Missing>) {
        let mut images = Vec::with_capacity(product.images.len());
        let mut missing = Vec::new();
        let mut places = Vec::with_capacity(product.images.len());
        for (index, image) in product.images.iter().enumerate() {
            match self.ingest(image) {
                Ok(image) => {
                    places.push(u32::try_from(images.len()).ok());
                    images.push(image);
                }
                Err(reason) => {
                    places.push(None);
                    missing.push((index, reason));
                }
            }
        }
        for variant in &mut product.variants {
            let place = variant
                .image
                .and_then(|index| places.get(index as usize).copied());
            variant.image = place.flatten();
        }
        (PreparedProduct { product, images }, missing)
    }
}
