//! Lamps, candles and the like.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, TILT},
    hung,
    palette::{BRASS, CHALK, Colour, GLOW, IRON, OAK},
    shape::oval,
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("mushroom", mushroom, (520.0, 560.0), 250.0, 36.0),
    standing("desklamp", desklamp, (620.0, 660.0), 260.0, 48.0),
    standing("floorlamp", floorlamp, (400.0, 900.0), 240.0, 150.0),
    standing("tablelamp", tablelamp, (430.0, 660.0), 230.0, 52.0),
    hung("pendant", pendant, (560.0, 620.0), 40.0),
    hung("sconce", sconce, (340.0, 520.0), 30.0),
    standing("candle", candle, (300.0, 420.0), 270.0, 10.0),
    standing("candlestick", candlestick, (260.0, 680.0), 240.0, 30.0),
    standing("lantern", lantern, (360.0, 620.0), 330.0, 34.0),
];

/// The light around a lamp.
fn glow(c: &mut Canvas, at: (f64, f64), r: f64) {
    c.circle(at, r, Fill::Halo(GLOW, 0.62));
}

fn flame(c: &mut Canvas, (x, y): (f64, f64)) {
    c.placed((x, y), 1.0, 0.0, |c| {
        c.line("M0 4V-18", IRON, 5.0);
        c.circle((0.0, -50.0), 120.0, Fill::Halo(GLOW, 0.7));
        c.path(
            "M0-6q-24-22-14-48 6-16 14-40 10 24 15 40 9 26-15 48z",
            Fill::Drop(GLOW),
        );
        c.path(
            "M0-10q-12-12-7-26l7-18 7 18q5 14-7 26z",
            Fill::Flat(CHALK.tint(0.7)),
        );
    });
}

fn mushroom(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    glow(c, (0.0, -330.0), 420.0);
    let stem = if look.form == 2 {
        [
            (46.0, -340.0),
            (46.0, -200.0),
            (60.0, -80.0),
            (120.0, -18.0),
            (126.0, -2.0),
        ]
    } else {
        [
            (70.0, -340.0),
            (60.0, -220.0),
            (78.0, -100.0),
            (116.0, -20.0),
            (112.0, -2.0),
        ]
    };
    c.turn(&stem, Fill::Round(look.accent), &Look::plain(look.accent));
    c.ellipse((0.0, -300.0), (236.0, 58.0), Fill::Face(GLOW.tint(0.3)));
    let cap = [
        (20.0, -552.0),
        (130.0, -526.0),
        (220.0, -430.0),
        (254.0, -316.0),
        (250.0, -300.0),
    ];
    c.turn(&cap, Fill::Round(colour), look);
    c.path(
        "M-250-300A250 50 0 0 0 250-300 250 26 0 0 1-250-300z",
        Fill::Veil(GLOW, 0.8),
    );
}

fn desklamp(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    c.path("M-290-330L-20-420 60-10H-420z", Fill::Veil(GLOW, 0.16));
    c.placed((120.0, 0.0), 1.0, 0.0, |c| {
        c.plain_turn(
            &[(120.0, -30.0), (128.0, -24.0), (128.0, -4.0)],
            Fill::Round(colour),
        );
        c.ellipse((0.0, -32.0), (122.0, 24.0), Fill::Face(colour.tint(0.2)));
    });
    c.rod("M120-40L220-360", look.accent, 17.0);
    c.rod("M220-360L-70-566", look.accent, 17.0);
    c.circle((220.0, -360.0), 24.0, Fill::Ball(BRASS));
    c.placed((-90.0, -560.0), 1.0, 28.0, |c| {
        let shade = [
            (34.0, -60.0),
            (56.0, -40.0),
            (84.0, 60.0),
            (146.0, 150.0),
            (150.0, 160.0),
        ];
        c.turn(&shade, Fill::Round(colour), look);
        c.ellipse((0.0, 160.0), (150.0, 30.0), Fill::Face(GLOW));
        c.ellipse((0.0, 162.0), (60.0, 14.0), Fill::Flat(CHALK.tint(0.8)));
    });
    c.circle((-70.0, -566.0), 20.0, Fill::Ball(BRASS));
}

/// A drum of cloth with the bulb's light in it, its lower edge at `y`.
fn drum(c: &mut Canvas, y: f64, (top, foot, height): (f64, f64, f64), look: &Look) {
    let drum = [(top, y - height), (top, y - height), (foot, y), (foot, y)];
    c.turn(&drum, Fill::Round(look.colour), look);
    let outline = super::shape::turned(&drum);
    c.path(&outline, Fill::Halo(GLOW, 0.55));
    c.ellipse(
        (0.0, y - height),
        (top, top * TILT),
        Fill::Hollow(look.colour.mix(GLOW, 0.5)),
    );
    let rim = format!("M{} {y}A{foot} {} 0 0 0 {foot} {y}", -foot, foot * TILT);
    c.faint(&rim, look.colour.shade(0.3), 5.0, 0.5);
}

fn floorlamp(c: &mut Canvas, look: &Look) {
    glow(c, (0.0, -760.0), 430.0);
    if look.form == 2 {
        for x in [-130.0, 130.0, 18.0] {
            c.bar((0.0, -660.0), (x, -8.0), 18.0, look.accent);
        }
    } else {
        c.plain_turn(
            &[(112.0, -26.0), (120.0, -20.0), (120.0, -4.0)],
            Fill::Round(look.accent),
        );
        c.ellipse(
            (0.0, -27.0),
            (114.0, 23.0),
            Fill::Face(look.accent.tint(0.2)),
        );
        c.plain_turn(&[(8.0, -720.0), (8.0, -28.0)], Fill::Metal(look.accent));
    }
    drum(c, -640.0, (130.0, 190.0, 240.0), look);
}

fn tablelamp(c: &mut Canvas, look: &Look) {
    glow(c, (0.0, -500.0), 400.0);
    let colour = look.accent;
    let base: &[(f64, f64)] = match look.form {
        2 => &[
            (40.0, -330.0),
            (40.0, -330.0),
            (110.0, -20.0),
            (108.0, -4.0),
        ],
        3 => &[
            (30.0, -330.0),
            (70.0, -270.0),
            (34.0, -210.0),
            (90.0, -140.0),
            (44.0, -70.0),
            (112.0, -4.0),
        ],
        _ => &[
            (40.0, -340.0),
            (60.0, -310.0),
            (134.0, -190.0),
            (124.0, -70.0),
            (80.0, -4.0),
        ],
    };
    c.plain_turn(&[(10.0, -400.0), (10.0, -320.0)], Fill::Metal(BRASS));
    c.turn(base, Fill::Round(colour), &Look::plain(colour));
    drum(c, -380.0, (140.0, 210.0, 250.0), look);
}

fn pendant(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    glow(c, (0.0, 140.0), 460.0);
    c.line("M0-900V-160", IRON, 7.0);
    c.plain_turn(
        &[(22.0, -200.0), (24.0, -196.0), (26.0, -130.0)],
        Fill::Metal(BRASS),
    );
    match look.form {
        2 => {
            let d = oval((0.0, 90.0), (230.0, 220.0));
            c.path(&d, Fill::Ball(colour));
            for ry in [30.0, 90.0, 150.0, 196.0] {
                let d = format!(
                    "M-{0} 90A{0} 216 0 0 1 {0} 90 {0} 216 0 0 1-{0} 90z",
                    ry * 1.1
                );
                c.faint(&d, colour.shade(0.3), 4.0, 0.35);
            }
            c.path(&d, Fill::Halo(GLOW, 0.55));
        }
        3 => {
            let cone = [
                (30.0, -140.0),
                (60.0, -120.0),
                (240.0, 150.0),
                (244.0, 160.0),
            ];
            c.ellipse((0.0, 160.0), (240.0, 50.0), Fill::Face(GLOW));
            c.turn(&cone, Fill::Round(colour), look);
            c.path(
                "M-244 160A244 49 0 0 0 244 160 244 20 0 0 1-244 160z",
                Fill::Flat(GLOW.tint(0.4)),
            );
        }
        _ => {
            let bell = [
                (28.0, -150.0),
                (90.0, -130.0),
                (190.0, -20.0),
                (262.0, 160.0),
                (266.0, 176.0),
            ];
            c.turn(&bell, Fill::Round(colour), look);
            c.path(
                "M-266 176A266 53 0 0 0 266 176 266 24 0 0 1-266 176z",
                Fill::Flat(GLOW.tint(0.4)),
            );
            c.ellipse((0.0, 206.0), (54.0, 34.0), Fill::Ball(GLOW.tint(0.6)));
        }
    }
}

fn sconce(c: &mut Canvas, look: &Look) {
    glow(c, (0.0, -60.0), 380.0);
    c.ellipse((0.0, 120.0), (74.0, 74.0), Fill::Ball(look.accent));
    c.rod("M0 120Q4 40 0 10", look.accent, 18.0);
    if look.form == 2 {
        c.circle((0.0, -80.0), 130.0, Fill::Ball(GLOW.tint(0.5)));
        c.faint("M-96-120A104 104 0 0 1-40-176", CHALK.tint(0.8), 12.0, 0.8);
    } else {
        drum(c, 20.0, (90.0, 150.0, 220.0), look);
    }
}

fn candle(c: &mut Canvas, look: &Look) {
    let wax = CHALK.mix(GLOW, 0.3);
    let (r, tall) = if look.form == 2 {
        (150.0, 180.0)
    } else {
        (134.0, 270.0)
    };
    let cup = [(r, -tall), (r, -tall), (r, -24.0), (r - 10.0, -4.0)];
    c.turn(&cup, Fill::Round(look.colour), look);
    c.mouth(-tall, r, 9.0, look.colour);
    c.ellipse(
        (0.0, 8.0 - tall),
        (r - 14.0, (r - 14.0) * TILT * 0.86),
        Fill::Face(wax),
    );
    if look.form != 2 {
        c.path(
            "M-62-206q62 14 124 0v110q-62 14-124 0z",
            Fill::Veil(CHALK, 0.9),
        );
        c.faint(
            "M-34-160q34 8 68 0M-22-136q22 6 44 0",
            look.colour.shade(0.3),
            4.0,
            0.6,
        );
    }
    flame(c, (0.0, -tall + 4.0));
}

fn candlestick(c: &mut Canvas, look: &Look) {
    let taper = [(19.0, -590.0), (21.0, -580.0), (26.0, -290.0)];
    c.plain_turn(&taper, Fill::Round(look.accent));
    let stick: &[(f64, f64)] = if look.form == 2 {
        &[
            (44.0, -300.0),
            (70.0, -270.0),
            (30.0, -230.0),
            (64.0, -170.0),
            (30.0, -120.0),
            (100.0, -30.0),
            (112.0, -4.0),
        ]
    } else {
        &[
            (46.0, -300.0),
            (40.0, -260.0),
            (20.0, -230.0),
            (18.0, -90.0),
            (40.0, -40.0),
            (118.0, -18.0),
            (120.0, -4.0),
        ]
    };
    c.turn(stick, Fill::Metal(look.colour), look);
    flame(c, (0.0, -590.0));
}

fn lantern(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    c.rod("M-100-470C-100-640 100-640 100-470", colour, 13.0);
    glow(c, (0.0, -230.0), 330.0);
    c.plain_turn(
        &[(46.0, -150.0), (46.0, -150.0), (46.0, -50.0)],
        Fill::Round(CHALK),
    );
    c.ellipse((0.0, -150.0), (46.0, 9.0), Fill::Face(CHALK));
    flame(c, (0.0, -152.0));
    let glass = [
        (120.0, -400.0),
        (140.0, -300.0),
        (140.0, -120.0),
        (130.0, -44.0),
    ];
    c.plain_turn(&glass, Fill::Glass(Colour::new(0xe8_e2_d0)));
    for x in [-138.0, -48.0, 52.0, 138.0] {
        c.line(&format!("M{x}-420V-40"), colour.shade(0.1), 11.0);
    }
    c.plain_turn(
        &[(156.0, -60.0), (156.0, -60.0), (160.0, -4.0)],
        Fill::Round(colour),
    );
    c.ellipse(
        (0.0, -60.0),
        (156.0, 28.0),
        Fill::Veil(colour.tint(0.3), 0.35),
    );
    let roof = [
        (46.0, -500.0),
        (60.0, -478.0),
        (160.0, -410.0),
        (166.0, -392.0),
    ];
    c.turn(
        &roof,
        Fill::Round(if look.form == 2 { OAK } else { colour }),
        &Look::plain(colour),
    );
}
