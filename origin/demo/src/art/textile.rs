//! Soft things for the house.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, Pattern},
    laid,
    palette::Colour,
    shape::{oval, rect},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("cushion", cushion, (620.0, 560.0), 480.0, 45.0),
    standing("throw", throw, (640.0, 420.0), 560.0, 24.0),
    standing("towels", towels, (600.0, 480.0), 560.0, 24.0),
    laid("towel", towel, (420.0, 680.0), 70.0),
    laid("rug", rug, (560.0, 760.0), 170.0),
    standing("bedding", bedding, (660.0, 420.0), 600.0, 24.0),
    laid("teatowel", teatowel, (420.0, 640.0), 60.0),
    standing("pouf", pouf, (620.0, 420.0), 520.0, 40.0),
];

fn cushion(c: &mut Canvas, look: &Look) {
    let d = if look.form == 2 {
        "M-310-20Q-318-180-306-360 0-392 306-360 318-180 310-20 0 6-310-20z"
    } else {
        "M-268-4Q-232-270-276-548-300-572-270-560 0-516 268-560 300-572 276-548 236-270 272-4 292 22 262 8 0-30-260 8-290 20-268-4z"
    };
    c.surface(d, Fill::Face(look.colour), look);
    c.faint(d, look.accent, 8.0, 0.8);
    c.path(
        "M-240-60Q0-100 250-40 240-10 262 6 0-30-258 6z",
        Fill::Veil(look.colour.shade(0.6), 0.14),
    );
    for d in [
        "M-256-540q60 70 70 130",
        "M258-540q-50 60-66 120",
        "M-250-10q40-70 80-100",
    ] {
        c.faint(d, look.colour.shade(0.5), 7.0, 0.18);
    }
}

/// One fold of cloth: a soft slab whose left end is the bend.
fn fold(c: &mut Canvas, y: f64, (w, h): (f64, f64), colour: Colour, look: &Look) {
    let (half, bulge, rise) = (w / 2.0, h / 2.0, h / 4.0);
    let d = format!(
        "M{} {y}q-34 0-34 {}t34 {}h{w}q12 {rise} 0 {bulge}q12 {rise} 0 {bulge}z",
        -half, -bulge, -bulge
    );
    c.surface(&d, Fill::Drop(colour), &Look { colour, ..*look });
    let inner = format!("M{} {}H{}", -half - 6.0, y - h * 0.5, half - 8.0);
    c.faint(&inner, colour.shade(0.5), 5.0, 0.24);
    c.faint(
        &format!("M{} {}H{}", -half, y - 2.0, half - 4.0),
        colour.shade(0.6),
        5.0,
        0.3,
    );
}

fn throw(c: &mut Canvas, look: &Look) {
    fold(c, -8.0, (560.0, 118.0), look.colour, look);
    fold(c, -126.0, (548.0, 118.0), look.colour.tint(0.05), look);
    fold(c, -244.0, (540.0, 110.0), look.colour.tint(0.1), look);
    let drape = "M40-356q110-14 190 4 14 130 6 300-100 14-200 0-12-160 4-304z";
    c.surface(drape, Fill::Face(look.colour.tint(0.06)), look);
    c.faint(drape, look.colour.shade(0.5), 4.0, 0.25);
    for step in 0..12 {
        let x = 44.0 + f64::from(step) * 16.6;
        c.faint(&format!("M{x}-50q4 26-2 46"), look.accent, 6.0, 0.95);
    }
}

fn towels(c: &mut Canvas, look: &Look) {
    let shades = [look.colour, look.accent, look.colour.tint(0.1), look.accent];
    for (index, colour) in shades.into_iter().enumerate() {
        let step = index as f64;
        fold(
            c,
            -6.0 - step * 112.0,
            (520.0 - step * 8.0, 110.0),
            colour,
            look,
        );
        let band = format!(
            "M{} {}h16v104h-16z",
            150.0 - step * 4.0,
            -114.0 - step * 112.0
        );
        c.path(&band, Fill::Veil(colour.shade(0.3), 0.25));
    }
}

fn towel(c: &mut Canvas, look: &Look) {
    let d = "M-200-330q200 12 400-2 10 330 2 660-200 14-404 0-8-330 2-658z";
    c.cast(d);
    c.surface(d, Fill::Face(look.colour), look);
    for y in [-250.0, 230.0] {
        c.path(
            &format!("M-204 {y}h408v26h-408z"),
            Fill::Veil(look.accent, 0.85),
        );
        c.path(
            &format!("M-204 {}h408v8h-408z", y + 38.0),
            Fill::Veil(look.accent, 0.85),
        );
    }
    c.faint(
        "M-60-320q16 300 0 640M74-324q-14 320 4 650",
        look.colour.shade(0.5),
        10.0,
        0.1,
    );
    for step in 0..20 {
        let x = -196.0 + f64::from(step) * 20.6;
        c.faint(&format!("M{x} 330v24"), look.colour.shade(0.06), 6.0, 1.0);
    }
}

fn rug(c: &mut Canvas, look: &Look) {
    for step in 0..24 {
        let x = -258.0 + f64::from(step) * 22.4;
        c.faint(&format!("M{x}-350v-28M{x} 350v28"), look.accent, 6.0, 1.0);
    }
    let d = if look.form == 3 {
        oval((0.0, 0.0), (350.0, 350.0))
    } else {
        rect((-270.0, -352.0), (540.0, 704.0), 8.0)
    };
    c.cast(&d);
    c.path(&d, Fill::Face(look.colour));
    c.pattern(&d, Pattern::Weave, look.colour.shade(0.2));
    match look.form {
        2 => {
            for (scale, fill) in [(1.0, look.accent), (0.7, look.colour), (0.4, look.accent)] {
                c.placed((0.0, 0.0), scale, 0.0, |c| {
                    c.path("M0-300L220 0 0 300-220 0z", Fill::Veil(fill, 0.85));
                });
            }
        }
        3 => {
            for r in [310.0, 240.0, 170.0, 100.0] {
                c.faint(&oval((0.0, 0.0), (r, r)), look.accent, 18.0, 0.75);
            }
        }
        _ => {
            c.pattern(&d, look.pattern, look.mark);
            c.faint(
                &rect((-236.0, -318.0), (472.0, 636.0), 4.0),
                look.accent,
                12.0,
                0.8,
            );
        }
    }
}

fn bedding(c: &mut Canvas, look: &Look) {
    fold(c, -6.0, (600.0, 126.0), look.colour, look);
    fold(
        c,
        -132.0,
        (590.0, 100.0),
        look.accent,
        &Look::plain(look.accent),
    );
    let pillow = "M-270-240q-24-70 6-140 270-40 540 0 30 70 6 140-270 26-552 0z";
    c.surface(pillow, Fill::Drop(look.colour.tint(0.16)), look);
    c.faint("M-262-246q264 22 536 0", look.colour.shade(0.5), 6.0, 0.3);
    c.faint(
        "M-240-370q50 40 60 80M250-372q-40 40-50 70",
        look.colour.shade(0.5),
        6.0,
        0.16,
    );
    let ribbon = "M-20-400q20-6 40 0V0q-20 6-40 0z";
    c.path(ribbon, Fill::Veil(look.mark, 0.35));
}

fn teatowel(c: &mut Canvas, look: &Look) {
    let d = "M-200-310q200 8 400-2 8 310 0 620-200 10-400 0-8-310 0-618z";
    c.cast(d);
    c.surface(d, Fill::Face(look.colour), look);
    c.stitch("M-186-296h372v590h-372z", look.mark);
    c.faint("M0-308v616", look.colour.shade(0.5), 8.0, 0.12);
    c.faint("M-200-4h400", look.colour.shade(0.5), 8.0, 0.12);
    c.rod("M-14-314q14-40 30 0", look.mark, 8.0);
}

fn pouf(c: &mut Canvas, look: &Look) {
    let body = [
        (200.0, -400.0),
        (280.0, -340.0),
        (306.0, -210.0),
        (280.0, -70.0),
        (220.0, -6.0),
    ];
    c.turn(&body, Fill::Round(look.colour), look);
    c.pattern(
        &super::shape::turned(&body),
        Pattern::Knit,
        look.colour.shade(0.4),
    );
    c.ellipse(
        (0.0, -400.0),
        (196.0, 38.0),
        Fill::Veil(look.colour.tint(0.3), 0.4),
    );
    for x in [-190.0, -70.0, 70.0, 190.0] {
        let d = format!("M{} -396Q{} -210 {} -16", x * 0.6, x * 1.24, x * 0.7);
        c.faint(&d, look.colour.shade(0.5), 6.0, 0.3);
    }
}
