//! The tables as one picture.
//!
//! In: what was measured with each size of the parent. Out: an SVG file. What always holds: it is
//! drawn from the numbers of the last run with each size, and from nothing else.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The sizes in GiB, with the colour of each.
const SIZES: [(usize, &str); 3] = [(0, "#1b9e77"), (1, "#7570b3"), (8, "#d95f02")];

/// Left of it the names, in units of the picture, right of it the numbers.
const LEFT: f64 = 400.0;
const RIGHT: f64 = 880.0;
const ROW: f64 = 24.0;
const TOP: f64 = 56.0;

/// Keeps what was measured with a parent of this size, and draws all that is kept.
pub(crate) fn keep_and_draw(gibibytes: usize, rows: &[(&str, Duration)]) -> io::Result<()> {
    let lines: Vec<String> =
        rows.iter().map(|(name, best)| format!("{}\t{name}\n", best.as_nanos())).collect();
    std::fs::write(kept(gibibytes), lines.concat())?;
    let all: Vec<(&str, Vec<(f64, String)>)> =
        SIZES.iter().map(|&(size, colour)| (colour, read(size))).collect();
    std::fs::write(root().join("docs/start.svg"), draw(&all))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn kept(gibibytes: usize) -> PathBuf {
    root().join(format!("target/bench-start-{gibibytes}.txt"))
}

/// Microseconds and names; nothing of a size that has not been measured.
fn read(gibibytes: usize) -> Vec<(f64, String)> {
    let text = std::fs::read_to_string(kept(gibibytes)).unwrap_or_default();
    let row = |line: &str| {
        let (nanos, name) = line.split_once('\t')?;
        Some((nanos.parse::<f64>().ok()? / 1e3, name.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Where a time stands, on a scale of powers of ten from 10 µs to 1 s.
fn place(micros: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * (micros.clamp(10.0, 1e6).log10() - 1.0) / 5.0
}

fn draw(all: &[(&str, Vec<(f64, String)>)]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (_, name) in all.iter().flat_map(|(_, rows)| rows) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let bottom = names.iter().fold(TOP, |bottom, _| bottom + ROW);
    let mut svg = String::new();
    let mut put = |line: String| svg.write_str(&line).expect("a string has room");
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        bottom + 20.0
    ));
    for (exponent, label) in (1..).zip(["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]) {
        let at = place(10_f64.powi(exponent));
        put(format!(
            "<path d=\"M{at:.1} {TOP} V{bottom}\" stroke=\"#dddddd\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
            TOP - 8.0
        ));
    }
    for ((size, colour), at) in SIZES.iter().zip([LEFT, LEFT + 150.0, LEFT + 300.0]) {
        let words = match size {
            0 => "small parent".to_owned(),
            size => format!("{size} GiB resident"),
        };
        put(format!(
            "<circle cx=\"{at}\" cy=\"16\" r=\"5\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"20\">{words}</text>\n",
            at + 10.0
        ));
    }
    let mut y = TOP + ROW / 2.0;
    for name in names {
        let words = name.replace('&', "&amp;").replace('<', "&lt;");
        put(format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>",
            LEFT - 14.0,
            y + 4.0
        ));
        for (colour, rows) in all {
            for (micros, _) in rows.iter().filter(|(_, one)| one == name) {
                put(format!(
                    "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\" fill-opacity=\"0.8\"/>",
                    place(*micros)
                ));
            }
        }
        put("\n".to_owned());
        y += ROW;
    }
    put("</svg>\n".to_owned());
    svg
}
