//! Coffee and tea.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, TILT},
    palette::{CHALK, Colour, IRON, OAK, STEEL},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("teapot", teapot, (640.0, 440.0), 330.0, 15.0),
    standing("kettle", kettle, (660.0, 560.0), 360.0, 24.0),
    standing("dripper", dripper, (440.0, 620.0), 300.0, 24.0),
    standing("press", press, (430.0, 640.0), 280.0, 24.0),
    standing("grinder", grinder, (420.0, 660.0), 230.0, 22.0),
    standing("caddy", caddy, (320.0, 400.0), 290.0, 13.0),
    standing("cup", cup, (560.0, 260.0), 400.0, 8.0),
    standing("moka", moka, (470.0, 600.0), 290.0, 20.0),
];

/// The colour of coffee.
const COFFEE: Colour = Colour::new(0x4a_2e_22);

fn teapot(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    c.path(
        "M-150-230q-70-10-110-110-10-30-44-34 50-30 76 24 40 60 96 40z",
        Fill::Face(colour),
    );
    match look.form {
        2 => c.rod("M-130-330C-150-520 150-520 130-330", look.accent, 24.0),
        3 => {
            c.bar((150.0, -210.0), (318.0, -250.0), 44.0, look.accent);
        }
        _ => c.rod("M150-300c170-40 190 190 20 214", colour, 32.0),
    }
    let body = [
        (108.0, -352.0),
        (170.0, -310.0),
        (208.0, -200.0),
        (190.0, -80.0),
        (130.0, -20.0),
        (120.0, -6.0),
    ];
    c.turn(&body, Fill::Round(colour), look);
    c.faint(
        "M-108-350A108 22 0 0 0 108-350",
        colour.shade(0.5),
        6.0,
        0.5,
    );
    let lid = [(24.0, -392.0), (86.0, -380.0), (108.0, -354.0)];
    c.plain_turn(&lid, Fill::Round(colour.tint(0.06)));
    c.circle((0.0, -410.0), 24.0, Fill::Ball(look.accent));
}

fn kettle(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    if look.form == 2 {
        c.rod("M-170-70C-300-90-250-300-330-372", colour, 26.0);
        c.rod("M170-320C330-400 330-90 226-40", look.accent, 36.0);
    } else {
        c.path(
            "M-160-270q-60-20-96-110l-60-6q60 140 170 210z",
            Fill::Face(colour),
        );
        c.line("M-170-330C-170-600 170-600 170-330", IRON, 16.0);
        c.rod("M-96-496q96-66 192 0", look.accent, 40.0);
    }
    let body = [
        (120.0, -378.0),
        (150.0, -352.0),
        (200.0, -200.0),
        (214.0, -60.0),
        (204.0, -10.0),
        (194.0, -2.0),
    ];
    c.turn(&body, Fill::Round(colour), look);
    c.faint("M-206-50A206 41 0 0 0 206-50", colour.shade(0.5), 5.0, 0.4);
    c.plain_turn(
        &[(90.0, -400.0), (120.0, -384.0), (122.0, -376.0)],
        Fill::Round(colour.tint(0.1)),
    );
    c.plain_turn(&[(12.0, -430.0), (12.0, -402.0)], Fill::Metal(STEEL));
    c.circle((0.0, -436.0), 24.0, Fill::Ball(look.accent));
}

fn dripper(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let glass = [
        (96.0, -290.0),
        (150.0, -190.0),
        (160.0, -90.0),
        (140.0, -12.0),
        (120.0, -4.0),
    ];
    c.rod("M140-230c110-10 110 150 10 160", STEEL, 16.0);
    let coffee = [
        (152.0, -130.0),
        (156.0, -90.0),
        (138.0, -18.0),
        (120.0, -10.0),
    ];
    c.plain_turn(&coffee, Fill::Round(COFFEE));
    c.ellipse((0.0, -130.0), (152.0, 29.0), Fill::Face(COFFEE.tint(0.16)));
    c.turn(
        &glass,
        Fill::Glass(Colour::new(0xd2_e2_e0)),
        &Look::plain(STEEL),
    );
    if look.form == 2 {
        c.plain_turn(&[(108.0, -330.0), (108.0, -250.0)], Fill::Round(OAK));
    }
    c.rod("M110-520c130-10 120 130 20 134", colour, 24.0);
    let cone = [
        (190.0, -600.0),
        (190.0, -600.0),
        (84.0, -360.0),
        (78.0, -340.0),
    ];
    c.turn(&cone, Fill::Round(colour), look);
    c.plain_turn(
        &[(128.0, -344.0), (132.0, -334.0), (132.0, -318.0)],
        Fill::Round(colour.tint(0.04)),
    );
    c.mouth(-600.0, 190.0, 10.0, colour);
    c.path(
        "M-176-604Q-150-660-96-640L0-650 110-638Q160-650 176-600A176 34 0 0 1-176-604z",
        Fill::Face(CHALK),
    );
    c.filling(-592.0, 146.0, COFFEE);
}

fn press(c: &mut Canvas, look: &Look) {
    let metal = look.accent;
    c.rod("M134-420C290-440 280-100 140-110", look.colour, 34.0);
    let coffee = [
        (128.0, -330.0),
        (128.0, -330.0),
        (128.0, -22.0),
        (120.0, -12.0),
    ];
    c.plain_turn(&coffee, Fill::Round(COFFEE));
    c.ellipse((0.0, -330.0), (128.0, 26.0), Fill::Face(COFFEE.tint(0.22)));
    let glass = [
        (136.0, -440.0),
        (136.0, -440.0),
        (136.0, -14.0),
        (130.0, -4.0),
    ];
    c.turn(
        &glass,
        Fill::Glass(Colour::new(0xd2_e2_e0)),
        &Look::plain(STEEL),
    );
    for y in [-430.0, -150.0, -34.0] {
        let ring = [(140.0, y), (140.0, y), (140.0, y + 22.0), (140.0, y + 22.0)];
        c.plain_turn(&ring, Fill::Metal(metal));
    }
    c.plain_turn(
        &[
            (40.0, -490.0),
            (130.0, -470.0),
            (142.0, -440.0),
            (142.0, -428.0),
        ],
        Fill::Metal(metal),
    );
    c.plain_turn(&[(7.0, -610.0), (7.0, -480.0)], Fill::Metal(metal));
    c.circle((0.0, -620.0), 28.0, Fill::Ball(look.colour));
}

fn grinder(c: &mut Canvas, look: &Look) {
    let body = [
        (104.0, -440.0),
        (104.0, -440.0),
        (98.0, -230.0),
        (106.0, -14.0),
        (100.0, -2.0),
    ];
    c.turn(&body, Fill::Round(look.colour), look);
    c.plain_turn(
        &[(107.0, -250.0), (107.0, -250.0), (107.0, -222.0)],
        Fill::Metal(STEEL),
    );
    c.plain_turn(
        &[(60.0, -490.0), (104.0, -462.0), (108.0, -440.0)],
        Fill::Metal(STEEL),
    );
    c.plain_turn(&[(12.0, -560.0), (12.0, -480.0)], Fill::Metal(STEEL));
    c.rod("M0-562Q100-596 210-590", STEEL, 16.0);
    c.placed((210.0, -590.0), 1.0, 0.0, |c| {
        let knob = [(14.0, -64.0), (30.0, -40.0), (28.0, -8.0), (16.0, 6.0)];
        c.turn(&knob, Fill::Round(look.accent), &Look::plain(look.accent));
    });
}

fn caddy(c: &mut Canvas, look: &Look) {
    let tall = if look.form == 2 { 250.0 } else { 330.0 };
    let body = [
        (146.0, -tall),
        (146.0, -tall),
        (146.0, -14.0),
        (140.0, -2.0),
    ];
    c.turn(&body, Fill::Round(look.colour), look);
    let label = format!(
        "M-70 {0}Q0 {1} 70 {0}v110Q0 {2}-70 {3}z",
        70.0 - tall,
        86.0 - tall,
        196.0 - tall,
        180.0 - tall
    );
    c.path(&label, Fill::Veil(CHALK, 0.92));
    c.faint(
        &format!("M-40 {0}Q0 {1} 40 {0}", 122.0 - tall, 134.0 - tall),
        look.colour.shade(0.2),
        5.0,
        0.7,
    );
    c.faint(
        &format!("M-26 {0}Q0 {1} 26 {0}", 144.0 - tall, 154.0 - tall),
        look.colour.shade(0.2),
        4.0,
        0.5,
    );
    let lid = [
        (152.0, -tall - 70.0),
        (152.0, -tall - 70.0),
        (152.0, 4.0 - tall),
        (152.0, 8.0 - tall),
    ];
    c.plain_turn(&lid, Fill::Round(look.accent));
    c.ellipse(
        (0.0, -tall - 70.0),
        (152.0, 152.0 * TILT),
        Fill::Face(look.accent.tint(0.16)),
    );
}

fn cup(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let saucer = colour.mix(look.accent, 0.3);
    c.ellipse((0.0, -16.0), (270.0, 54.0), Fill::Round(saucer.shade(0.16)));
    c.ellipse((0.0, -30.0), (270.0, 54.0), Fill::Face(saucer.tint(0.1)));
    c.ellipse((6.0, -24.0), (150.0, 26.0), Fill::Hollow(saucer.tint(0.3)));
    if look.form != 2 {
        c.rod("M120-196c110-20 110 120 6 126", colour, 24.0);
    }
    let body = [
        (148.0, -240.0),
        (148.0, -240.0),
        (140.0, -140.0),
        (96.0, -54.0),
        (84.0, -42.0),
    ];
    c.turn(&body, Fill::Round(colour), look);
    c.mouth(-240.0, 148.0, 9.0, colour.mix(look.accent, 0.4));
    c.filling(-232.0, 126.0, Colour::new(0xa0_70_48));
    c.faint("M-60-234q50-16 96-2-40 20-70 8", CHALK, 8.0, 0.7);
}

fn moka(c: &mut Canvas, look: &Look) {
    let metal = look.colour;
    c.rod("M110-470Q250-470 226-210", look.accent, 36.0);
    c.path(
        "M-100-470l-74-60q10 90 80 130z",
        Fill::Face(metal.shade(0.1)),
    );
    let lower = "M-112-260h224l34 236q-146 44-292 0z";
    let upper = "M-116-500h232L90-284Q0-262-90-284z";
    for d in [lower, upper] {
        c.path(d, Fill::Metal(metal));
    }
    for d in [
        "M-40-252l-14 258M44-252l14 258",
        "M-42-496l8 216M42-496l-8 216",
    ] {
        c.faint(d, metal.shade(0.4), 4.0, 0.5);
        c.faint(d, metal.tint(0.8), 2.0, 0.6);
    }
    c.plain_turn(
        &[(104.0, -296.0), (118.0, -280.0), (118.0, -250.0)],
        Fill::Metal(metal),
    );
    c.path(
        "M-118-500Q-60-560 0-562 70-560 118-500 0-474-118-500z",
        Fill::Metal(metal),
    );
    c.circle((0.0, -578.0), 24.0, Fill::Ball(look.accent));
}
