//! The colours of the pictures. They are few and muted, so that any two go together.

/// A colour without transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(u32);

/// The colour that shadows are mixed with: a warm near-black, because pure black looks dirty on
/// warm colours.
const DARK: Colour = Colour(0x2a_20_24);
/// The colour that lights are mixed with: paper rather than white.
const LIGHT: Colour = Colour(0xff_fb_f3);

impl Colour {
    /// The colour `0xrrggbb`.
    pub(super) const fn new(rgb: u32) -> Self {
        Self(rgb)
    }

    /// This colour with `share` (0 to 1) of shadow.
    pub(super) fn shade(self, share: f64) -> Self {
        self.mix(DARK, share)
    }

    /// This colour with `share` (0 to 1) of light.
    pub(super) fn tint(self, share: f64) -> Self {
        self.mix(LIGHT, share)
    }

    /// This colour with `share` (0 to 1) of another.
    pub(super) fn mix(self, other: Self, share: f64) -> Self {
        let channel = |shift: u32| {
            let (from, to) = ((self.0 >> shift) & 0xff, (other.0 >> shift) & 0xff);
            let mixed = f64::from(from) + (f64::from(to) - f64::from(from)) * share;
            (mixed.round() as u32).min(0xff) << shift
        };
        Self(channel(16) | channel(8) | channel(0))
    }

    /// How light it is, from 0 to 1 (the weights of Rec. 601, near enough for a choice of
    /// contrast).
    pub(super) fn lightness(self) -> f64 {
        let channel = |shift: u32| f64::from((self.0 >> shift) & 0xff) / 255.0;
        0.299 * channel(16) + 0.587 * channel(8) + 0.114 * channel(0)
    }
}

/// As SVG writes it: `#rrggbb`.
impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:06x}", self.0)
    }
}

/// Unbleached white: paper, candle wax, piping.
pub(super) const CHALK: Colour = Colour(0xf1_ec_e2);
/// Pale wood.
pub(super) const OAK: Colour = Colour(0xcf_a8_77);
/// Dark wood.
pub(super) const WALNUT: Colour = Colour(0x7a_54_3a);
/// Polished grey metal.
pub(super) const STEEL: Colour = Colour(0xb4_ba_be);
/// Polished yellow metal.
pub(super) const BRASS: Colour = Colour(0xc7_9c_4f);
/// Blackened metal.
pub(super) const IRON: Colour = Colour(0x3d_3d_40);
/// Tanned hide.
pub(super) const LEATHER: Colour = Colour(0x9c_66_40);
/// Leaves.
pub(super) const LEAF: Colour = Colour(0x5f_7a_52);
/// The light of a lamp.
pub(super) const GLOW: Colour = Colour(0xff_e2_a8);

/// The colours of objects by name; the names are also the codes of the colour option.
const COLOURS: &[(&str, Colour)] = &[
    ("amber", Colour(0xb5_71_2c)),
    ("apricot", Colour(0xe2_a8_78)),
    ("ash", Colour(0x8f_8b_85)),
    ("bamboo", Colour(0xd8_bd_84)),
    ("beech", Colour(0xdc_bd_92)),
    ("black", Colour(0x34_32_35)),
    ("blush", Colour(0xdc_b3_a3)),
    ("brass", BRASS),
    ("brick", Colour(0x94_4a_3b)),
    ("butter", Colour(0xea_d4_94)),
    ("chalk", CHALK),
    ("clay", Colour(0xb9_71_4f)),
    ("copper", Colour(0xc0_7d_55)),
    ("cork", Colour(0xc7_9f_70)),
    ("denim", Colour(0x5a_75_90)),
    ("fern", Colour(0x7d_99_69)),
    ("forest", Colour(0x3f_57_45)),
    ("glass", Colour(0xd2_e2_e0)),
    ("graphite", Colour(0x4a_4c_51)),
    ("honey", Colour(0xd8_a8_59)),
    ("ink", Colour(0x2f_3a_4a)),
    ("iron", IRON),
    ("lavender", Colour(0xa9_a0_bf)),
    ("leather", LEATHER),
    ("linen", Colour(0xe2_d7_c4)),
    ("mallard", Colour(0x1f_5f_5b)),
    ("mist", Colour(0xb8_c5_ca)),
    ("moss", Colour(0x6b_77_52)),
    ("mustard", Colour(0xcf_9f_3f)),
    ("navy", Colour(0x2f_41_60)),
    ("oak", OAK),
    ("oat", Colour(0xdc_cf_b8)),
    ("ochre", Colour(0xb9_87_33)),
    ("olive", Colour(0x8a_84_54)),
    ("plum", Colour(0x6d_43_53)),
    ("rose", Colour(0xc9_8d_88)),
    ("rust", Colour(0xa3_51_2f)),
    ("sage", Colour(0xa3_ae_94)),
    ("sand", Colour(0xcf_ba_98)),
    ("sky", Colour(0x9d_b8_c9)),
    ("slate", Colour(0x5f_68_73)),
    ("steel", STEEL),
    ("stone", Colour(0xb9_b2_a6)),
    ("teal", Colour(0x3b_75_78)),
    ("terracotta", Colour(0xc4_78_5a)),
    ("walnut", WALNUT),
    ("wicker", Colour(0xc2_9a_62)),
    ("wine", Colour(0x75_36_42)),
];

/// The colours of backdrops by name.
const TONES: &[(&str, Colour)] = &[
    ("blush", Colour(0xee_da_cf)),
    ("butter", Colour(0xf1_e4_c3)),
    ("clay", Colour(0xdf_c3_b0)),
    ("dusk", Colour(0xc6_cd_d4)),
    ("fog", Colour(0xe2_e1_dd)),
    ("lilac", Colour(0xdd_d8_e3)),
    ("mist", Colour(0xdb_e4_e4)),
    ("moss", Colour(0xba_c1_a9)),
    ("night", Colour(0x3b_46_4a)),
    ("oat", Colour(0xec_e4_d6)),
    ("sage", Colour(0xd6_dd_cd)),
    ("sand", Colour(0xe6_da_c7)),
    ("teal", Colour(0xa9_c0_bd)),
];

/// The object colour with this name.
pub(super) fn colour(wanted: &str) -> Option<Colour> {
    find(COLOURS, wanted)
}

/// The backdrop colour with this name.
pub(super) fn tone(wanted: &str) -> Option<Colour> {
    find(TONES, wanted)
}

fn find(colours: &[(&str, Colour)], wanted: &str) -> Option<Colour> {
    colours
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, colour)| *colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for colours in [COLOURS, TONES] {
            assert!(colours.is_sorted_by(|(one, _), (next, _)| one < next));
        }
    }

    #[test]
    fn shade_and_tint_move_towards_dark_and_light() {
        let clay = Colour::new(0xb9_71_4f);
        assert!(clay.shade(0.3).lightness() < clay.lightness());
        assert!(clay.tint(0.3).lightness() > clay.lightness());
        assert_eq!(clay.mix(CHALK, 1.0), CHALK);
        assert_eq!(clay.mix(CHALK, 0.0), clay);
    }
}
