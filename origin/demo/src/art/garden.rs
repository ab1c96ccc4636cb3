//! Plants and garden tools.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, TILT},
    hung, laid,
    palette::{CHALK, Colour, IRON, LEAF, OAK, STEEL},
    shape::{oval, rect},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("planter", planter, (520.0, 700.0), 260.0, 42.0),
    standing("wateringcan", watering_can, (700.0, 460.0), 380.0, 26.0),
    laid("trowel", trowel, (200.0, 720.0), 32.0),
    hung("birdhouse", birdhouse, (440.0, 600.0), 26.0),
    standing("propagator", propagator, (520.0, 560.0), 460.0, 24.0),
];

const EARTH: Colour = Colour::new(0x4a_3a_31);

/// A leaf that grows up from (0, 0): as long and half as wide as given, with its middle vein.
fn leaf(c: &mut Canvas, (half, long): (f64, f64), colour: Colour) {
    let d = format!(
        "M0 0C{} {} {} {} 0 {}C{} {} {} {} 0 0z",
        -half * 1.3,
        -long * 0.25,
        -half,
        -long * 0.8,
        -long,
        half,
        -long * 0.8,
        half * 1.3,
        -long * 0.25
    );
    c.path(&d, Fill::Face(colour));
    c.faint(&format!("M0-4V{}", -long * 0.9), colour.tint(0.4), 4.0, 0.5);
}

fn planter(c: &mut Canvas, look: &Look) {
    let (top, rim) = (-250.0, 150.0);
    c.ellipse((0.0, top), (rim, rim * TILT), Fill::Flat(EARTH));
    match look.form {
        2 => blades(c, top),
        3 => coins(c, top),
        4 => branches(c, top),
        _ => broad_leaves(c, top),
    }
    let profile = [(rim, top), (rim, top), (138.0, -120.0), (112.0, -4.0)];
    c.turn(&profile, Fill::Round(look.colour), look);
    c.faint(
        &format!("M{} {top}A{rim} {} 0 0 0 {rim} {top}", -rim, rim * TILT),
        look.colour.tint(0.35),
        12.0,
        1.0,
    );
}

/// A rubber plant: broad leaves along one stem.
fn broad_leaves(c: &mut Canvas, y: f64) {
    c.line(&format!("M0 {y}Q-10-420 4-600"), LEAF.shade(0.4), 12.0);
    let leaves = [
        (-70.0, 300.0, 170.0),
        (66.0, 320.0, 178.0),
        (-48.0, 400.0, 180.0),
        (52.0, 430.0, 172.0),
        (-58.0, 500.0, 160.0),
        (40.0, 540.0, 150.0),
        (-18.0, 580.0, 130.0),
        (10.0, 600.0, 110.0),
    ];
    for (index, (turn, height, long)) in leaves.into_iter().enumerate() {
        let shade = LEAF.shade(0.28 - index as f64 * 0.04);
        c.placed((0.0, -height), 1.0, turn, |c| leaf(c, (46.0, long), shade));
    }
}

/// A snake plant: upright blades with a light edge.
fn blades(c: &mut Canvas, y: f64) {
    let blades = [
        (-84.0, -16.0, 300.0),
        (80.0, 15.0, 320.0),
        (-40.0, -7.0, 400.0),
        (44.0, 8.0, 380.0),
        (0.0, 1.0, 440.0),
        (-66.0, -10.0, 220.0),
        (62.0, 12.0, 200.0),
    ];
    for (index, (x, turn, long)) in blades.into_iter().enumerate() {
        let green = LEAF.shade(0.3 - index as f64 * 0.045);
        c.placed((x, y + 12.0), 1.0, turn, |c| {
            let d = format!(
                "M-26 0C-40 {0} -22 {1} 0 {2}C22 {1} 40 {0} 26 0z",
                -long * 0.4,
                -long * 0.8,
                -long
            );
            c.path(&d, Fill::Round(green));
            c.faint(&d, LEAF.tint(0.5), 5.0, 0.7);
            for step in 1..5 {
                let at = -long * f64::from(step) / 6.0;
                c.faint(
                    &format!("M-20 {at}q20-14 40 2"),
                    green.shade(0.4),
                    6.0,
                    0.35,
                );
            }
        });
    }
}

/// A pilea: round leaves on thin stems.
fn coins(c: &mut Canvas, y: f64) {
    let coins = [
        (-200.0, -90.0, 58.0),
        (196.0, -100.0, 60.0),
        (-140.0, -210.0, 62.0),
        (150.0, -230.0, 58.0),
        (-60.0, -300.0, 60.0),
        (64.0, -330.0, 54.0),
        (-96.0, -100.0, 54.0),
        (92.0, -130.0, 56.0),
        (0.0, -200.0, 64.0),
        (4.0, -60.0, 50.0),
    ];
    for (x, up, _) in coins {
        let stem = format!("M0 {y}Q{} {} {x} {}", x * 0.2, y + up, y + up);
        c.faint(&stem, LEAF.tint(0.2), 6.0, 1.0);
    }
    for (index, (x, up, r)) in coins.into_iter().enumerate() {
        let green = LEAF.shade(0.22 - index as f64 * 0.03);
        c.ellipse((x, y + up), (r, r * 0.86), Fill::Face(green));
        c.circle((x + 6.0, y + up - 4.0), 6.0, Fill::Veil(CHALK, 0.6));
    }
}

/// An olive tree: a trunk, three branches, many small leaves.
fn branches(c: &mut Canvas, y: f64) {
    c.line(&format!("M0 {y}Q12-360 0-440"), OAK.shade(0.45), 20.0);
    let leaf_green = LEAF.mix(CHALK, 0.2);
    for (bend, lean, rise) in [
        (-60.0, -190.0, -210.0),
        (50.0, 180.0, -230.0),
        (6.0, 10.0, -280.0),
    ] {
        let d = format!("M0-430q{bend}-60 {lean} {rise}");
        c.line(&d, OAK.shade(0.4), 9.0);
        for step in 1..=7 {
            let t = f64::from(step) / 7.0;
            // A point of the quadratic curve that the branch is.
            let x = 2.0 * (1.0 - t) * t * bend + t * t * lean;
            let up = -430.0 + 2.0 * (1.0 - t) * t * -60.0 + t * t * rise;
            for (side, shade) in [(-62.0, 0.16), (48.0, 0.02), (-8.0, 0.1)] {
                c.placed((x, up), 1.0, side + lean * 0.1, |c| {
                    leaf(c, (17.0, 84.0), leaf_green.shade(shade));
                });
            }
        }
    }
}

fn watering_can(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    c.rod("M120-60Q250-90 320-330", colour.shade(0.08), 40.0);
    c.placed((326.0, -344.0), 1.0, 24.0, |c| {
        c.path("M-30 26L-62-22H62L30 26z", Fill::Round(colour));
        c.ellipse((0.0, -22.0), (62.0, 16.0), Fill::Drop(colour.tint(0.3)));
        for x in [-34.0, -12.0, 12.0, 34.0] {
            c.circle((x, -22.0), 4.0, Fill::Flat(colour.shade(0.5)));
        }
    });
    c.rod(
        "M-120-60C-330-90-330-420-40-420Q60-410 70-270",
        look.accent,
        28.0,
    );
    let profile = [
        (150.0, -270.0),
        (150.0, -270.0),
        (160.0, -150.0),
        (176.0, -4.0),
    ];
    c.turn(&profile, Fill::Round(colour), look);
    c.mouth(-270.0, 150.0, 10.0, colour);
    if look.form == 2 {
        c.faint(
            "M-164-140A164 33 0 0 0 164-140",
            colour.shade(0.4),
            8.0,
            0.5,
        );
        c.faint(
            "M-168-112A168 34 0 0 0 168-112",
            colour.shade(0.4),
            8.0,
            0.5,
        );
    }
}

fn trowel(c: &mut Canvas, look: &Look) {
    let blade = if look.form == 2 {
        "M-46-40Q-54-250 0-350 54-250 46-40 0-10-46-40z"
    } else {
        "M-78-60Q-96-230 0-350 96-230 78-60 0-20-78-60z"
    };
    let handle = "M-30 90Q-44 220-30 330 0 366 30 330 44 220 30 90 0 70-30 90z";
    let neck = rect((-11.0, -50.0), (22.0, 150.0), 6.0);
    for d in [blade, handle, &neck] {
        c.cast(d);
    }
    c.path(&neck, Fill::Metal(STEEL.shade(0.1)));
    c.path(blade, Fill::Round(STEEL));
    c.faint("M0-320V-60", STEEL.shade(0.5), 8.0, 0.4);
    c.faint("M-40-110Q-46-220-8-300", CHALK, 8.0, 0.6);
    c.surface(handle, Fill::Round(look.colour), look);
    c.path(
        &rect((-33.0, 84.0), (66.0, 26.0), 8.0),
        Fill::Metal(look.accent),
    );
    c.circle((0.0, 324.0), 9.0, Fill::Flat(look.colour.shade(0.6)));
}

fn birdhouse(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    c.faint("M0-300V-230", OAK.shade(0.3), 7.0, 1.0);
    let front = "M-150-60L0-220 150-60V230H-150z";
    c.cast(front);
    c.surface(front, Fill::Face(colour), look);
    let hole_y = if look.form == 2 { -40.0 } else { -10.0 };
    c.circle((0.0, hole_y), 52.0, Fill::Hollow(colour));
    c.faint(
        &oval((0.0, hole_y), (52.0, 52.0)),
        colour.tint(0.4),
        6.0,
        0.8,
    );
    c.rod(&format!("M0 {0}v34", hole_y + 92.0), OAK, 18.0);
    c.circle((0.0, hole_y + 92.0), 13.0, Fill::Ball(OAK));
    for (from, to) in [
        ((-12.0, -236.0), (-196.0, -38.0)),
        ((12.0, -236.0), (196.0, -38.0)),
    ] {
        c.bar(from, to, 40.0, look.accent);
    }
    c.path(&rect((-176.0, 222.0), (352.0, 30.0), 6.0), Fill::Drop(OAK));
}

fn propagator(c: &mut Canvas, look: &Look) {
    c.bar((-230.0, -8.0), (230.0, -8.0), 34.0, look.colour);
    for x in [-226.0, 226.0] {
        c.bar((x, -20.0), (x, -330.0), 24.0, look.colour);
    }
    c.bar((-240.0, -330.0), (240.0, -330.0), 26.0, look.colour);
    let water = Colour::new(0xc6_dd_dc);
    for (x, tall, turn) in [
        (-130.0, 150.0, -14.0),
        (0.0, 190.0, 6.0),
        (130.0, 130.0, 16.0),
    ] {
        c.placed((x, -318.0), 1.0, turn, |c| {
            leaf(c, (34.0, tall), LEAF);
            c.placed((0.0, -20.0), 1.0, -46.0, |c| {
                leaf(c, (26.0, tall * 0.6), LEAF.tint(0.1));
            });
            c.placed((0.0, -30.0), 1.0, 50.0, |c| {
                leaf(c, (26.0, tall * 0.6), LEAF.shade(0.12));
            });
        });
        c.faint(&format!("M{x}-318q-14 90 6 180"), LEAF.tint(0.3), 5.0, 0.9);
        let flask = format!(
            "M{0}-346h48v130q46 26 46 84a70 70 0 0 1-140 0q0-58 46-84z",
            x - 24.0
        );
        c.path(
            &format!("M{}-150a68 68 0 0 0 136 0z", x - 68.0),
            Fill::Veil(water, 0.8),
        );
        c.path(&flask, Fill::Glass(water));
        c.faint(&format!("M{}-180q-14 20-14 46", x - 34.0), CHALK, 8.0, 0.7);
        c.line(&format!("M{}-348h52", x - 26.0), IRON.tint(0.2), 8.0);
    }
}
