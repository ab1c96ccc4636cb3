//! Outlines as SVG path data, and the few bodies that many things are made of.

use std::fmt::Write as _;

use super::{
    Look,
    canvas::{Canvas, Fill, Pattern, TILT, n},
    palette::Colour,
};

/// A rectangle with its upper left corner at `(x, y)` and rounded corners.
pub(super) fn rect((x, y): (f64, f64), (w, h): (f64, f64), r: f64) -> String {
    let (inner_w, inner_h) = (n(w - 2.0 * r), n(h - 2.0 * r));
    let (r_, minus) = (n(r), n(-r));
    format!(
        "M{} {}h{inner_w}q{r_} 0 {r_} {r_}v{inner_h}q0 {r_} {minus} {r_}h{}q{minus} 0 {minus} \
         {minus}v{}q0 {minus} {r_} {minus}z",
        n(x + r),
        n(y),
        n(2.0 * r - w),
        n(2.0 * r - h)
    )
}

/// A circle or ellipse as path data, so that it can carry a pattern or throw a shadow.
pub(super) fn oval((x, y): (f64, f64), (rx, ry): (f64, f64)) -> String {
    let (across, back) = (n(2.0 * rx), n(-2.0 * rx));
    let (left, y, rx, ry) = (n(x - rx), n(y), n(rx), n(ry));
    format!("M{left} {y}a{rx} {ry} 0 0 1 {across} 0a{rx} {ry} 0 0 1 {back} 0z")
}

/// The outline of something turned on a lathe around x = 0: its radius at heights, from the top
/// down, smooth between them. A point given twice is a corner. Both ends are discs seen from above.
pub(super) fn turned(profile: &[(f64, f64)]) -> String {
    let (Some(&(top, top_y)), Some(&(foot, foot_y))) = (profile.first(), profile.last()) else {
        return String::new();
    };
    let right = smooth(profile);
    let back: Vec<_> = profile.iter().rev().map(|&(r, y)| (-r, y)).collect();
    let left = smooth(&back);
    format!(
        "M{} {}{right}A{} {} 0 0 1 {} {}{left}A{} {} 0 0 1 {} {}z",
        n(top),
        n(top_y),
        n(foot),
        n(foot * TILT),
        n(-foot),
        n(foot_y),
        n(top),
        n(top * TILT),
        n(top),
        n(top_y)
    )
}

/// Curves through the points (Catmull–Rom as cubic Béziers), without the first move.
fn smooth(points: &[(f64, f64)]) -> String {
    let mut d = String::new();
    let at = |index: usize| points[index.min(points.len() - 1)];
    for index in 0..points.len() - 1 {
        let (before, from) = (at(index.saturating_sub(1)), at(index));
        let (to, after) = (at(index + 1), at(index + 2));
        if from == to {
            continue;
        }
        // A repeated point has no tangent of its own, which makes it a corner.
        let lead = if before == from {
            (0.0, 0.0)
        } else {
            (to.0 - before.0, to.1 - before.1)
        };
        let tail = if after == to {
            (0.0, 0.0)
        } else {
            (after.0 - from.0, after.1 - from.1)
        };
        let _ = write!(
            d,
            "C{} {} {} {} {} {}",
            n(from.0 + lead.0 / 6.0),
            n(from.1 + lead.1 / 6.0),
            n(to.0 - tail.0 / 6.0),
            n(to.1 - tail.1 / 6.0),
            n(to.0),
            n(to.1)
        );
    }
    d
}

impl Canvas {
    /// A surface with its light and, over it, the look's pattern.
    pub(super) fn surface(&mut self, d: &str, fill: Fill, look: &Look) {
        self.path(d, fill);
        self.pattern(d, look.pattern, look.mark);
        if look.pattern != Pattern::Plain && matches!(fill, Fill::Round(_)) {
            self.path(d, Fill::Glass(look.colour));
        }
    }

    /// Something turned, with the look's pattern and a sheen on its left.
    pub(super) fn turn(&mut self, profile: &[(f64, f64)], fill: Fill, look: &Look) {
        self.surface(&turned(profile), fill, look);
        self.sheen(profile);
    }

    /// Something turned of one plain colour.
    pub(super) fn plain_turn(&mut self, profile: &[(f64, f64)], fill: Fill) {
        self.path(&turned(profile), fill);
    }

    /// The long highlight on the left of something turned.
    pub(super) fn sheen(&mut self, profile: &[(f64, f64)]) {
        let (Some(first), Some(last)) = (profile.first(), profile.last()) else {
            return;
        };
        let inset = (last.1 - first.1) * 0.09;
        let points: Vec<_> = profile
            .iter()
            .map(|&(r, y)| {
                let y = y + r * TILT * 0.7;
                (
                    -r * 0.72,
                    y.clamp(first.1 + inset + first.0 * TILT * 0.7, last.1 - inset * 0.4),
                )
            })
            .collect();
        let d = format!("M{} {}{}", n(points[0].0), n(points[0].1), smooth(&points));
        let width = profile.iter().map(|(r, _)| *r).fold(0.0, f64::max) * 0.055;
        self.faint(&d, Colour::new(0xff_ff_ff), width.clamp(4.0, 13.0), 0.32);
    }

    /// The open mouth of a vessel: a rim and the dark inside, filled up to `fill` with something.
    pub(super) fn mouth(&mut self, y: f64, r: f64, wall: f64, colour: Colour) {
        self.ellipse((0.0, y), (r, r * TILT), Fill::Flat(colour.tint(0.3)));
        let inner = r - wall;
        self.ellipse(
            (0.0, y + wall * 0.12),
            (inner, inner * TILT),
            Fill::Hollow(colour),
        );
    }

    /// The content of a vessel, seen through its mouth.
    pub(super) fn filling(&mut self, y: f64, r: f64, colour: Colour) {
        self.ellipse((0.0, y), (r, r * TILT * 0.82), Fill::Face(colour));
    }

    /// A straight bar of wood from one point to another, as thick as `width`.
    pub(super) fn bar(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Colour) {
        let d = format!("M{} {}L{} {}", n(from.0), n(from.1), n(to.0), n(to.1));
        self.line(&d, colour.shade(0.16), width);
        let lit = format!(
            "M{} {}L{} {}",
            n(from.0 - width * 0.14),
            n(from.1),
            n(to.0 - width * 0.14),
            n(to.1)
        );
        self.line(&lit, colour, width * 0.66);
        self.faint(&lit, colour.tint(0.4), width * 0.16, 0.7);
    }

    /// A soft shadow on the floor under something `width` wide.
    pub(super) fn ground(&mut self, at: (f64, f64), width: f64) {
        let dark = Colour::new(0x2a_20_24);
        let (x, y) = at;
        self.ellipse(
            (x + width * 0.2, y + 6.0),
            (width * 0.82, width * 0.15),
            Fill::Halo(dark, 0.3),
        );
        self.ellipse(
            (x + width * 0.03, y),
            (width * 0.56, width * 0.085),
            Fill::Halo(dark, 0.62),
        );
    }
}
