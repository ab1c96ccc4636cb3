//! Line charts as SVG, readable on light and dark backgrounds.

use std::fmt::Write;

const WIDTH: f64 = 728.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 40.0;
const STEPS: u32 = 4;

/// Draws values over seconds; the vertical axis begins at 0, and both axes have round labels.
pub fn draw(title: &str, unit: &str, points: &[(f64, f64)]) -> String {
    let last = points.iter().fold(1.0, |most: f64, it| most.max(it.0));
    let most = round_up(points.iter().fold(0.0, |most: f64, it| most.max(it.1)));
    let x = |at: f64| LEFT + at / last * (WIDTH - LEFT - RIGHT);
    let y = |at: f64| HEIGHT - BOTTOM - at / most * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>{title}</title>\n<style>\n\
         text {{ font: 12px sans-serif; fill: #444 }}\n\
         .grid {{ stroke: #8884 }}\n\
         .line {{ fill: none; stroke: #1668b8; stroke-width: 2 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .line {{ stroke: #6cb4f5 }} }}\n\
         </style>\n<text x=\"{LEFT}\" y=\"18\">{title} ({unit})</text>\n"
    );
    for step in 0..=STEPS {
        let part = f64::from(step) / f64::from(STEPS);
        let (value, at) = (most * part, y(most * part));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            short(value)
        );
    }
    let (unit_s, unit) = if last < 120.0 {
        (1.0, "s")
    } else {
        (60.0, "min")
    };
    let step_s = round_up(last / unit_s / f64::from(STEPS)) * unit_s;
    let mut at_s = 0.0;
    while at_s <= last {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{} {unit}</text>",
            x(at_s),
            HEIGHT - BOTTOM + 20.0,
            short(at_s / unit_s)
        );
        at_s += step_s;
    }
    let line: Vec<_> = points
        .iter()
        .map(|it| format!("{:.1},{:.1}", x(it.0), y(it.1)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline class=\"line\" points=\"{}\"/>",
        line.join(" ")
    );
    svg.push_str("</svg>\n");
    svg
}

/// Rounds up to 1, 2, 4, 6 or 8 times a power of ten.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    let fits = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .find(|it| it * power >= most);
    fits.unwrap_or(10.0) * power
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_inside_and_the_axes_have_units() {
        let svg = draw("RSS", "MB", &[(0.0, 50.0), (10.0, 75.0), (20.0, 73.0)]);
        let line = svg.split("points=\"").nth(1).unwrap_or_default();
        let line = line.split('"').next().unwrap_or_default();
        let points: Vec<(f64, f64)> = line
            .split(' ')
            .filter_map(|it| it.split_once(','))
            .filter_map(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)))
            .collect();
        assert_eq!(points.len(), 3);
        for (x, y) in points {
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{y}");
        }
        assert!(svg.contains("RSS (MB)") && svg.contains(">18 s<") && svg.contains(">80<"));
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn the_time_axis_has_round_labels() {
        let svg = draw("RSS", "MB", &[(20.0, 50.0), (3_618.0, 75.0)]);
        let marks: Vec<_> = svg
            .lines()
            .filter_map(|it| it.strip_suffix(" min</text>")?.rsplit('>').next())
            .collect();
        assert_eq!(marks, ["0", "20", "40", "60"]);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end) in [
            (0.0, 1.0),
            (0.07, 0.08),
            (1.0, 1.0),
            (75.0, 80.0),
            (81.0, 100.0),
        ] {
            assert!(
                (round_up(most) - end).abs() < 1e-9,
                "{most}: {}",
                round_up(most)
            );
        }
    }
}
