//! Finds the pictures that a file refers to.

use std::{
    collections::HashMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::{check::IMAGES_MAX, error::Fault};
use crate::catalog::model::{ImageSource, NewImage, Texts};

/// The prefix of pictures that the shop draws.
pub(super) const DRAW: &str = "draw:";

/// The folder in which relative paths are resolved.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The source of a picture: a URL, or a file in the folder.
    pub(super) fn source(&self, src: &str) -> Result<ImageSource, String> {
        let src = src.trim();
        match src.split_once(':') {
            Some((scheme, _)) if is_scheme(scheme) => {
                let scheme = scheme.to_ascii_lowercase();
                if scheme == "http" || scheme == "https" {
                    return Ok(ImageSource::Remote(src.to_owned()));
                }
                Err(format!("images must use http or https, not {scheme:?}"))
            }
            _ if src.starts_with("//") => Ok(ImageSource::Remote(format!("https:{src}"))),
            _ => self.file(src).map(ImageSource::File),
        }
    }

    /// The source of a picture in Mallard's own formats, which may also be a drawing (`draw:`).
    pub(super) fn own_source(&self, src: &str) -> Result<ImageSource, String> {
        match src.strip_prefix(DRAW) {
            Some(description) => Ok(ImageSource::Drawn(description.to_owned())),
            None => self.source(src),
        }
    }

    /// A file of the folder. Paths that leave it are rejected: `..`, absolute paths and symbolic
    /// links.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf, String> {
        let relative = Path::new(name);
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || name.contains(['\0', '\\']) || !relative.components().all(inside) {
            return Err("must be a path within the images folder".to_owned());
        }
        let file = self.root.join(relative);
        let root = if self.root.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.root
        };
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!("no file {name:?}"),
            _ => format!("{name:?} cannot be read: {error}"),
        };
        let real = file.canonicalize().map_err(missing)?;
        let real_root = root.canonicalize().map_err(missing)?;
        if !real.starts_with(real_root) {
            return Err(format!("{name:?} leads out of the images folder"));
        }
        if !real.is_file() {
            return Err(format!("{name:?} is not a file"));
        }
        Ok(file)
    }
}

/// Whether the text before a colon is a URL scheme. A single letter is a Windows drive.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A picture without an alternative text.
pub(super) fn picture(source: ImageSource) -> NewImage {
    NewImage {
        source,
        alts: Texts::new(),
    }
}

/// The pictures of a list of sources. The list is truncated before the file system is accessed.
pub(super) fn pictures(
    folder: &Folder,
    list: &[(String, String)],
    faults: &mut Vec<Fault>,
) -> Vec<Option<NewImage>> {
    let found = list
        .iter()
        .take(IMAGES_MAX + 1)
        .map(|(field, src)| match folder.source(src) {
            Ok(source) => Some(picture(source)),
            Err(reason) => {
                faults.push(Fault::field(field, reason));
                None
            }
        });
    found.collect()
}

/// Photos in a folder, found by similar names: Saleor appends a random suffix to the name of an
/// upload, and its sample photos were renamed later.
pub(super) struct Photos {
    folder: Folder,
    /// File names by their normalized form.
    plain: HashMap<String, String>,
    /// The words of each file's name.
    words: Vec<(String, PhotoName)>,
}

/// The parts of a photo's name.
struct PhotoName {
    words: Vec<String>,
    /// The number of the picture among those of one product: 1 for `front` or none, 2 for `back`.
    number: u32,
}

/// The most files of a folder that are listed.
const FILES_MAX: usize = 100_000;
/// The minimum difference between the scores of the best and the second-best candidate.
const MARGIN: f64 = 0.04;

impl Photos {
    /// Lists a folder. A folder that does not exist counts as empty.
    pub(super) fn list(root: PathBuf) -> Self {
        let mut plain_names = HashMap::new();
        let mut words = Vec::new();
        let entries = fs::read_dir(&root)
            .into_iter()
            .flatten()
            .flatten()
            .take(FILES_MAX);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| root.join(name).is_file()).collect();
        names.sort();
        for name in names {
            let form = plain(&name);
            words.push((name.clone(), PhotoName::of(&form)));
            plain_names.entry(form).or_insert(name);
        }
        Self {
            folder: Folder::new(root),
            plain: plain_names,
            words,
        }
    }

    /// The file with the same normalized name: without prefix, letter case, underscores and the
    /// random suffix.
    pub(super) fn same_name(&self, stored: &str) -> Option<&str> {
        self.plain.get(&plain(base(stored))).map(String::as_str)
    }

    /// Excludes a file from later similarity searches.
    pub(super) fn claim(&mut self, file: &str) {
        self.words.retain(|(name, _)| name != file);
    }

    /// The file for a stored name: at exactly this path, or with the same normalized name, or else
    /// the unclaimed file that is clearly most similar to the stored name and the product's name.
    pub(super) fn find(&self, stored: &str, product: &str) -> Result<PathBuf, String> {
        if let Ok(file) = self.folder.file(stored) {
            return Ok(file);
        }
        if let Some(name) = self.same_name(stored) {
            return self.folder.file(name);
        }
        let form = plain(base(stored));
        let wanted = PhotoName::of(&form);
        let about: Vec<String> = plain(product).split('-').map(str::to_owned).collect();
        let mut best: Vec<(f64, &str)> = self
            .words
            .iter()
            .filter(|(_, words)| words.number == wanted.number)
            .filter_map(|(name, words)| {
                let share = words.share_in(&wanted.words, &about);
                let alike = strsim::jaro_winkler(&form, &plain(name));
                (share >= 0.5).then_some((share + alike, name.as_str()))
            })
            .collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        match best.as_slice() {
            [(_, name)] => self.folder.file(name),
            [first, second, ..] if first.0 - second.0 >= MARGIN => self.folder.file(first.1),
            [] => Err(format!("no file matches {stored:?}")),
            [first, second, ..] => Err(format!(
                "{stored:?} could be {:?} or {:?}",
                first.1, second.1
            )),
        }
    }
}

impl PhotoName {
    fn of(form: &str) -> Self {
        let mut words = Vec::new();
        let mut number = 1;
        for word in form.split('-').filter(|word| !word.is_empty()) {
            match word {
                "front" => number = 1,
                "back" => number = 2,
                _ => words.push(word.to_owned()),
            }
        }
        // Only the last number is that of the picture: "balance-420-1".
        if let Some(last) = words.last().and_then(|word| word.parse().ok())
            && last < 20
        {
            number = last;
            words.pop();
        }
        Self { words, number }
    }

    /// The share of these words that the stored name or the product's name contains.
    fn share_in(&self, stored: &[String], product: &[String]) -> f64 {
        let found = |word: &&String| stored.iter().chain(product).any(|other| alike(word, other));
        let count = self.words.iter().filter(found).count();
        #[expect(clippy::cast_precision_loss, reason = "names have few words")]
        let share = count as f64 / self.words.len().max(1) as f64;
        share
    }
}

/// Whether two words are equal except for a typing error.
fn alike(a: &str, b: &str) -> bool {
    let allowed = match a.len().min(b.len()) {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    };
    allowed > 0 && strsim::osa_distance(a, b) <= allowed || a == b
}

/// The last part of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Normalizes a file's name: removes extension, random suffix and "saleor-", and converts the rest
/// to lower case with hyphens.
fn plain(name: &str) -> String {
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 5 => stem,
        _ => name,
    };
    let stem = match stem.rsplit_once('_') {
        Some((stem, suffix)) if is_random_suffix(suffix) => stem,
        _ => stem,
    };
    let lower = stem.chars().take(200).collect::<String>().to_lowercase();
    let hyphens = lower.replace(|c: char| !c.is_alphanumeric(), "-");
    hyphens
        .strip_prefix("saleor-")
        .unwrap_or(&hyphens)
        .to_owned()
}

/// Whether this is the random suffix of a file name: eight hexadecimal digits by Saleor, or seven
/// letters and digits by Django.
fn is_random_suffix(suffix: &str) -> bool {
    let hex = suffix.len() == 8 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mixed = suffix.len() == 7
        && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && suffix
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    hex || mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    #[test]
    fn paths_outside_of_the_folder_are_rejected() {
        let outside = folder(&["secret.png"]);
        let dir = folder(&["a/b.png"]);
        let link = dir.path().join("link.png");
        std::os::unix::fs::symlink(outside.path().join("secret.png"), link).unwrap();
        let pictures = Folder::new(dir.path().to_owned());
        let found = dir.path().join("a/b.png");
        assert_eq!(pictures.source("a/b.png"), Ok(ImageSource::File(found)));
        for (src, why) in [
            ("../secret.png", "must be a path"),
            ("/etc/passwd", "must be a path"),
            ("a/../../x", "must be a path"),
            ("a\\b.png", "must be a path"),
            ("", "must be a path"),
            ("link.png", "leads out"),
            ("a", "not a file"),
            ("c.png", "no file"),
            ("ftp://a/b.png", "http or https"),
            ("data:image/png;base64,xx", "http or https"),
            ("javascript:alert(1)", "http or https"),
        ] {
            let reason = pictures.source(src).unwrap_err();
            assert!(reason.contains(why), "{src}: {reason}");
        }
        let web = pictures.source("//a.example/b.png");
        assert_eq!(
            web,
            Ok(ImageSource::Remote("https://a.example/b.png".to_owned()))
        );
        let drawn = pictures.own_source("draw:mug?colour=moss");
        assert_eq!(drawn, Ok(ImageSource::Drawn("mug?colour=moss".to_owned())));
    }

    #[test]
    fn renamed_photos_are_found_by_similarity() {
        let dir = folder(&[
            "saleor-white-plimsolls-1.png",
            "saleor-pauls-blanace-420-1.png",
            "saleor-white-cubes-tee-back.png",
            "saleor-white-cubes-tee-front.png",
            "saleor-neck-warmer.png",
            "saleor-red-mug.png",
            "saleor-tin-mug.png",
        ]);
        let photos = Photos::list(dir.path().to_owned());
        for (stored, product, file) in [
            (
                "products/white-plimsolls-1_89b84f81.png",
                "",
                "saleor-white-plimsolls-1.png",
            ),
            (
                "products/paul-balance-420-1_bc781886.png",
                "",
                "saleor-pauls-blanace-420-1.png",
            ),
            (
                "white_cubics_tee_back_5517f1bd.png",
                "",
                "saleor-white-cubes-tee-back.png",
            ),
            (
                "white_cubics_tee_76280780.png",
                "",
                "saleor-white-cubes-tee-front.png",
            ),
            (
                "products/s-mask_9ecddc7d.png",
                "Neck Warmer",
                "saleor-neck-warmer.png",
            ),
        ] {
            assert_eq!(
                photos.find(stored, product),
                Ok(dir.path().join(file)),
                "{stored}"
            );
        }
        assert!(
            photos
                .find("products/teapot_aa.png", "Pot")
                .unwrap_err()
                .contains("no file")
        );
        assert!(
            photos
                .find("products/mug.png", "A mug")
                .unwrap_err()
                .contains("could be")
        );
    }
}
