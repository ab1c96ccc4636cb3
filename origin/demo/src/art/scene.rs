//! The composition of a picture: backdrop, light, the main object, its companions and the zoom.

use super::{
    Look, Piece, Pose,
    canvas::{Canvas, Fill, Pattern, n},
    palette::{self, Colour},
    piece,
    shape::{oval, rect},
};

/// A parsed description.
#[derive(Debug)]
pub(super) struct PictureSpec {
    piece: &'static Piece,
    look: Look,
    tone: Colour,
    stage: Stage,
    close: bool,
    pair: Option<Colour>,
    with: Vec<(&'static Piece, Look)>,
}

/// The object in front of the backdrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Only light.
    Plain,
    /// A doorway with a round top.
    Arch,
    /// A large disc, like a low sun.
    Disc,
    /// The light of a window on the wall.
    Window,
    /// A round block to stand on.
    Plinth,
    /// A table cloth or tray under lying objects.
    Cloth,
}

/// The maximum number of companions.
const COMPANIONS_MAX: usize = 3;

impl PictureSpec {
    /// Parses a description. None if a name or value is unknown.
    pub(super) fn parse(description: &str) -> Option<Self> {
        let (name, parameters) = description.split_once('?').unwrap_or((description, ""));
        let mut spec = Self {
            piece: piece(name)?,
            look: Look::plain(palette::colour("oat")?),
            tone: palette::tone("oat")?,
            stage: Stage::Plain,
            close: false,
            pair: None,
            with: Vec::new(),
        };
        let (mut accent, mut pattern, mut form) = (None, Pattern::Plain, 1);
        for parameter in parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
        {
            let (key, value) = parameter.split_once('=')?;
            match key {
                "colour" => spec.look = Look::plain(palette::colour(value)?),
                "accent" => accent = Some(palette::colour(value)?),
                "pattern" => pattern = Pattern::from_name(value)?,
                "form" => form = value.parse().ok().filter(|form| (1..=4).contains(form))?,
                "tone" => spec.tone = palette::tone(value)?,
                "stage" => spec.stage = Stage::from_name(value)?,
                "view" if value == "close" => spec.close = true,
                "pair" => spec.pair = Some(palette::colour(value)?),
                "with" => spec.with = companions(value)?,
                _ => return None,
            }
        }
        spec.look.pattern = pattern;
        spec.look.form = form;
        if let Some(accent) = accent {
            spec.look.accent = accent;
            spec.look.mark = accent;
        }
        Some(spec)
    }
}

impl Stage {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "plain" => Self::Plain,
            "arch" => Self::Arch,
            "disc" => Self::Disc,
            "window" => Self::Window,
            "plinth" => Self::Plinth,
            "cloth" => Self::Cloth,
            _ => return None,
        })
    }
}

/// Parses companions such as `teapot.clay,vase.oat.2`: object, colour and optionally form.
fn companions(description: &str) -> Option<Vec<(&'static Piece, Look)>> {
    let companion = |part: &str| {
        let mut parts = part.split('.');
        let piece = piece(parts.next()?)?;
        let mut look = Look::plain(palette::colour(parts.next()?)?);
        if let Some(form) = parts.next() {
            look.form = form.parse().ok()?;
        }
        Some((piece, look))
    };
    let with: Vec<_> = description
        .split(',')
        .map(companion)
        .collect::<Option<_>>()?;
    (with.len() <= COMPANIONS_MAX).then_some(with)
}

/// The edge between wall and floor.
const HORIZON: f64 = 800.0;
/// The baseline of standing objects.
const FLOOR: f64 = 958.0;
/// The maximum size of the main object.
const FRAME: (f64, f64) = (700.0, 680.0);

/// Composes the picture. The light varies slightly with the hash of the description.
pub(super) fn compose(spec: &PictureSpec, description: &str) -> String {
    let mut canvas = Canvas::default();
    let chance = description.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let drift = f64::from(chance >> 8 & 0xff) / 255.0;
    if spec.piece.pose == Pose::Laid {
        table_top(&mut canvas, spec.tone, spec.stage, drift);
        lay_out(&mut canvas, spec);
    } else {
        room(&mut canvas, spec.tone, spec.stage, drift);
        stand_up(&mut canvas, spec);
    }
    canvas.finish()
}

/// A wall and a floor, lit from the upper left.
fn room(c: &mut Canvas, tone: Colour, stage: Stage, drift: f64) {
    let whole = "M0 0h1200v1200H0z";
    c.path(whole, Fill::Face(tone));
    c.ellipse(
        (330.0, 260.0),
        (760.0, 640.0),
        Fill::Halo(tone.tint(0.75), 0.62),
    );
    match stage {
        Stage::Arch => {
            let arch = "M290 800V470a310 310 0 0 1 620 0v330z";
            c.path(arch, Fill::Drop(tone.shade(0.13)));
            c.faint(
                "M292 800V470a308 308 0 0 1 300-308",
                tone.tint(0.6),
                5.0,
                0.6,
            );
        }
        Stage::Disc => c.circle((640.0, 500.0), 345.0, Fill::Face(tone.tint(0.34))),
        Stage::Window => window_light(c, tone, drift),
        _ => beam(c, tone, drift),
    }
    let floor = format!("M0 {HORIZON}h1200v400H0z");
    c.path(&floor, Fill::Drop(tone.shade(0.07)));
    c.ellipse(
        (380.0, 940.0),
        (640.0, 190.0),
        Fill::Halo(tone.tint(0.7), 0.5),
    );
    c.faint(&format!("M0 {HORIZON}h1200"), tone.shade(0.4), 3.0, 0.16);
    if stage == Stage::Plinth {
        c.ground((600.0, 1110.0), 760.0);
        let block = [(345.0, 0.0), (345.0, 0.0), (345.0, 140.0), (345.0, 140.0)];
        c.placed((600.0, 980.0), 1.0, 0.0, |c| {
            c.plain_turn(&block, Fill::Round(tone.shade(0.05)));
            c.ellipse((0.0, 0.0), (345.0, 69.0), Fill::Face(tone.tint(0.3)));
        });
    }
}

/// A slanting strip of sun on the wall.
fn beam(c: &mut Canvas, tone: Colour, drift: f64) {
    let x = 640.0 + 260.0 * drift;
    let d = format!(
        "M{} 0h{}L{} 800H{}z",
        n(x),
        n(150.0 + 90.0 * drift),
        n(x - 90.0),
        n(x - 330.0)
    );
    c.path(&d, Fill::Veil(tone.tint(0.8), sun(tone)));
}

/// The opacity of sunlight, which is lower on dark backdrops.
fn sun(tone: Colour) -> f64 {
    if tone.lightness() < 0.4 { 0.05 } else { 0.27 }
}

/// Four panes of sun on the wall.
fn window_light(c: &mut Canvas, tone: Colour, drift: f64) {
    let x = 560.0 + 160.0 * drift;
    for (dx, y) in [(0.0, 110.0), (190.0, 150.0), (-24.0, 400.0), (166.0, 440.0)] {
        let d = format!("M{} {}l160 34-22 250-160-34z", n(x + dx), n(y));
        c.path(&d, Fill::Veil(tone.tint(0.85), 0.42));
    }
}

/// A table top seen from above, with slanting light.
fn table_top(c: &mut Canvas, tone: Colour, stage: Stage, drift: f64) {
    c.path("M0 0h1200v1200H0z", Fill::Face(tone));
    c.ellipse(
        (300.0, 240.0),
        (820.0, 720.0),
        Fill::Halo(tone.tint(0.75), 0.6),
    );
    match stage {
        Stage::Cloth => {
            let cloth = rect((170.0, 150.0), (860.0, 900.0), 10.0);
            c.cast(&cloth);
            c.path(&cloth, Fill::Face(tone.tint(0.42)));
            c.pattern(&cloth, Pattern::Weave, tone.tint(0.1));
            c.faint("M196 176h808v848H196z", tone.shade(0.2), 3.0, 0.3);
        }
        Stage::Disc => {
            let tray = oval((600.0, 600.0), (490.0, 490.0));
            c.cast(&tray);
            c.path(&tray, Fill::Face(tone.tint(0.38)));
        }
        Stage::Window => window_light(c, tone, drift),
        _ => {
            let x = 500.0 + 420.0 * drift;
            let d = format!("M{} 0h230L{} 1200H{}z", n(x), n(x - 270.0), n(x - 500.0));
            c.path(&d, Fill::Veil(tone.tint(0.8), sun(tone)));
        }
    }
}

/// The scale at which an object fills the frame.
fn fit(piece: &Piece) -> f64 {
    (FRAME.0 / piece.size.0).min(FRAME.1 / piece.size.1)
}

/// The scale of a companion: in proportion to the main object, within bounds.
fn beside(main: &Piece, main_scale: f64, other: &Piece) -> f64 {
    let unit = main.size.1 * main_scale / main.cm;
    let true_height = other.cm * unit;
    let height = true_height.clamp(0.3 * FRAME.1, 0.9 * FRAME.1);
    (height / other.size.1).min(0.66 * FRAME.0 / other.size.0)
}

fn stand_up(c: &mut Canvas, spec: &PictureSpec) {
    let main = spec.piece;
    let company = spec.with.len();
    let mut scale = fit(main) * if company > 0 { 0.82 } else { 1.0 };
    let mut at = match (main.pose, spec.stage) {
        (Pose::Hung, _) => (600.0, 540.0),
        (_, Stage::Plinth) => (600.0, 990.0),
        // Low objects stand further back, nearer to the middle of the picture.
        _ => (
            600.0,
            FLOOR - 0.2 * (FRAME.1 - main.size.1 * scale).max(0.0),
        ),
    };
    if spec.stage == Stage::Plinth {
        scale *= 0.86;
    }
    if spec.close {
        scale *= 1.5;
        at = (
            at.0 - 60.0,
            at.1 + if main.pose == Pose::Hung { 40.0 } else { 130.0 },
        );
    }
    if let Some(colour) = spec.pair {
        scale *= 0.8;
        let half = (main.size.0 * scale * 0.42).min(250.0);
        let look = Look {
            colour,
            ..spec.look
        };
        let behind = if main.pose == Pose::Hung {
            -60.0
        } else {
            -64.0
        };
        set(c, main, &look, (at.0 - half, at.1 + behind), scale * 0.92);
        at = (at.0 + half * 0.9, at.1 + 8.0);
    }
    if company == 1 {
        at.0 -= 110.0;
    }
    let half = main.size.0 * scale / 2.0;
    for (index, (piece, look)) in spec.with.iter().enumerate() {
        let size = beside(main, scale, piece);
        let reach = half + piece.size.0 * size * 0.3;
        let place = match index {
            0 => ((at.0 + reach).min(1010.0), FLOOR - 52.0),
            1 => ((at.0 - reach).max(190.0), FLOOR - 70.0),
            _ => ((at.0 + reach * 0.72).min(960.0), FLOOR + 66.0),
        };
        if index < 2 {
            set(c, piece, look, place, size);
        }
    }
    set(c, main, &spec.look, at, scale);
    if let Some((piece, look)) = spec.with.get(2) {
        let size = beside(main, scale, piece) * 0.9;
        set(
            c,
            piece,
            look,
            ((at.0 + half).min(960.0), FLOOR + 78.0),
            size,
        );
    }
}

/// Places an object of any pose in a room.
fn set(c: &mut Canvas, piece: &Piece, look: &Look, at: (f64, f64), scale: f64) {
    let at = match piece.pose {
        Pose::Standing => {
            c.ground(at, piece.base * scale);
            at
        }
        Pose::Laid => {
            // Objects that usually lie lean against the wall here.
            let at = (at.0, at.1 - piece.size.1 * scale / 2.0);
            c.ground(
                (at.0, at.1 + piece.size.1 * scale / 2.0),
                piece.size.0 * scale * 0.9,
            );
            at
        }
        Pose::Hung => (at.0, at.1.min(560.0)),
    };
    c.placed(at, scale, 0.0, |c| (piece.draw)(c, look));
}

fn lay_out(c: &mut Canvas, spec: &PictureSpec) {
    let main = spec.piece;
    let company = !spec.with.is_empty();
    let mut scale = fit(main) * if company { 0.86 } else { 1.16 };
    let mut at = (600.0, 600.0);
    let mut turn = -5.0;
    if spec.close {
        scale *= 1.45;
        (at, turn) = ((560.0, 640.0), -14.0);
    }
    if let Some(colour) = spec.pair {
        scale *= 0.8;
        let look = Look {
            colour,
            ..spec.look
        };
        c.placed((440.0, 520.0), scale, -13.0, |c| (main.draw)(c, &look));
        (at, turn) = ((735.0, 680.0), 6.0);
    }
    if spec.with.len() == 1 {
        at.0 -= 110.0;
    }
    let half = main.size.0 * scale / 2.0;
    c.placed(at, scale, turn, |c| (main.draw)(c, &spec.look));
    for (index, (piece, look)) in spec.with.iter().enumerate() {
        let size = beside(main, scale, piece).min(0.5 * FRAME.0 / piece.size.0);
        let reach = half + piece.size.0 * size * 0.46;
        let (x, y, turn) = match index {
            0 => ((at.0 + reach).min(1000.0), 700.0, 9.0),
            1 => ((at.0 - reach).max(200.0), 430.0, -12.0),
            _ => ((at.0 + reach).min(1000.0), 330.0, 16.0),
        };
        // Standing objects are drawn upwards from their base; lying on a table they are centred.
        let lift = if piece.pose == Pose::Standing {
            piece.size.1 * size / 2.0
        } else {
            0.0
        };
        if piece.pose == Pose::Standing {
            c.ground((x, y + lift), piece.base * size);
        }
        c.placed((x, y + lift), size, turn, |c| (piece.draw)(c, look));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_and_values_are_rejected() {
        for description in [
            "",
            "unicorn",
            "mug?",
            "mug?colour=moss&tone=sand&pattern=stripe&with=teapot.clay,vase.oat.2",
        ] {
            let known = description.starts_with("mug");
            assert_eq!(
                PictureSpec::parse(description).is_some(),
                known,
                "{description}"
            );
        }
        for slip in [
            "colour=mos",
            "tone=",
            "form=0",
            "form=9",
            "view=far",
            "size=2",
            "colour",
        ] {
            assert!(
                PictureSpec::parse(&format!("mug?{slip}")).is_none(),
                "{slip}"
            );
        }
        let too_many = "mug?with=mug.oat,mug.oat,mug.oat,mug.oat";
        assert!(PictureSpec::parse(too_many).is_none());
    }
}
