//! Kitchen and table.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, Pattern, TILT},
    laid,
    palette::{BRASS, CHALK, Colour, LEAF, OAK, STEEL, WALNUT},
    shape::{oval, rect},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("mug", mug, (500.0, 430.0), 320.0, 10.0),
    standing("bowl", bowl, (620.0, 330.0), 300.0, 8.0),
    standing("plates", plates, (640.0, 300.0), 520.0, 10.0),
    standing("carafe", carafe, (300.0, 620.0), 260.0, 26.0),
    standing("tumbler", tumbler, (300.0, 400.0), 240.0, 11.0),
    laid("board", board, (420.0, 680.0), 40.0),
    laid("knife", knife, (180.0, 760.0), 33.0),
    standing("pan", pan, (860.0, 250.0), 440.0, 9.0),
    standing("pot", pot, (640.0, 470.0), 430.0, 18.0),
    standing("jar", jar, (360.0, 500.0), 320.0, 18.0),
    laid("cutlery", cutlery, (420.0, 640.0), 22.0),
    standing("mill", mill, (220.0, 640.0), 180.0, 22.0),
    standing("utensils", utensils, (380.0, 700.0), 260.0, 32.0),
    laid("napkin", napkin, (560.0, 560.0), 30.0),
    standing("jug", jug, (470.0, 560.0), 300.0, 20.0),
];

fn mug(c: &mut Canvas, look: &Look) {
    let (height, foot) = match look.form {
        2 => (330.0, 150.0),
        3 => (430.0, 132.0),
        _ => (390.0, 138.0),
    };
    let colour = look.colour;
    let handle = match look.form {
        2 => "M120-230h110q44 0 44 50t-48 54H110",
        3 => "M120-340c170-20 190 210 0 232",
        _ => "M120-310c150-14 170 178 10 208",
    };
    if look.form != 4 {
        c.rod(handle, colour, 38.0);
    }
    let profile = [
        (160.0, -height),
        (160.0, -height),
        (158.0, -height * 0.5),
        (foot + 6.0, -40.0),
        (foot - 14.0, -12.0),
        (foot - 26.0, -6.0),
    ];
    c.turn(&profile, Fill::Round(colour), look);
    c.mouth(-height, 160.0, 11.0, colour.mix(look.accent, 0.55));
    c.filling(-height + 16.0, 134.0, Colour::new(0x6b_45_2e));
    c.faint("M-118 -18Q0 16 118-18", colour.shade(0.4), 4.0, 0.3);
}

fn bowl(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let deep = if look.form == 2 { 190.0 } else { 250.0 };
    let profile = [
        (310.0, -deep),
        (310.0, -deep),
        (280.0, -deep * 0.55),
        (180.0, -52.0),
        (120.0, -34.0),
        (120.0, -34.0),
        (112.0, -6.0),
    ];
    c.turn(&profile, Fill::Round(colour), look);
    c.mouth(-deep, 310.0, 13.0, colour.mix(look.accent, 0.5));
    if look.form == 3 {
        for (x, y, r) in [
            (-110.0, -22.0, 82.0),
            (40.0, -34.0, 92.0),
            (160.0, -12.0, 74.0),
        ] {
            c.circle((x, -deep + y), r, Fill::Ball(Colour::new(0xd0_8a_3c)));
            c.faint(
                &format!("M{} {}q4-16 14-20", x, -deep + y - r * 0.62),
                LEAF,
                7.0,
                1.0,
            );
        }
        let lip = format!(
            "M-310 {0}A310 62 0 0 0 310 {0}L300 {1}Q0 {2}-300 {1}z",
            -deep,
            8.0 - deep,
            130.0 - deep
        );
        c.path(&lip, Fill::Round(colour));
    }
}

fn plates(c: &mut Canvas, look: &Look) {
    let count = if look.form == 2 { 2 } else { 5 };
    for layer in 0..count {
        let y = -36.0 - f64::from(layer) * 34.0;
        let r = 310.0 - f64::from(layer) * if look.form == 3 { 22.0 } else { 3.0 };
        let colour = if layer % 2 == 1 {
            look.colour.mix(look.accent, 0.45)
        } else {
            look.colour
        };
        c.ellipse(
            (0.0, y - 34.0),
            (r, r * TILT),
            Fill::Round(colour.shade(0.14)),
        );
        c.ellipse((0.0, y - 46.0), (r, r * TILT), Fill::Face(colour.tint(0.1)));
        if layer == count - 1 {
            let well = oval((0.0, y - 44.0), (r * 0.7, r * 0.7 * TILT));
            c.pattern(
                &oval((0.0, y - 46.0), (r, r * TILT)),
                look.pattern,
                look.mark,
            );
            c.path(&well, Fill::Hollow(colour.tint(0.1)));
            c.path(
                &oval((4.0, y - 41.0), (r * 0.68, r * 0.66 * TILT)),
                Fill::Face(colour.tint(0.2)),
            );
            c.pattern(&well, look.pattern, look.mark);
        }
    }
}

fn carafe(c: &mut Canvas, look: &Look) {
    let water = look.accent;
    let profile = [
        (74.0, -620.0),
        (56.0, -560.0),
        (58.0, -470.0),
        (140.0, -300.0),
        (146.0, -130.0),
        (140.0, -12.0),
        (128.0, -4.0),
    ];
    c.plain_turn(
        &[
            (96.0, -380.0),
            (137.0, -290.0),
            (138.0, -130.0),
            (132.0, -14.0),
            (124.0, -8.0),
        ],
        Fill::Drop(water.mix(look.colour, 0.5)),
    );
    c.ellipse((0.0, -380.0), (96.0, 19.0), Fill::Face(water.tint(0.4)));
    c.turn(&profile, Fill::Glass(look.colour), look);
    c.ellipse(
        (0.0, -620.0),
        (74.0, 15.0),
        Fill::Veil(look.colour.shade(0.25), 0.5),
    );
    c.ellipse(
        (0.0, -618.0),
        (66.0, 12.0),
        Fill::Veil(look.colour.tint(0.6), 0.7),
    );
    if look.form == 2 {
        c.circle((0.0, -640.0), 54.0, Fill::Ball(OAK));
    }
}

fn tumbler(c: &mut Canvas, look: &Look) {
    let flare = if look.form == 2 { 104.0 } else { 126.0 };
    let glass = [
        (150.0, -400.0),
        (150.0, -400.0),
        (flare, -14.0),
        (flare - 14.0, -4.0),
    ];
    c.plain_turn(
        &[
            (138.0, -260.0),
            (138.0, -260.0),
            (flare - 6.0, -30.0),
            (flare - 14.0, -24.0),
        ],
        Fill::Drop(look.accent.mix(look.colour, 0.5)),
    );
    c.ellipse(
        (0.0, -260.0),
        (138.0, 27.0),
        Fill::Face(look.accent.tint(0.35)),
    );
    c.turn(&glass, Fill::Glass(look.colour), look);
    for x in [-84.0, -40.0, 6.0, 54.0, 96.0] {
        let d = format!("M{x}-350L{} -40", x * 0.82);
        c.faint(&d, look.colour.tint(0.7), 6.0, 0.4);
    }
    c.ellipse(
        (0.0, -400.0),
        (150.0, 30.0),
        Fill::Veil(look.colour.shade(0.25), 0.45),
    );
    c.ellipse(
        (0.0, -398.0),
        (140.0, 26.0),
        Fill::Veil(look.colour.tint(0.6), 0.7),
    );
}

fn board(c: &mut Canvas, look: &Look) {
    let d = match look.form {
        2 => oval((0.0, 0.0), (300.0, 300.0)),
        3 => rect((-300.0, -200.0), (600.0, 400.0), 26.0),
        _ => {
            "M-34-340h68q26 0 26 26l8 84q4 40 60 40 62 4 62 70v390q0 50-50 50h-280q-50 0-50-50v-390\
              q0-66 62-70 56 0 60-40l8-84q0-26 26-26z"
                .to_owned()
        }
    };
    c.cast(&d);
    c.path(&d, Fill::Face(look.colour));
    c.pattern(&d, Pattern::Grain, look.colour.shade(0.34));
    if look.pattern == Pattern::Stripe {
        c.pattern(
            "M-110-180h44v500h-44zM60-180h22v500H60z",
            Pattern::Dip,
            look.accent,
        );
        c.path(
            "M-110-186h44v504h-44zM64-186h20v504H64z",
            Fill::Veil(look.accent, 0.85),
        );
    }
    c.faint(&d, look.colour.tint(0.5), 4.0, 0.5);
    match look.form {
        2 => c.faint(
            &oval((0.0, 0.0), (262.0, 262.0)),
            look.colour.shade(0.35),
            8.0,
            0.4,
        ),
        3 => c.faint(
            &rect((-268.0, -168.0), (536.0, 336.0), 14.0),
            look.colour.shade(0.4),
            9.0,
            0.4,
        ),
        _ => c.circle((0.0, -286.0), 17.0, Fill::Flat(look.colour.shade(0.6))),
    }
}

fn knife(c: &mut Canvas, look: &Look) {
    let (blade, edge) = match look.form {
        2 => (
            "M-34 60V-300q0-60 50-80 60 160 48 440z",
            "M52 60q12-220-24-400",
        ),
        3 => (
            "M-26 60V-220q4-60 36-90 40 120 34 370z",
            "M36 60q6-200-14-320",
        ),
        _ => (
            "M-34 60V-330q6-34 18-50Q88-180 76 60z",
            "M62 60Q70-150-6-330",
        ),
    };
    c.cast(blade);
    c.path(blade, Fill::Metal(STEEL));
    c.path(blade, Fill::Veil(STEEL.tint(0.55), 0.55));
    c.faint(edge, STEEL.shade(0.3), 4.0, 0.5);
    let handle = "M-38 84h74q10 120-4 200-4 92-40 92-44 0-44-92 4-90 14-200z";
    c.cast(handle);
    c.path("M-38 54h76v36h-76z", Fill::Metal(BRASS.mix(STEEL, 0.5)));
    c.path(handle, Fill::Round(look.colour));
    c.pattern(handle, Pattern::Grain, look.colour.shade(0.4));
    for y in [140.0, 230.0, 320.0] {
        c.circle((-6.0, y), 9.0, Fill::Ball(BRASS));
    }
}

fn pan(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let wall = if look.form == 2 { 190.0 } else { 110.0 };
    let grip = format!(
        "M190-{0}q150-26 330-60 26-2 26 18t-22 26Q380-{1} 200-{1}z",
        wall - 10.0,
        wall - 62.0
    );
    c.placed((-90.0, 0.0), 1.0, 0.0, |c| {
        c.path(&grip, Fill::Drop(look.accent));
        c.circle(
            (512.0, -wall - 36.0),
            9.0,
            Fill::Flat(look.accent.shade(0.6)),
        );
        let body = [
            (260.0, -wall),
            (260.0, -wall),
            (244.0, -30.0),
            (222.0, -6.0),
        ];
        c.turn(&body, Fill::Round(colour), look);
        c.mouth(-wall, 260.0, 11.0, colour.tint(0.06));
        c.ellipse(
            (6.0, 18.0 - wall),
            (210.0, 30.0),
            Fill::Veil(colour.tint(0.24), 0.35),
        );
    });
}

fn pot(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    for side in [-1.0, 1.0] {
        let d = format!(
            "M{} -250q{} -14 {} 34t{} 34",
            side * 240.0,
            side * 92.0,
            side * 92.0,
            side * -70.0
        );
        c.rod(&d, colour, 34.0);
    }
    let body = [
        (258.0, -310.0),
        (258.0, -310.0),
        (256.0, -120.0),
        (236.0, -20.0),
        (212.0, -4.0),
    ];
    c.turn(&body, Fill::Round(colour), look);
    c.plain_turn(
        &[
            (60.0, -404.0),
            (180.0, -388.0),
            (262.0, -336.0),
            (268.0, -310.0),
            (268.0, -300.0),
        ],
        Fill::Round(colour.tint(0.05)),
    );
    c.faint(
        "M-266-296A266 53 0 0 0 266-296",
        colour.shade(0.45),
        7.0,
        0.5,
    );
    c.faint("M-150-372Q-60-396 30-398", CHALK, 9.0, 0.4);
    let knob = [
        (26.0, -420.0),
        (44.0, -442.0),
        (46.0, -456.0),
        (38.0, -466.0),
    ];
    let turned: Vec<_> = knob.iter().rev().copied().collect();
    c.plain_turn(&turned, Fill::Metal(look.accent));
}

fn jar(c: &mut Canvas, look: &Look) {
    let tall = if look.form == 2 { 330.0 } else { 410.0 };
    let body = [
        (158.0, -tall),
        (170.0, -tall + 40.0),
        (172.0, -100.0),
        (164.0, -14.0),
        (150.0, -4.0),
    ];
    if look.form == 3 {
        c.plain_turn(
            &[(160.0, -260.0), (162.0, -100.0), (150.0, -12.0)],
            Fill::Round(look.accent),
        );
        c.ellipse(
            (0.0, -260.0),
            (160.0, 32.0),
            Fill::Face(look.accent.tint(0.25)),
        );
        c.turn(&body, Fill::Glass(look.colour), look);
    } else {
        c.turn(&body, Fill::Round(look.colour), look);
    }
    let lid = [
        (164.0, -tall - 52.0),
        (164.0, -tall - 52.0),
        (164.0, -tall - 4.0),
        (160.0, -tall),
    ];
    let wood = if look.form == 2 { WALNUT } else { OAK };
    c.plain_turn(&lid, Fill::Round(wood));
    c.ellipse(
        (0.0, -tall - 52.0),
        (164.0, 33.0),
        Fill::Face(wood.tint(0.12)),
    );
    c.plain_turn(
        &[(30.0, -tall - 88.0), (22.0, -tall - 60.0)],
        Fill::Round(wood),
    );
    c.ellipse((0.0, -tall - 88.0), (30.0, 8.0), Fill::Face(wood.tint(0.2)));
}

fn cutlery(c: &mut Canvas, look: &Look) {
    let metal = look.colour;
    let fork = "M-186-300q4-8 10 0v120h14v-120q6-8 12 0v120h14v-120q6-8 12 0v150q0 44-22 60l12 390\
                q-8 40-32 0l12-390q-28-16-28-60z";
    let knife = "M-18 300q-8-160 0-300V-290q48 20 48 240v56l-16 300q-14 30-32-6z";
    let spoon =
        "M150-310q48 0 52 100 0 76-36 96l10 410q-24 36-48 0l10-410q-38-20-36-96 4-100 48-100z";
    for d in [fork, knife, spoon] {
        c.cast(d);
        c.path(d, Fill::Metal(metal));
        c.path(d, Fill::Veil(metal.tint(0.3), 0.35));
        c.faint(d, metal.tint(0.6), 3.0, 0.5);
    }
    c.path(
        "M150-290q28 4 32 76 0 56-32 70-34-14-32-70 4-72 32-76z",
        Fill::Hollow(metal.tint(0.1)),
    );
    if look.form == 2 {
        for d in [
            "M-160 60l16 236q-16 26-30 0z",
            "M-14 40h38l-10 256q-12 24-26 0z",
            "M136 60h24l10 232q-20 26-42 0z",
        ] {
            c.path(d, Fill::Round(look.accent));
        }
    }
}

fn mill(c: &mut Canvas, look: &Look) {
    let wood = look.colour;
    let body = [
        (62.0, -470.0),
        (80.0, -440.0),
        (58.0, -360.0),
        (56.0, -240.0),
        (92.0, -110.0),
        (96.0, -16.0),
        (90.0, -4.0),
    ];
    c.turn(&body, Fill::Round(wood), look);
    c.pattern(
        &super::shape::turned(&body),
        Pattern::Grain,
        wood.shade(0.3),
    );
    c.plain_turn(&[(66.0, -492.0), (66.0, -472.0)], Fill::Metal(BRASS));
    let head = [
        (30.0, -610.0),
        (76.0, -576.0),
        (84.0, -530.0),
        (64.0, -492.0),
    ];
    c.turn(&head, Fill::Round(look.accent), &Look::plain(look.accent));
    c.circle((0.0, -622.0), 17.0, Fill::Ball(BRASS));
}

fn utensils(c: &mut Canvas, look: &Look) {
    c.bar((-70.0, -240.0), (-128.0, -560.0), 24.0, OAK);
    c.placed((-134.0, -610.0), 1.0, -10.0, |c| {
        c.ellipse((0.0, 0.0), (48.0, 72.0), Fill::Face(OAK));
    });
    c.bar((0.0, -240.0), (10.0, -590.0), 24.0, WALNUT);
    c.path("M-36-700h92l-8 140q-38 34-76 0z", Fill::Face(WALNUT));
    c.faint("M-8-680v90M28-680v90", WALNUT.shade(0.5), 8.0, 0.7);
    c.bar((70.0, -240.0), (136.0, -480.0), 18.0, STEEL);
    for x in [-46.0, -16.0, 16.0, 46.0] {
        let d = format!("M136-478q{x}-60 34-168q{} 100-34 168", 60.0 - x);
        c.faint(&d, STEEL.shade(0.2), 6.0, 0.9);
    }
    let body = [
        (140.0, -290.0),
        (140.0, -290.0),
        (136.0, -40.0),
        (124.0, -6.0),
    ];
    c.turn(&body, Fill::Round(look.colour), look);
    let front = "M-140-290A140 28 0 0 0 140-290";
    c.line(front, look.colour.tint(0.35), 9.0);
}

fn napkin(c: &mut Canvas, look: &Look) {
    for (offset, turn) in [(34.0, 9.0), (0.0, 0.0)] {
        c.placed((offset, offset), 1.0, turn, |c| {
            let d = "M-250-246q250 10 500-4-10 250 4 500-250-10-508 0 12-250 4-496z";
            c.cast(d);
            c.surface(d, Fill::Face(look.colour), look);
            c.stitch("M-232-228h464v460h-464z", look.mark);
            c.faint("M0-244v490M-248 0h496", look.colour.shade(0.35), 5.0, 0.25);
        });
    }
}

fn jug(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let handle = "M110-440c190-30 200 250 20 270";
    c.rod(handle, colour, 36.0);
    let body = [
        (118.0, -540.0),
        (104.0, -470.0),
        (130.0, -360.0),
        (176.0, -190.0),
        (160.0, -50.0),
        (116.0, -6.0),
    ];
    c.path("M-60-548q-90-30-130 0 50 26 80 90z", Fill::Face(colour));
    c.turn(&body, Fill::Round(colour), look);
    c.mouth(-540.0, 118.0, 10.0, colour);
}
