//! Furniture and wall decoration.

use super::{
    Look, Piece,
    canvas::{Canvas, Fill, Pattern},
    hung,
    palette::{BRASS, CHALK, Colour, IRON, LEAF, OAK},
    shape::{oval, rect},
    standing,
};

/// The pieces of this theme.
pub(super) const PIECES: &[Piece] = &[
    standing("chair", chair, (460.0, 760.0), 400.0, 80.0),
    standing("armchair", armchair, (700.0, 640.0), 600.0, 78.0),
    standing("stool", stool, (420.0, 520.0), 340.0, 46.0),
    standing("sidetable", sidetable, (520.0, 560.0), 380.0, 50.0),
    standing("bench", bench, (900.0, 420.0), 780.0, 45.0),
    standing("shelf", shelf, (560.0, 860.0), 540.0, 150.0),
    hung("mirror", mirror, (520.0, 620.0), 70.0),
    hung("clock", clock, (520.0, 520.0), 30.0),
    hung("pegs", pegs, (760.0, 380.0), 30.0),
    standing("basket", basket, (520.0, 480.0), 420.0, 36.0),
    standing("vase", vase, (360.0, 620.0), 230.0, 30.0),
];

fn chair(c: &mut Canvas, look: &Look) {
    let wood = look.accent;
    c.bar((-150.0, -350.0), (-176.0, -64.0), 24.0, wood.shade(0.2));
    c.bar((150.0, -350.0), (176.0, -64.0), 24.0, wood.shade(0.2));
    if look.form == 2 {
        for x in [-96.0, -48.0, 0.0, 48.0, 96.0] {
            c.bar((x, -390.0), (x * 1.2, -690.0), 13.0, wood);
        }
        c.rod(
            "M-176-370C-190-620-150-726 0-728 150-726 190-620 176-370",
            wood,
            26.0,
        );
    } else {
        c.bar((-164.0, -360.0), (-176.0, -700.0), 24.0, wood);
        c.bar((164.0, -360.0), (176.0, -700.0), 24.0, wood);
        let back = "M-196-740Q0-700 196-740q18 2 16 24l-8 96q-2 20-20 20Q0-566-184-600q-18 0-20-20l-8-96q-2-22 16-24z";
        c.surface(back, Fill::Face(look.colour), look);
        c.faint("M-196-736Q0-696 196-736", look.colour.tint(0.5), 5.0, 0.6);
    }
    let seat = "M-176-390h352q26 0 32 24l16 52q4 24-22 24h-404q-26 0-22-24l16-52q6-24 32-24z";
    c.path(
        "M-224-318h448l-4 34q-2 14-20 14h-400q-18 0-20-14z",
        Fill::Face(wood.shade(0.24)),
    );
    c.surface(seat, Fill::Face(look.colour.tint(0.08)), look);
    c.bar((-188.0, -276.0), (-214.0, -12.0), 26.0, wood);
    c.bar((188.0, -276.0), (214.0, -12.0), 26.0, wood);
}

fn armchair(c: &mut Canvas, look: &Look) {
    let cloth = look.colour;
    for x in [-230.0, 230.0] {
        c.bar((x * 0.94, -110.0), (x, -10.0), 28.0, look.accent);
    }
    let back = rect((-236.0, -630.0), (472.0, 470.0), 90.0);
    c.surface(&back, Fill::Face(cloth), look);
    c.faint("M0-610V-330", cloth.shade(0.4), 5.0, 0.3);
    c.path("M-230-330h460v160h-460z", Fill::Flat(cloth.shade(0.34)));
    c.surface(
        &rect((-220.0, -330.0), (440.0, 120.0), 46.0),
        Fill::Drop(cloth.tint(0.14)),
        look,
    );
    c.path(
        &rect((-240.0, -216.0), (480.0, 116.0), 24.0),
        Fill::Face(cloth.shade(0.1)),
    );
    for x in [-330.0, 210.0] {
        let arm = rect((x, -440.0), (120.0, 340.0), 54.0);
        c.surface(&arm, Fill::Round(cloth.tint(0.04)), look);
    }
    c.faint("M-220-210h440", cloth.shade(0.5), 5.0, 0.4);
}

fn stool(c: &mut Canvas, look: &Look) {
    let legs = look.accent;
    c.bar((-84.0, -440.0), (-104.0, -56.0), 24.0, legs.shade(0.24));
    c.bar((84.0, -440.0), (104.0, -56.0), 24.0, legs.shade(0.24));
    c.bar((-150.0, -180.0), (150.0, -180.0), 16.0, legs.shade(0.1));
    c.bar((-140.0, -440.0), (-176.0, -10.0), 28.0, legs);
    c.bar((140.0, -440.0), (176.0, -10.0), 28.0, legs);
    let soft = look.form == 2;
    let edge = if soft { 74.0 } else { 40.0 };
    let seat = [
        (196.0, -484.0),
        (206.0, -476.0),
        (206.0, edge - 494.0),
        (196.0, edge - 484.0),
    ];
    c.turn(&seat, Fill::Round(look.colour), look);
    let top = oval((0.0, -484.0), (198.0, 40.0));
    c.surface(&top, Fill::Face(look.colour.tint(0.16)), look);
    if !soft {
        c.pattern(&top, Pattern::Grain, look.colour.shade(0.3));
    }
}

fn sidetable(c: &mut Canvas, look: &Look) {
    let wood = look.colour;
    if look.form == 2 {
        c.plain_turn(
            &[(130.0, -26.0), (150.0, -18.0), (152.0, -2.0)],
            Fill::Round(look.accent),
        );
        c.plain_turn(
            &[(24.0, -500.0), (20.0, -200.0), (40.0, -24.0)],
            Fill::Round(look.accent),
        );
    } else {
        c.bar(
            (-60.0, -500.0),
            (-90.0, -60.0),
            22.0,
            look.accent.shade(0.25),
        );
        c.bar((-170.0, -500.0), (-206.0, -8.0), 26.0, look.accent);
        c.bar((170.0, -500.0), (206.0, -8.0), 26.0, look.accent);
    }
    let top = [
        (254.0, -536.0),
        (260.0, -530.0),
        (260.0, -508.0),
        (250.0, -500.0),
    ];
    c.plain_turn(&top, Fill::Round(wood.shade(0.08)));
    let face = oval((0.0, -536.0), (256.0, 51.0));
    c.surface(&face, Fill::Face(wood.tint(0.12)), look);
    c.pattern(&face, Pattern::Grain, wood.shade(0.3));
}

fn bench(c: &mut Canvas, look: &Look) {
    let wood = look.colour;
    for x in [-360.0, 360.0] {
        c.bar((x * 0.86, -330.0), (x * 0.9, -60.0), 26.0, wood.shade(0.3));
        c.bar(
            (x * 0.97, -330.0),
            (x * 1.04, -10.0),
            32.0,
            wood.shade(0.06),
        );
    }
    c.bar((-350.0, -160.0), (350.0, -160.0), 18.0, wood.shade(0.16));
    let top = "M-380-410h760l56 60h-872z";
    c.path(top, Fill::Face(wood.tint(0.14)));
    c.pattern(top, Pattern::Grain, wood.shade(0.3));
    c.path("M-436-350h872v38h-872z", Fill::Drop(wood));
    if look.form == 2 {
        let pad = "M-372-440h744q30 0 46 24l30 44q4 22-22 22h-852q-26 0-22-22l30-44q16-24 46-24z";
        c.surface(
            pad,
            Fill::Drop(look.accent),
            &Look {
                colour: look.accent,
                ..*look
            },
        );
        for x in [-210.0, 0.0, 210.0] {
            c.circle((x, -398.0), 8.0, Fill::Flat(look.accent.shade(0.4)));
        }
    }
}

fn shelf(c: &mut Canvas, look: &Look) {
    let wood = look.colour;
    for x in [-226.0, 226.0] {
        c.bar((x, -850.0), (x, -40.0), 16.0, look.accent.shade(0.25));
    }
    let boards = [-820.0, -590.0, -360.0, -130.0];
    for (index, y) in boards.into_iter().enumerate() {
        let top = format!("M-250 {0}h500l24 26h-548z", y - 26.0);
        c.path(&top, Fill::Face(wood.tint(0.16)));
        c.path(&format!("M-274 {y}h548v24h-548z"), Fill::Drop(wood));
        c.faint(
            &format!("M-270 {}h540", y + 30.0),
            wood.shade(0.6),
            10.0,
            0.12,
        );
        shelved(c, index, y - 8.0);
    }
    for x in [-262.0, 262.0] {
        c.bar((x, -850.0), (x, -8.0), 20.0, look.accent);
    }
}

/// Objects on a board: books, a plant, a bowl.
fn shelved(c: &mut Canvas, board: usize, y: f64) {
    let (moss, clay, mist) = (
        Colour::new(0x6b_77_52),
        Colour::new(0xb9_71_4f),
        Colour::new(0xb8_c5_ca),
    );
    let book = |c: &mut Canvas, x: f64, w: f64, h: f64, colour| {
        c.path(&rect((x, y - h), (w, h), 4.0), Fill::Round(colour));
    };
    match board {
        1 => {
            book(c, -190.0, 30.0, 150.0, clay);
            book(c, -158.0, 40.0, 136.0, CHALK);
            book(c, -116.0, 26.0, 160.0, moss);
            c.placed((120.0, y), 0.3, 0.0, |c| vase(c, &Look::plain(mist)));
        }
        2 => c.placed((20.0, y), 0.34, 0.0, |c| {
            basket(c, &Look::plain(Colour::new(0xc2_9a_62)));
        }),
        3 => {
            book(c, 60.0, 34.0, 150.0, mist);
            book(c, 96.0, 28.0, 132.0, Colour::new(0xcf_9f_3f));
            book(c, 126.0, 42.0, 156.0, Colour::new(0x5a_75_90));
        }
        _ => {}
    }
}

fn mirror(c: &mut Canvas, look: &Look) {
    let (frame, glass) = match look.form {
        2 => (
            rect((-210.0, -310.0), (420.0, 620.0), 210.0),
            rect((-186.0, -286.0), (372.0, 572.0), 186.0),
        ),
        3 => (
            rect((-230.0, -300.0), (460.0, 600.0), 36.0),
            rect((-206.0, -276.0), (412.0, 552.0), 18.0),
        ),
        _ => (
            oval((0.0, 0.0), (270.0, 270.0)),
            oval((0.0, 0.0), (244.0, 244.0)),
        ),
    };
    c.cast(&frame);
    c.path(&frame, Fill::Face(look.colour));
    c.path(&glass, Fill::Face(Colour::new(0xc9_d6_da)));
    c.path(
        "M-130 180L120-200h70L-60 190z",
        Fill::Veil(CHALK.tint(0.8), 0.34),
    );
    c.path(
        "M-20 190L186-130v60L26 186z",
        Fill::Veil(CHALK.tint(0.8), 0.26),
    );
    c.faint(&glass, look.colour.shade(0.5), 5.0, 0.5);
}

fn clock(c: &mut Canvas, look: &Look) {
    let rim = oval((0.0, 0.0), (260.0, 260.0));
    c.cast(&rim);
    c.path(&rim, Fill::Face(look.accent));
    c.path(&oval((0.0, 0.0), (236.0, 236.0)), Fill::Face(look.colour));
    if look.form == 2 {
        c.pattern(
            &oval((0.0, 0.0), (236.0, 236.0)),
            Pattern::Grain,
            look.colour.shade(0.3),
        );
    }
    let ink = if look.colour.lightness() > 0.5 {
        IRON
    } else {
        CHALK
    };
    for hour in 0..12 {
        let long = if hour % 3 == 0 {
            "M0-216V-180"
        } else {
            "M0-214V-198"
        };
        c.placed((0.0, 0.0), 1.0, f64::from(hour) * 30.0, |c| {
            c.line(long, ink, 8.0);
        });
    }
    c.line("M0 20L-94-84", ink, 13.0);
    c.line("M-4 26L70-164", ink, 9.0);
    c.circle((0.0, 0.0), 14.0, Fill::Ball(BRASS));
}

fn pegs(c: &mut Canvas, look: &Look) {
    let rail = rect((-380.0, -150.0), (760.0, 84.0), 14.0);
    c.cast(&rail);
    c.path(&rail, Fill::Drop(look.colour));
    c.pattern(&rail, Pattern::Grain, look.colour.shade(0.3));
    for x in [-290.0, -97.0, 97.0, 290.0] {
        c.cast(&oval((x, -104.0), (28.0, 28.0)));
        c.circle((x, -104.0), 30.0, Fill::Ball(look.accent));
    }
    if look.form == 2 {
        let strap = "M262-100q10 60-40 160h136q-46-90-40-160";
        c.faint(strap, Colour::new(0x9c_66_40), 12.0, 1.0);
        c.path(
            "M196 56h184l24 150q2 24-24 24h-184q-26 0-24-24z",
            Fill::Face(Colour::new(0x6b_77_52)),
        );
    }
}

fn basket(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    for x in [-1.0, 1.0] {
        let d = format!("M{} -390q{} -110 {} -10", x * 170.0, x * 80.0, x * 70.0);
        c.rod(
            &d,
            if look.form == 2 {
                look.accent
            } else {
                colour.shade(0.1)
            },
            20.0,
        );
    }
    c.mouth(-390.0, 236.0, 12.0, colour);
    let outline = "M-236-390A236 47 0 0 0 236-390C236-250 224-110 186-20A180 34 0 0 1-186-20C-224-110-236-250-236-390z";
    c.path(outline, Fill::Round(colour));
    c.pattern(outline, Pattern::Weave, colour.shade(0.42));
    if look.pattern != Pattern::Plain {
        c.pattern(outline, look.pattern, look.mark);
    }
    c.line("M-236-390A236 47 0 0 0 236-390", colour.tint(0.2), 18.0);
    c.stitch("M-230-388A236 47 0 0 0 230-388", colour.shade(0.4));
}

fn vase(c: &mut Canvas, look: &Look) {
    let colour = look.colour;
    let profile: &[(f64, f64)] = match look.form {
        2 => &[
            (70.0, -380.0),
            (50.0, -330.0),
            (150.0, -200.0),
            (150.0, -110.0),
            (90.0, -4.0),
        ],
        3 => &[
            (56.0, -400.0),
            (44.0, -330.0),
            (60.0, -260.0),
            (128.0, -120.0),
            (106.0, -4.0),
        ],
        4 => &[
            (120.0, -330.0),
            (112.0, -240.0),
            (120.0, -120.0),
            (100.0, -8.0),
            (96.0, -4.0),
        ],
        _ => &[
            (84.0, -360.0),
            (64.0, -300.0),
            (120.0, -200.0),
            (130.0, -100.0),
            (84.0, -4.0),
        ],
    };
    let top = profile[0];
    sprigs(c, top.1, look.form);
    c.turn(profile, Fill::Round(colour), look);
    c.mouth(top.1, top.0, 8.0, colour);
    c.faint(
        &format!(
            "M-20 {}L-14 {}M18 {}L12 {}",
            top.1 + 6.0,
            top.1 - 30.0,
            top.1 + 6.0,
            top.1 - 30.0
        ),
        LEAF,
        7.0,
        1.0,
    );
}

/// A few stems: eucalyptus, or dried heads on the second and fourth form.
fn sprigs(c: &mut Canvas, y: f64, form: u8) {
    let dried = form == 2 || form == 4;
    for (x, top, lean) in [
        (-16.0, -190.0, -90.0),
        (4.0, -240.0, 10.0),
        (20.0, -170.0, 100.0),
    ] {
        let stem = format!("M{x} {y}q{} {} {lean} {top}", lean * 0.2, top * 0.6);
        let green = if dried { OAK.shade(0.2) } else { LEAF };
        c.faint(&stem, green.shade(0.2), 6.0, 1.0);
        if dried {
            c.ellipse(
                (x + lean, y + top - 20.0),
                (20.0, 44.0),
                Fill::Ball(OAK.mix(CHALK, 0.3)),
            );
        } else {
            for step in 1..=4 {
                let t = f64::from(step) / 4.0;
                let (lx, ly) = (x + lean * t * t, y + top * t);
                let turn = if step % 2 == 0 { 40.0 } else { -40.0 };
                c.placed((lx, ly), 1.0, turn + lean * 0.3, |c| {
                    c.ellipse((0.0, -26.0), (17.0, 30.0), Fill::Face(green.tint(0.1 * t)));
                });
            }
        }
    }
}
