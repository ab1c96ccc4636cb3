//! A drawing under construction: a few shapes, a few ways to light them, and the SVG they become.
//!
//! Light always falls from the upper left. An object names its kind of surface ([`Fill`]), and the
//! canvas creates the gradient, each only once in a drawing.

use std::fmt::Write as _;

use super::palette::Colour;

/// The vertical scale of horizontal circles, because the camera looks slightly down.
pub(super) const TILT: f64 = 0.2;

/// The kind of a surface, which determines its shading.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill {
    /// One even colour.
    Flat(Colour),
    /// One even colour, see-through to the given share.
    Veil(Colour, f64),
    /// A plane that faces the viewer.
    Face(Colour),
    /// Something turned on a lathe: light on the left, dark on the right.
    Round(Colour),
    /// The inside of something turned: dark on the left.
    Hollow(Colour),
    /// A ball.
    Ball(Colour),
    /// Light above, dark below.
    Drop(Colour),
    /// Polished metal, turned.
    Metal(Colour),
    /// Thin clear glass with a breath of colour.
    Glass(Colour),
    /// Light that fades outwards.
    Halo(Colour, f64),
}

/// The pattern of a surface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Nothing.
    #[default]
    Plain,
    /// Broad level stripes.
    Stripe,
    /// Thin level stripes, far apart.
    Pin,
    /// Thin upright lines.
    Rib,
    /// A window-pane check.
    Check,
    /// A gingham of half-clear bands.
    Gingham,
    /// Dots in rows.
    Dots,
    /// Small flecks without order, as in stoneware.
    Speckle,
    /// Large chips without order.
    Terrazzo,
    /// Knitted stitches.
    Knit,
    /// Crossed threads.
    Weave,
    /// Level waves.
    Wave,
    /// Small leaves.
    Leaf,
    /// The lower half dipped into the other colour.
    Dip,
    /// Two bands around the upper part.
    Band,
    /// Quiet lines of wood.
    Grain,
}

impl Pattern {
    const NAMES: [(&'static str, Self); 16] = [
        ("plain", Self::Plain),
        ("stripe", Self::Stripe),
        ("pin", Self::Pin),
        ("rib", Self::Rib),
        ("check", Self::Check),
        ("gingham", Self::Gingham),
        ("dots", Self::Dots),
        ("speckle", Self::Speckle),
        ("terrazzo", Self::Terrazzo),
        ("knit", Self::Knit),
        ("weave", Self::Weave),
        ("wave", Self::Wave),
        ("leaf", Self::Leaf),
        ("dip", Self::Dip),
        ("band", Self::Band),
        ("grain", Self::Grain),
    ];

    /// The pattern with this name.
    pub(super) fn from_name(wanted: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, pattern)| pattern)
    }

    /// The size of the tile and its SVG content, in which `{}` is the colour.
    fn tile(self) -> (f64, f64, &'static str) {
        match self {
            Self::Plain | Self::Dip | Self::Band => (1.0, 1.0, ""),
            Self::Stripe => (60.0, 64.0, r#"<path d="M0 0h60v26H0z"/>"#),
            Self::Pin => (60.0, 46.0, r#"<path d="M0 20h60v7H0z"/>"#),
            Self::Rib => (18.0, 60.0, r#"<path d="M0 0h4v60H0z" opacity=".4"/>"#),
            Self::Check => (90.0, 90.0, r#"<path d="M0 40h90v6H0zM40 0h6v90h-6z"/>"#),
            Self::Gingham => (
                64.0,
                64.0,
                r#"<path d="M0 0h64v32H0z" opacity=".45"/><path d="M0 0h32v64H0z" opacity=".45"/>"#,
            ),
            Self::Dots => (
                56.0,
                56.0,
                r#"<circle cx="14" cy="14" r="8"/><circle cx="42" cy="42" r="8"/>"#,
            ),
            Self::Speckle => (
                96.0,
                84.0,
                r#"<path d="M10 12h5v4h-5zM52 6h3v3h-3zM80 28h4v4h-4zM30 40h3v3h-3zM64 54h5v4h-5zM16 68h3v3h-3zM44 74h4v3h-4zM86 72h3v3h-3z" opacity=".6"/>"#,
            ),
            Self::Terrazzo => (
                130.0,
                120.0,
                r#"<path d="M12 14l22 6-4 18-20-6zM78 8l16 10-14 14-12-12zM44 58l24-4 6 18-20 6zM98 70l18 6-8 20-16-8zM14 84l14 4 2 16-18-4z"/>"#,
            ),
            Self::Knit => (
                20.0,
                18.0,
                r#"<path d="M0 0l10 9v9L0 9zM20 0L10 9v9l10-9z" opacity=".3"/><path d="M9 0h2v18H9z" opacity=".35"/>"#,
            ),
            Self::Weave => (
                22.0,
                22.0,
                r#"<path d="M0 4h10v3H0zM11 15h10v3H11zM15 0h3v10h-3zM4 11h3v10H4z" opacity=".45"/>"#,
            ),
            Self::Wave => (
                96.0,
                52.0,
                r#"<path d="M0 26q24-28 48 0t48 0v8q-24 28-48 0t-48 0z"/>"#,
            ),
            Self::Leaf => (
                110.0,
                104.0,
                r#"<path d="M20 46q2-28 30-32 0 28-30 32zM76 98q-24-8-22-36 24 8 22 36z"/>"#,
            ),
            Self::Grain => (
                420.0,
                58.0,
                r#"<path d="M0 12q110-9 210 0t210 0v3q-110 8-210-1T0 15zM0 40q90 10 200 2t220-2v2q-120-7-220 1T0 43z" opacity=".45"/>"#,
            ),
        }
    }
}

/// A drawing under construction.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    defs: String,
    body: String,
    /// The existing definitions; their index is their id.
    inks: Vec<String>,
}

impl Canvas {
    /// The finished picture.
    pub(super) fn finish(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1200 1200\" width=\"1200\" \
             height=\"1200\"><defs>{}</defs>{}</svg>\n",
            self.defs, self.body
        )
    }

    /// Draws what `inner` draws, moved to `(x, y)`, then scaled, then turned clockwise by
    /// `degrees`.
    pub(super) fn placed(
        &mut self,
        (x, y): (f64, f64),
        scale: f64,
        degrees: f64,
        inner: impl FnOnce(&mut Self),
    ) {
        let scale = (scale * 1000.0).round() / 1000.0;
        let _ = write!(self.body, "<g transform=\"translate({} {})", n(x), n(y));
        if degrees != 0.0 {
            let _ = write!(self.body, "rotate({})", n(degrees));
        }
        if scale != 1.0 {
            let _ = write!(self.body, "scale({scale})");
        }
        self.body.push_str("\">");
        inner(self);
        self.body.push_str("</g>");
    }

    /// A shape with the outline `d`.
    pub(super) fn path(&mut self, d: &str, fill: Fill) {
        let paint = self.paint(fill);
        let _ = write!(self.body, "<path d=\"{d}\" {paint}/>");
    }

    /// An ellipse around `(x, y)`.
    pub(super) fn ellipse(&mut self, (x, y): (f64, f64), (rx, ry): (f64, f64), fill: Fill) {
        let paint = self.paint(fill);
        let (x, y, rx, ry) = (n(x), n(y), n(rx), n(ry));
        let _ = write!(
            self.body,
            "<ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{rx}\" ry=\"{ry}\" {paint}/>"
        );
    }

    /// A circle around `(x, y)`.
    pub(super) fn circle(&mut self, at: (f64, f64), r: f64, fill: Fill) {
        self.ellipse(at, (r, r), fill);
    }

    /// A line along `d`, as thick as `width`, with round ends.
    pub(super) fn line(&mut self, d: &str, colour: Colour, width: f64) {
        self.faint(d, colour, width, 1.0);
    }

    /// A line that is see-through: seams, sheen, scratches.
    pub(super) fn faint(&mut self, d: &str, colour: Colour, width: f64, opacity: f64) {
        let _ = write!(
            self.body,
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"",
            n(width)
        );
        if opacity < 1.0 {
            let _ = write!(self.body, " opacity=\"{}\"", share(opacity));
        }
        self.body.push_str("/>");
    }

    /// A bent rod: a thick line with light along its upper left.
    pub(super) fn rod(&mut self, d: &str, colour: Colour, width: f64) {
        self.line(d, colour.shade(0.22), width);
        self.line(d, colour, width * 0.72);
        self.faint(d, colour.tint(0.5), width * 0.2, 0.6);
    }

    /// A stitched or dashed line.
    pub(super) fn stitch(&mut self, d: &str, colour: Colour) {
        let _ = write!(
            self.body,
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\" \
             stroke-dasharray=\"11 8\" opacity=\".75\"/>"
        );
    }

    /// A pattern over the shape `d`.
    pub(super) fn pattern(&mut self, d: &str, pattern: Pattern, colour: Colour) {
        if pattern != Pattern::Plain {
            let id = self.pattern_id(pattern, colour);
            let _ = write!(self.body, "<path d=\"{d}\" fill=\"url(#{id})\"/>");
        }
    }

    /// The shadow that an object with the outline `d` casts on the surface on which it lies.
    pub(super) fn cast(&mut self, d: &str) {
        for (x, y, opacity) in [(26, 30, ".07"), (15, 18, ".09"), (6, 8, ".12")] {
            let _ = write!(
                self.body,
                "<path d=\"{d}\" transform=\"translate({x} {y})\" fill=\"#2a2024\" \
                 opacity=\"{opacity}\"/>"
            );
        }
    }

    fn paint(&mut self, fill: Fill) -> String {
        match fill {
            Fill::Flat(colour) => format!("fill=\"{colour}\""),
            Fill::Veil(colour, opacity) => {
                format!("fill=\"{colour}\" opacity=\"{}\"", share(opacity))
            }
            lit => format!("fill=\"url(#{})\"", self.gradient_id(lit)),
        }
    }

    fn gradient_id(&mut self, fill: Fill) -> String {
        const ACROSS: &str = "linearGradient";
        const DOWN: &str = "linearGradient x2=\"0\" y2=\"1\"";
        const ASLANT: &str = "linearGradient x2=\".8\" y2=\"1\"";
        const BALL: &str = "radialGradient cx=\".36\" cy=\".3\" r=\".75\"";
        let solid = |kind, stops: &[(f64, Colour)]| {
            gradient(kind, stops.iter().map(|(at, colour)| (*at, *colour, 1.0)))
        };
        let definition = match fill {
            Fill::Flat(c) | Fill::Veil(c, _) => solid(ACROSS, &[(0.0, c)]),
            Fill::Face(c) => solid(
                ASLANT,
                &[(0.0, c.tint(0.16)), (0.5, c), (1.0, c.shade(0.14))],
            ),
            Fill::Round(c) => solid(
                ACROSS,
                &[
                    (0.0, c.shade(0.1)),
                    (0.24, c.tint(0.22)),
                    (0.55, c),
                    (1.0, c.shade(0.34)),
                ],
            ),
            Fill::Hollow(c) => solid(ACROSS, &[(0.0, c.shade(0.5)), (1.0, c.shade(0.12))]),
            Fill::Ball(c) => solid(BALL, &[(0.0, c.tint(0.34)), (0.5, c), (1.0, c.shade(0.32))]),
            Fill::Drop(c) => solid(DOWN, &[(0.0, c.tint(0.14)), (1.0, c.shade(0.2))]),
            Fill::Metal(c) => solid(
                ACROSS,
                &[
                    (0.0, c.shade(0.24)),
                    (0.18, c.tint(0.7)),
                    (0.32, c.tint(0.1)),
                    (0.62, c.shade(0.16)),
                    (0.84, c.shade(0.42)),
                    (1.0, c.tint(0.12)),
                ],
            ),
            Fill::Glass(c) => gradient(
                ACROSS,
                [
                    (0.0, c.shade(0.2), 0.62),
                    (0.12, c.tint(0.7), 0.6),
                    (0.4, c.tint(0.3), 0.28),
                    (0.8, c, 0.42),
                    (1.0, c.shade(0.3), 0.66),
                ]
                .into_iter(),
            ),
            Fill::Halo(c, opacity) => gradient(
                "radialGradient",
                [(0.0, c, opacity), (0.45, c, opacity * 0.45), (1.0, c, 0.0)].into_iter(),
            ),
        };
        self.defined(definition)
    }

    fn pattern_id(&mut self, pattern: Pattern, colour: Colour) -> String {
        let bands: &[(f64, f64)] = match pattern {
            Pattern::Dip => &[(0.55, 0.0), (0.555, 1.0)],
            Pattern::Band => &[
                (0.16, 0.0),
                (0.161, 1.0),
                (0.24, 1.0),
                (0.241, 0.0),
                (0.28, 0.0),
                (0.281, 1.0),
                (0.31, 1.0),
                (0.311, 0.0),
            ],
            _ => &[],
        };
        if !bands.is_empty() {
            let stops = bands.iter().map(|(at, opacity)| (*at, colour, *opacity));
            return self.defined(gradient("linearGradient x2=\"0\" y2=\"1\"", stops));
        }
        let (width, height, marks) = pattern.tile();
        self.defined(format!(
            "<pattern id=\"@\" width=\"{}\" height=\"{}\" patternUnits=\"userSpaceOnUse\">\
             <g fill=\"{colour}\">{marks}</g></pattern>",
            n(width),
            n(height)
        ))
    }

    /// Adds a definition unless it exists, and returns its id, which replaces `@` in it.
    fn defined(&mut self, definition: String) -> String {
        let place = self
            .inks
            .iter()
            .position(|known| *known == definition)
            .unwrap_or_else(|| {
                let id = format!("i{}", self.inks.len());
                self.defs.push_str(&definition.replacen('@', &id, 1));
                self.inks.push(definition);
                self.inks.len() - 1
            });
        format!("i{place}")
    }
}

fn gradient(kind: &str, stops: impl Iterator<Item = (f64, Colour, f64)>) -> String {
    let (element, frame) = kind.split_once(' ').unwrap_or((kind, ""));
    let mut text = format!("<{element} id=\"@\" {frame}>");
    for (at, colour, opacity) in stops {
        let _ = write!(
            text,
            "<stop offset=\"{}\" stop-color=\"{colour}\"",
            share(at)
        );
        if opacity < 1.0 {
            let _ = write!(text, " stop-opacity=\"{}\"", share(opacity));
        }
        text.push_str("/>");
    }
    let _ = write!(text, "</{element}>");
    text
}

/// A number as short as it can be, to a tenth: enough on a canvas of 1200.
pub(super) fn n(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 {
        "0".to_owned()
    } else {
        format!("{rounded}")
    }
}

/// A share between 0 and 1, to a thousandth.
fn share(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::art::palette::CHALK;

    #[test]
    fn a_gradient_is_defined_once() {
        let mut canvas = Canvas::default();
        canvas.path("M0 0h1v1z", Fill::Round(CHALK));
        canvas.path("M2 2h1v1z", Fill::Round(CHALK));
        let svg = canvas.finish();
        assert_eq!(svg.matches("<linearGradient").count(), 1);
        assert_eq!(svg.matches("url(#i0)").count(), 2);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(n(12.0), "12");
        assert_eq!(n(-0.04), "0");
        assert_eq!(n(1.26), "1.3");
    }
}
