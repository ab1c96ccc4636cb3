//! AVIF renditions. Encoding takes seconds of processor time for each picture, too long for the
//! request that uploads it, so pictures wait in a folder and a background job encodes them one at a
//! time, at the lowest priority. A process that dies leaves its picture in the queue.
//!
//! Pages offer the AVIF from the start. Until it is there, its URL serves the WebP rendition, which
//! every browser that knows AVIF displays as well; so no page and no row has to change.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use tokio::sync::oneshot;

use super::{Error, Library, raster, scaled, widths};

/// The file that the URL of an AVIF rendition serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The AVIF.
    Encoded,
    /// The WebP, permanently, because it is smaller.
    WebpIsSmaller,
    /// The WebP for now: the AVIF is not encoded yet.
    Waiting,
}

/// The stage of an AVIF file of the media folder. A file without content says that the WebP is the
/// smaller one.
pub async fn stage_of(path: &Path) -> Stage {
    match tokio::fs::metadata(path).await.map(|it| it.len()) {
        Ok(0) => Stage::WebpIsSmaller,
        Ok(_) => Stage::Encoded,
        Err(_) => Stage::Waiting,
    }
}

/// Encodes the pictures of the queue, in a thread of its own at the lowest priority, and reports
/// how many are waiting. When the future is dropped, the thread ends after the current picture.
pub async fn encode_queued(
    library: Library,
    report: impl Fn(usize) + Send + 'static,
) -> Result<(), Error> {
    let (sender, finished) = oneshot::channel();
    std::thread::Builder::new()
        .name("avif".to_owned())
        .spawn(move || {
            // On Linux this is the priority of the thread alone. Without it everything is still
            // correct.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(19);
            let encoded = library.encode_queued(report, || sender.is_closed());
            let _ = sender.send(encoded);
        })
        .map_err(|error| Error::Broken(error.to_string()))?;
    finished
        .await
        .unwrap_or_else(|_| Err(Error::Broken("the encoder ended unexpectedly".to_owned())))
}

/// Deletes the pictures of a queue that nobody encodes any more.
pub fn discard_queue(queue: &Path) -> Result<(), Error> {
    if !queue.exists() {
        return Ok(());
    }
    for path in waiting(queue)? {
        fs::remove_file(&path).map_err(|source| Error::Read { path, source })?;
    }
    Ok(())
}

impl Library {
    fn encode_queued(
        &self,
        report: impl Fn(usize),
        is_cancelled: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let Some(queue) = &self.avif_queue else {
            return Ok(());
        };
        let paths = waiting(queue)?;
        let count = paths.len();
        for (done, path) in paths.into_iter().enumerate() {
            if is_cancelled() {
                return Ok(());
            }
            report(count - done);
            match self.encode_file(&path) {
                // A full disk stops everything; the rest concerns one picture.
                Err(error @ Error::Write { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(error = %error, "a picture in the AVIF queue is skipped");
                }
                Ok(()) => {}
            }
        }
        report(waiting(queue)?.len());
        Ok(())
    }

    /// Encodes a picture of the queue and removes it from there, unless another process does.
    fn encode_file(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        // NFS locks only files that are open for writing.
        let mut file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The process that had the lock may have finished meanwhile.
        if !path.exists() {
            return Ok(());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(failed)?;
        // An encoder that panics must not stop at the same picture each time.
        let encoded = catch_unwind(AssertUnwindSafe(|| self.encode(&name, &content)));
        let encoded = encoded.unwrap_or_else(|_| Err(Error::Broken("a panic".to_owned())));
        match encoded {
            Ok(()) => {}
            Err(error @ Error::Write { .. }) => return Err(error),
            // It was decoded when it was ingested, so trying again does not help.
            Err(error) => {
                tracing::warn!(
                    picture = &*name,
                    error = %error,
                    "a picture cannot be encoded as AVIF; its WebP is served instead"
                );
                self.keep_webp(&name, &content)?;
            }
        }
        match fs::remove_file(path) {
            Err(error) if !is_gone(&error) => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Marks the renditions of a picture that are not encoded, so that their WebP is served.
    fn keep_webp(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let Ok((width, _)) = raster::size(content, self.pixels_max) else {
            return Ok(());
        };
        let names = widths(width).into_iter();
        let missing = names
            .map(|width| format!("{name}-{width}.avif"))
            .filter(|name| !self.folder.join(name).exists());
        for name in missing {
            self.write(&name, &[])?;
        }
        Ok(())
    }

    /// Writes the AVIF renditions that are missing, the smallest first. One that is not smaller than
    /// the WebP is written without content.
    fn encode(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let size = raster::size(content, self.pixels_max)?;
        for (width, picture) in scaled(content, size)?.into_iter().rev() {
            let path = |extension: &str| self.folder.join(format!("{name}-{width}.{extension}"));
            if path("avif").exists() {
                continue;
            }
            let avif = raster::avif(picture)?;
            let webp = fs::metadata(path("webp"));
            let is_smaller = webp.map_or(true, |webp| (avif.len() as u64) < webp.len());
            let content = if is_smaller { avif.as_slice() } else { &[] };
            self.write(&format!("{name}-{width}.avif"), content)?;
        }
        Ok(())
    }
}

/// The files of the queue, the one that waits longest first.
fn waiting(queue: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read {
        path: queue.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(queue).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_part = entry.file_name().to_string_lossy().starts_with('.');
        // A file that has gone meanwhile was finished by another process.
        if let (false, Ok(metadata)) = (is_part, entry.metadata()) {
            files.push((metadata.modified().ok(), entry.path()));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    /// A picture of many shades, for which AVIF is made.
    fn photo(width: u32, height: u32) -> Vec<u8> {
        let wave = |x: u32, y: u32| {
            ((f64::from(x) / 5.0).sin() * (f64::from(y) / 9.0).cos() * 90.0 + 120.0) as u8
        };
        let shade = |x, y| Rgb([wave(x, y), wave(y, x), wave(x + y, x)]);
        let mut content = io::Cursor::new(Vec::new());
        RgbImage::from_fn(width, height, shade)
            .write_to(&mut content, ImageFormat::Png)
            .unwrap();
        content.into_inner()
    }

    fn library() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path().join("media"), 1_000_000).unwrap();
        let library = library.with_avif(folder.path().join("queue")).unwrap();
        (folder, library)
    }

    fn queued(library: &Library) -> usize {
        waiting(library.avif_queue.as_ref().unwrap()).unwrap().len()
    }

    fn length(library: &Library, url: &str) -> u64 {
        let name = url.strip_prefix("/media/").unwrap();
        fs::metadata(library.folder.join(name)).unwrap().len()
    }

    #[test]
    fn each_rendition_is_encoded_if_that_makes_it_smaller() {
        let (_folder, library) = library();
        let image = library.ingest(&photo(200, 130)).unwrap();
        let flat = library.ingest(&{
            let mut content = io::Cursor::new(Vec::new());
            let flat = RgbImage::from_pixel(20, 20, Rgb([9, 9, 9]));
            flat.write_to(&mut content, ImageFormat::Png).unwrap();
            content.into_inner()
        });
        assert_eq!(queued(&library), 2);
        let most = AtomicUsize::new(0);
        let report = |count| {
            most.fetch_max(count, Ordering::Relaxed);
        };
        library.encode_queued(report, || false).unwrap();
        assert_eq!((most.into_inner(), queued(&library)), (2, 0));
        let [avif, webp, _] = &image.sources[..] else {
            panic!("three formats: {image:?}");
        };
        assert_eq!(avif.media_type, "image/avif");
        for (avif, webp) in avif.renditions.iter().zip(&webp.renditions) {
            assert_eq!(avif.width, webp.width);
            let (avif, webp) = (length(&library, &avif.url), length(&library, &webp.url));
            assert!((1..webp).contains(&avif), "{avif} of {webp} bytes");
        }
        let smallest = &flat.unwrap().sources[0].renditions[0].url;
        assert_eq!(
            length(&library, smallest),
            0,
            "a flat colour is smaller as WebP"
        );
    }

    #[test]
    fn a_picture_is_queued_until_it_is_encoded() {
        let (_folder, library) = library();
        let content = photo(60, 40);
        let image = library.ingest(&content).unwrap();
        let held = File::open(&waiting(library.avif_queue.as_ref().unwrap()).unwrap()[0]).unwrap();
        held.lock().unwrap();
        library.encode_queued(drop, || false).unwrap();
        assert_eq!(queued(&library), 1, "another process encodes it");
        drop(held);
        library.encode_queued(drop, || false).unwrap();
        assert_eq!(queued(&library), 0);
        assert_eq!(library.ingest(&content).unwrap(), image);
        assert_eq!(queued(&library), 0, "it is encoded already");
        let url = &image.sources[0].renditions[0].url;
        fs::remove_file(library.folder.join(&url[7..])).unwrap();
        library.ingest(&content).unwrap();
        assert_eq!(queued(&library), 1);
    }

    #[test]
    fn a_cancelled_run_leaves_the_rest_in_the_queue() {
        let (_folder, library) = library();
        for width in [30, 40, 50] {
            library.ingest(&photo(width, 20)).unwrap();
        }
        let asked = AtomicUsize::new(0);
        let is_cancelled = || asked.fetch_add(1, Ordering::Relaxed) > 0;
        library.encode_queued(drop, is_cancelled).unwrap();
        assert_eq!(queued(&library), 2);
        discard_queue(library.avif_queue.as_ref().unwrap()).unwrap();
        assert_eq!(queued(&library), 0);
        discard_queue(Path::new("no-such-folder")).unwrap();
    }

    #[test]
    fn a_broken_file_in_the_queue_does_not_stop_others() {
        let (_folder, library) = library();
        let queue = library.avif_queue.as_ref().unwrap();
        fs::write(queue.join("0123456789"), b"not a picture").unwrap();
        let half = photo(60, 40);
        fs::write(queue.join("abcdef"), &half[..half.len() / 2]).unwrap();
        let image = library.ingest(&photo(200, 130)).unwrap();
        library.encode_queued(drop, || false).unwrap();
        assert_eq!(queued(&library), 0);
        assert!(length(&library, &image.sources[0].renditions[0].url) > 0);
        assert_eq!(
            length(&library, "/media/abcdef-60.avif"),
            0,
            "its WebP is kept"
        );
    }
}
