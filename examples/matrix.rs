//! A product of two matrices, of which each of several processes computes some rows.
//!
//! `cargo run --release --features ndarray --example matrix -- [SIZE]`
//!
//! The factors are frozen, so every process reads them where they are; the product is shared, and
//! each process writes its own rows of it.

#![expect(clippy::needless_pass_by_value, reason = "a process owns its arguments")]
#![expect(clippy::cast_precision_loss, reason = "small numbers")]
#![expect(clippy::float_cmp, reason = "whole numbers, which have no rounding")]

use ndarray::{Array2, ArrayView2};
use procession::memory::Frozen;
use procession::{Process, SharedSlice, StartError};
use std::error::Error;
use std::ops::Range;

const PROCESSES: usize = 4;

fn square(values: &Frozen<f64>, size: usize) -> ArrayView2<'_, f64> {
    values.view((size, size)).expect("as many values as a square has")
}

/// Computes some rows of the product.
fn multiply(left: Frozen<f64>, right: Frozen<f64>, product: SharedSlice<f64>, rows: Range<usize>) {
    let size = left.len().isqrt();
    let (left, right) = (square(&left, size), square(&right, size));
    product.for_each_row((size, size), rows, |at, mut row| row.assign(&left.row(at).dot(&right)));
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let size = std::env::args().nth(1).map_or(Ok(200), |size| size.parse())?;
    let left = Array2::from_shape_fn((size, size), |(row, column)| (row + column) as f64);
    let right = Array2::from_shape_fn((size, size), |(row, column)| row as f64 - column as f64);
    let factors = (Frozen::of_array(&left.view())?, Frozen::of_array(&right.view())?);
    let product = SharedSlice::<f64>::new(size * size)?;
    let children = (0..PROCESSES)
        .map(|n| {
            let rows = n * size / PROCESSES..(n + 1) * size / PROCESSES;
            let factors = factors.clone();
            Process::new(multiply, (factors.0, factors.1, product.clone(), rows)).start()
        })
        .collect::<Result<Vec<_>, StartError>>()?;
    for child in children {
        child.join()?;
    }
    let product = product.to_array((size, size))?;
    let differing = product.iter().zip(&left.dot(&right)).filter(|(ours, one)| ours != one).count();
    println!("{PROCESSES} processes multiplied {size}x{size}: sum {}", product.sum());
    println!("{differing} values differ from those of one process");
    Ok(())
}
