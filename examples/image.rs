//! An image that several processes draw in place, each its own rows, and one then reads as a slice.
//!
//! `cargo run --release --example image -- [FILE.pgm]`

#![expect(clippy::needless_pass_by_value, reason = "a process owns its arguments")]
#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use procession::memory::Frozen;
use procession::{Process, SharedSlice, StartError};
use std::error::Error;
use std::io::Write;
use std::ops::Range;

const WIDTH: usize = 512;
const HEIGHT: usize = 512;
const PROCESSES: usize = 4;

/// How long a point of the plane takes to leave the Mandelbrot set, in 0 to 255 steps.
fn shade(x: usize, y: usize) -> u8 {
    let place = |at: usize, size: usize| at as f64 / size as f64;
    let (re, im) = (place(x, WIDTH) * 3.0 - 2.25, place(y, HEIGHT) * 3.0 - 1.5);
    let (mut a, mut b) = (0.0, 0.0);
    for step in 0..255 {
        if a * a + b * b > 4.0 {
            return step;
        }
        (a, b) = (a * a - b * b + re, 2.0 * a * b + im);
    }
    255
}

/// Draws some rows into the image that everybody has.
fn draw(image: SharedSlice<u8>, rows: Range<usize>) {
    image.for_each_chunk(rows.start * WIDTH..rows.end * WIDTH, |start, pixels| {
        for (place, pixel) in (start..).zip(pixels) {
            *pixel = shade(place % WIDTH, place / WIDTH);
        }
    });
}

/// A child reads all of the finished image without copying a byte.
fn brightness(image: Frozen<u8>) -> f64 {
    image.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / image.len() as f64
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let image = SharedSlice::<u8>::new(WIDTH * HEIGHT)?;
    let rows = HEIGHT / PROCESSES;
    let children = (0..PROCESSES)
        .map(|n| Process::new(draw, (image.clone(), n * rows..(n + 1) * rows)).start())
        .collect::<Result<Vec<_>, StartError>>()?;
    for child in children {
        child.join()?;
    }
    let image = image.freeze()?;
    let average = Process::new(brightness, (image.clone(),)).start()?.join()?;
    let differing = (0..WIDTH * HEIGHT).filter(|&at| image[at] != shade(at % WIDTH, at / WIDTH));
    println!("{PROCESSES} processes drew {WIDTH}x{HEIGHT}: brightness {average:.2}");
    println!("{} pixels differ from those drawn by one", differing.count());
    if let Some(path) = std::env::args_os().nth(1) {
        let mut file = std::fs::File::create(path)?;
        writeln!(file, "P5 {WIDTH} {HEIGHT} 255")?;
        file.write_all(&image)?;
    }
    Ok(())
}
