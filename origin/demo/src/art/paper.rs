//! Things of paper, for a desk and for a wall.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, TILT},
    hung, laid,
    palette::{BRASS, CHALK, Colour, OAK},
    shape::{oval, rect},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    laid("notebook", notebook, (520.0, 680.0), 21.0),
    standing("books", books, (600.0, 330.0), 540.0, 14.0),
    standing("pencilcup", pencil_cup, (320.0, 560.0), 260.0, 20.0),
    laid("tray", tray, (680.0, 460.0), 22.0),
    hung("print", print, (520.0, 680.0), 70.0),
];

const PAPER: Colour = Colour::new(0xf6_f1_e6);

fn notebook(c: &mut Canvas, look: &Look) {
    if look.form == 3 {
        for (turn, colour) in [(-13.0, look.accent), (7.0, look.colour.tint(0.3))] {
            c.placed((0.0, 0.0), 1.0, turn, |c| {
                cover(c, &Look { colour, ..*look });
            });
        }
    }
    c.placed((0.0, 0.0), 1.0, -3.0, |c| {
        cover(c, look);
        let band = rect((150.0, -300.0), (16.0, 600.0), 3.0);
        c.path(&band, Fill::Flat(look.colour.shade(0.4)));
        if look.form != 2 {
            let label = rect((-110.0, -190.0), (190.0, 110.0), 8.0);
            c.path(&label, Fill::Face(PAPER));
            c.faint("M-80-150h130M-80-122h84", look.colour.shade(0.4), 6.0, 0.6);
        }
    });
    if look.form == 2 {
        c.placed((236.0, 20.0), 1.0, 9.0, pencil);
    }
}

/// One notebook, closed: pages, cover, spine.
fn cover(c: &mut Canvas, look: &Look) {
    let d = rect((-210.0, -300.0), (420.0, 600.0), 20.0);
    c.cast(&d);
    c.path(
        &rect((-196.0, -288.0), (414.0, 596.0), 14.0),
        Fill::Face(PAPER.shade(0.06)),
    );
    c.surface(&d, Fill::Face(look.colour), look);
    c.path(
        &rect((-210.0, -300.0), (46.0, 600.0), 16.0),
        Fill::Veil(look.colour.shade(0.5), 0.4),
    );
    c.stitch("M-156-292V292", look.colour.tint(0.4));
}

/// A pencil that lies upright, its point up.
fn pencil(c: &mut Canvas) {
    let body = "M-15-190H15V200H-15z";
    c.cast(body);
    c.path("M-15-190L0-240 15-190z", Fill::Face(OAK.tint(0.3)));
    c.path("M-5-222L0-240 5-222z", Fill::Flat(Colour::new(0x3a_3a_3d)));
    c.path(body, Fill::Round(Colour::new(0xd2_a2_3f)));
    c.path("M-15 200H15V224H-15z", Fill::Metal(BRASS));
    c.path(
        &rect((-15.0, 222.0), (30.0, 34.0), 10.0),
        Fill::Round(Colour::new(0xc9_8d_88)),
    );
}

fn books(c: &mut Canvas, look: &Look) {
    let stack = [
        (-8.0, 520.0, 96.0, look.colour),
        (-104.0, 470.0, 74.0, look.accent),
        (-178.0, 500.0, 66.0, look.colour.mix(CHALK, 0.45)),
        (-244.0, 400.0, 58.0, look.colour.shade(0.3)),
    ];
    let count = if look.form == 2 { 3 } else { 4 };
    for (index, (y, wide, thick, colour)) in stack.into_iter().take(count).enumerate() {
        let shift = [0.0, 18.0, -22.0, 10.0][index];
        c.placed((shift, y), 1.0, 0.0, |c| {
            let left = -wide / 2.0;
            c.path(
                &rect((left + 20.0, 9.0 - thick), (wide - 28.0, thick - 18.0), 2.0),
                Fill::Drop(PAPER),
            );
            for line in 1..4 {
                let at = 9.0 - thick + (thick - 18.0) * f64::from(line) / 4.0;
                c.faint(
                    &format!("M{} {at}H{}", left + 40.0, -left - 12.0),
                    OAK,
                    2.0,
                    0.35,
                );
            }
            let spine = format!(
                "M{0} {1}H{2}q-44 0-44 {3}t44 {3}H{0}v-10H{2}q-26 0-26 {4}t26 {4}H{0}z",
                -left,
                -thick,
                left + 44.0,
                thick / 2.0,
                -(thick - 20.0) / 2.0
            );
            c.path(&spine, Fill::Face(colour));
            let back = rect((left, -thick), (54.0, thick), 20.0);
            c.surface(&back, Fill::Round(colour), &Look { colour, ..*look });
            c.line(
                &format!("M{0} {1}H{2}M{0} -5H{2}", left + 40.0, 5.0 - thick, -left),
                colour,
                10.0,
            );
        });
    }
}

fn pencil_cup(c: &mut Canvas, look: &Look) {
    let tall = if look.form == 2 { -240.0 } else { -290.0 };
    for (x, turn, scale) in [
        (-60.0, -12.0, 0.9),
        (-10.0, -3.0, 1.0),
        (44.0, 8.0, 0.86),
        (76.0, 17.0, 0.8),
    ] {
        c.placed((x, tall - 40.0), scale, turn, |c| {
            c.path("M-15-150L0-204 15-150z", Fill::Face(OAK.tint(0.3)));
            c.path("M-5-186L0-204 5-186z", Fill::Flat(look.accent.shade(0.4)));
            c.path(
                "M-15-150H15V120H-15z",
                Fill::Round(look.accent.mix(OAK, turn.abs() / 20.0)),
            );
        });
    }
    let r = 126.0;
    let profile = [
        (r, tall),
        (r, tall),
        (r * 0.98, tall * 0.5),
        (r * 0.94, -4.0),
    ];
    c.turn(&profile, Fill::Round(look.colour), look);
    c.faint(
        &format!("M{} {tall}A{r} {} 0 0 0 {r} {tall}", -r, r * TILT),
        look.colour.tint(0.4),
        10.0,
        1.0,
    );
}

fn tray(c: &mut Canvas, look: &Look) {
    let d = rect((-330.0, -220.0), (660.0, 440.0), 54.0);
    c.cast(&d);
    c.surface(&d, Fill::Face(look.colour), look);
    let inner = rect((-300.0, -190.0), (600.0, 380.0), 36.0);
    c.path(&inner, Fill::Drop(look.colour.shade(0.16)));
    c.pattern(&inner, look.pattern, look.mark);
    c.path(
        &rect((60.0, -190.0), (18.0, 380.0), 4.0),
        Fill::Face(look.colour),
    );
    if look.form != 2 {
        c.placed((-120.0, 0.0), 0.7, 78.0, pencil);
        c.circle((190.0, -80.0), 54.0, Fill::Round(BRASS));
        c.circle((190.0, -80.0), 34.0, Fill::Flat(look.colour.shade(0.2)));
        c.placed((186.0, 84.0), 1.0, -24.0, |c| {
            c.rod(
                "M-44 16a20 20 0 0 1 0-40h96a28 28 0 0 1 0 56h-70",
                BRASS,
                10.0,
            );
        });
    }
}

fn print(c: &mut Canvas, look: &Look) {
    let frame = rect((-250.0, -330.0), (500.0, 660.0), 6.0);
    c.cast(&frame);
    c.path(&frame, Fill::Face(look.accent));
    c.path(
        &rect((-228.0, -308.0), (456.0, 616.0), 2.0),
        Fill::Drop(PAPER),
    );
    let sheet = rect((-168.0, -236.0), (336.0, 472.0), 0.0);
    c.path(&sheet, Fill::Flat(look.colour.mix(PAPER, 0.72)));
    match look.form {
        2 => reeds(c, look.colour),
        3 => vessels(c, look.colour),
        4 => duck(c, look.colour),
        _ => hills(c, look.colour),
    }
    c.path(
        "M-228-308H40L-228 120z",
        Fill::Veil(Colour::new(0xff_ff_ff), 0.12),
    );
}

/// A low sun over hills.
fn hills(c: &mut Canvas, colour: Colour) {
    c.circle(
        (46.0, -70.0),
        82.0,
        Fill::Flat(colour.mix(Colour::new(0xd8_8a_4a), 0.7)),
    );
    c.path(
        "M-168 40Q-80-60 10 20T168-10V236H-168z",
        Fill::Flat(colour.tint(0.35)),
    );
    c.path(
        "M-168 110Q-60 20 50 100T168 80V236H-168z",
        Fill::Flat(colour),
    );
    c.path(
        "M-168 180Q-40 110 60 170T168 160V236H-168z",
        Fill::Flat(colour.shade(0.35)),
    );
}

/// Reeds at the water.
fn reeds(c: &mut Canvas, colour: Colour) {
    c.path("M-168 120H168V236H-168z", Fill::Flat(colour.tint(0.3)));
    for (x, top, lean) in [
        (-90.0, -150.0, -20.0),
        (-40.0, -200.0, 14.0),
        (20.0, -120.0, -8.0),
        (70.0, -180.0, 24.0),
    ] {
        c.faint(
            &format!("M{x} 200Q{x} 0 {} {top}", x + lean),
            colour.shade(0.2),
            8.0,
            1.0,
        );
        c.placed((x + lean, top), 1.0, lean * 0.4, |c| {
            c.path(
                &oval((0.0, 20.0), (13.0, 52.0)),
                Fill::Flat(colour.shade(0.45)),
            );
        });
    }
    c.faint("M-140 170h90M10 196h120M-60 214h70", PAPER, 6.0, 0.8);
}

/// Three vessels in a row, flat.
fn vessels(c: &mut Canvas, colour: Colour) {
    c.path("M-168 130H168V236H-168z", Fill::Flat(colour.shade(0.15)));
    c.path(
        "M-120 150V-20q0-30 24-44v-60h36v60q24 14 24 44V150z",
        Fill::Flat(colour),
    );
    c.path(
        "M-20 150q-30-120 60-130 90 10 60 130z",
        Fill::Flat(colour.mix(Colour::new(0xd8_8a_4a), 0.6)),
    );
    c.path("M70 150V60h80v90z", Fill::Flat(colour.shade(0.4)));
    c.faint(
        "M-78-124q-10-60-50-80M-78-124q4-70 40-90",
        colour.shade(0.4),
        6.0,
        1.0,
    );
}

/// A duck on still water.
fn duck(c: &mut Canvas, colour: Colour) {
    let warm = Colour::new(0xd8_9a_4a);
    c.path("M-168 96H168V236H-168z", Fill::Flat(colour.tint(0.4)));
    c.path(
        "M-120 60q-16-8-18-24 60 10 118-14 24-10 30-40 6-66 56-62 46 4 40 60-6 40-20 70 6 60-60 76-120 10-146-66z",
        Fill::Flat(colour),
    );
    c.path("M104-54q34 2 46 16-20 14-50 8z", Fill::Flat(warm));
    c.circle((74.0, -56.0), 7.0, Fill::Flat(PAPER));
    c.path("M30 0q40 16 66-2l-6 16q-34 14-66 0z", Fill::Flat(PAPER));
    c.path(
        "M-80 56q60 30 120-20-10 60-70 60-40-4-50-40z",
        Fill::Flat(colour.shade(0.35)),
    );
    c.faint("M-140 140h180M-60 170h180M-110 200h90", PAPER, 6.0, 0.8);
}
