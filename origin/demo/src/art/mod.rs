//! The pictures of the demo catalogue: still lifes that are drawn from a description. The same
//! description always gives the same bytes.
//!
//! A description is the name of an object and its parameters, in the syntax of a query:
//! `mug?colour=moss&tone=sand&with=teapot.clay`.
//!
//! | parameter | meaning |
//! | --- | --- |
//! | `colour`, `accent` | the colour of the object, and that of its second part or of its pattern |
//! | `pattern` | the pattern of its surface: `stripe`, `check`, `speckle` … |
//! | `form` | its variant of shape, 1 to 4 |
//! | `tone`, `stage` | the colour of the backdrop, and the object in front of it |
//! | `view` | `close` zooms in |
//! | `pair` | a second object of the same kind in another colour, behind it |
//! | `with` | up to three other objects, each with a colour: `teapot.clay,plates.oat` |
//!
//! An unknown name or value gives no picture, so that tests find mistakes.

mod brew;
mod canvas;
mod furniture;
mod garden;
mod light;
mod palette;
mod paper;
mod scene;
mod shape;
mod table;
mod textile;

use canvas::{Canvas, Pattern};
use palette::{CHALK, Colour};
use scene::PictureSpec;

/// Draws the picture of a description, as an SVG document of 1200 by 1200. None if it is invalid.
pub fn draw(description: &str) -> Option<String> {
    PictureSpec::parse(description).map(|spec| scene::compose(&spec, description))
}

/// The appearance of an object.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Its own colour.
    colour: Colour,
    /// The colour of its second part: a handle, a lid, a lining.
    accent: Colour,
    /// The colour of its pattern.
    mark: Colour,
    /// The pattern of its surface.
    pattern: Pattern,
    /// Its variant of shape, from 1.
    form: u8,
}

impl Look {
    /// The default appearance in this colour, with a light accent.
    fn plain(colour: Colour) -> Self {
        Self {
            colour,
            accent: CHALK,
            mark: if colour.lightness() > 0.55 {
                colour.shade(0.3)
            } else {
                colour.tint(0.5)
            },
            pattern: Pattern::Plain,
            form: 1,
        }
    }
}

/// The position of an object in the room, which determines its shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pose {
    /// It stands on the floor: drawn upwards from (0, 0).
    Standing,
    /// It lies on a table seen from above: drawn around (0, 0).
    Laid,
    /// It hangs on the wall or from the ceiling: drawn around (0, 0).
    Hung,
}

/// An object that can be drawn.
#[derive(Clone, Copy, Debug)]
struct Piece {
    name: &'static str,
    pose: Pose,
    /// The size of its bounding box, in its own units.
    size: (f64, f64),
    /// The width of its base, in its own units.
    base: f64,
    /// Its real height in centimetres, for the proportions between objects.
    cm: f64,
    draw: fn(&mut Canvas, &Look),
}

type Draw = fn(&mut Canvas, &Look);

const fn standing(name: &'static str, draw: Draw, size: (f64, f64), base: f64, cm: f64) -> Piece {
    Piece {
        name,
        pose: Pose::Standing,
        size,
        base,
        cm,
        draw,
    }
}

const fn laid(name: &'static str, draw: Draw, size: (f64, f64), cm: f64) -> Piece {
    Piece {
        name,
        pose: Pose::Laid,
        size,
        base: 0.0,
        cm,
        draw,
    }
}

const fn hung(name: &'static str, draw: Draw, size: (f64, f64), cm: f64) -> Piece {
    Piece {
        name,
        pose: Pose::Hung,
        size,
        base: 0.0,
        cm,
        draw,
    }
}

/// All objects by theme.
const PIECES: [&[Piece]; 7] = [
    table::PIECES,
    brew::PIECES,
    light::PIECES,
    furniture::PIECES,
    textile::PIECES,
    garden::PIECES,
    paper::PIECES,
];

/// The object with this name.
fn piece(name: &str) -> Option<&'static Piece> {
    PIECES
        .into_iter()
        .flatten()
        .find(|piece| piece.name == name)
}
