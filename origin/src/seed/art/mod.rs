//! The pictures of the demo catalogue: still lifes drawn from a few words, the same words always
//! giving the same bytes.
//!
//! The words are the name of a thing and its wishes, spelled like a query:
//! `mug?colour=moss&tone=sand&with=teapot.clay`.
//!
//! | wish | what it says |
//! | --- | --- |
//! | `colour`, `accent` | the thing's own colour, and that of its second part or of its pattern |
//! | `pattern` | what is printed, woven or knitted over it: `stripe`, `check`, `speckle` … |
//! | `form` | which of its shapes, 1 to 4 |
//! | `tone`, `stage` | the backdrop's colour, and what is built in front of it |
//! | `view` | `close` steps nearer |
//! | `pair` | the same thing again in another colour, behind it |
//! | `with` | up to three other things around it, each with a colour: `teapot.clay,plates.oat` |
//!
//! A word that is not known gives no picture, so that a slip is found by the tests.

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
use scene::Request;

/// Draws the picture that these words ask for, as an SVG document of 1200 by 1200.
pub fn draw(words: &str) -> Option<String> {
    Request::parse(words).map(|request| scene::compose(&request, words))
}

/// How a thing is to look.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Its own colour.
    colour: Colour,
    /// The colour of its second part: a handle, a lid, a lining.
    accent: Colour,
    /// The colour of its pattern.
    mark: Colour,
    /// What is printed, woven or knitted over it.
    pattern: Pattern,
    /// Which of its shapes, from 1.
    form: u8,
}

impl Look {
    /// A look without wishes but for the colour. The accent is what goes with it: light on dark.
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

/// How a thing meets the world, and so where its shadow falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pose {
    /// It stands on the floor: drawn upwards from (0, 0).
    Standing,
    /// It lies on a table seen from above: drawn around (0, 0).
    Laid,
    /// It hangs on the wall or from the ceiling: drawn around (0, 0).
    Hung,
}

/// A thing that can be drawn.
#[derive(Clone, Copy, Debug)]
struct Piece {
    name: &'static str,
    pose: Pose,
    /// The box it fills, in its own units.
    size: (f64, f64),
    /// How much of the floor it covers, in its own units.
    base: f64,
    /// How high it is in life, in centimetres, so that companions keep their proportions.
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

/// Everything that can be drawn, by theme.
const PIECES: [&[Piece]; 7] = [
    table::PIECES,
    brew::PIECES,
    light::PIECES,
    furniture::PIECES,
    textile::PIECES,
    garden::PIECES,
    paper::PIECES,
];

/// The thing with this name.
fn piece(name: &str) -> Option<&'static Piece> {
    PIECES
        .into_iter()
        .flatten()
        .find(|piece| piece.name == name)
}
