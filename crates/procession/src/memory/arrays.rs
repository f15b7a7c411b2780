//! Shared memory as arrays of several dimensions, with the feature `ndarray`.
//!
//! In: frozen or shared values, and a shape. Out: an array, the last index the fastest. What always
//! holds: only frozen memory is borrowed; memory that others may write is copied out and back, one
//! row of it at a time where one likes, since an array over it would be a `&[T]` that changes.

use super::frozen::Frozen;
use super::slice::SharedSlice;
use bytemuck::{AnyBitPattern, NoUninit, Pod};
use ndarray::{
    Array, ArrayView, ArrayViewMut, Dimension, ErrorKind, IntoDimension, RemoveAxis, ShapeError,
    StrideShape,
};
use std::io;
use std::ops::Range;

impl<T: AnyBitPattern> Frozen<T> {
    /// The values as an array of this shape (feature `ndarray`). Nothing is copied, in no process.
    ///
    /// ```
    /// use ndarray::Axis;
    /// use procession::{Process, memory::Frozen};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let table = Frozen::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// let sums = |table: Frozen<f64>| {
    ///     let rows = table.view((2, 3)).expect("six values");
    ///     rows.sum_axis(Axis(1)).to_vec()
    /// };
    /// assert_eq!(Process::new(sums, (table,)).start()?.join()?, [6.0, 15.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A shape of more values than there are.
    pub fn view<D: Dimension>(
        &self,
        shape: impl Into<StrideShape<D>>,
    ) -> Result<ArrayView<'_, T, D>, ShapeError> {
        ArrayView::from_shape(shape, self)
    }
}

impl<T: NoUninit> Frozen<T> {
    /// Copies an array into memory that is final at once (feature `ndarray`).
    ///
    /// # Errors
    /// As [`Frozen::of`].
    pub fn of_array<D: Dimension>(array: &ArrayView<'_, T, D>) -> io::Result<Self> {
        Self::of(array.as_standard_layout().as_slice().unwrap_or_default())
    }
}

impl<T: Pod> SharedSlice<T> {
    /// Copies an array into shared memory (feature `ndarray`).
    ///
    /// # Errors
    /// As [`SharedSlice::of`].
    pub fn of_array<D: Dimension>(array: &ArrayView<'_, T, D>) -> io::Result<Self> {
        Self::of(array.as_standard_layout().as_slice().unwrap_or_default())
    }

    /// A copy of the first values as an array of this shape (feature `ndarray`).
    ///
    /// Freeze the memory, where nobody writes it any more, and no copy is needed:
    /// [`Frozen::view`].
    ///
    /// # Errors
    /// A shape of more values than there are.
    pub fn to_array<D: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Array<T, D>, ShapeError> {
        let shape = shape.into_dimension();
        let count = shape.size_checked().filter(|&count| count <= self.len());
        let count = count.ok_or_else(|| ShapeError::from_kind(ErrorKind::OutOfBounds))?;
        let mut values = vec![T::zeroed(); count];
        self.read(0, &mut values);
        Array::from_shape_vec(shape, values)
    }

    /// Copies an array over some rows of the memory, seen as an array of `shape` (feature
    /// `ndarray`): the block of rows that begins at row `first`.
    ///
    /// A row is what the first index selects. Other processes may see a part of the new values while
    /// they are written.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use procession::SharedSlice;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let matrix = SharedSlice::of_array(&Array2::<i64>::zeros((3, 2)).view())?;
    /// matrix.write_rows((3, 2), 1, &array![[1, 2], [3, 4]].view())?;
    /// assert_eq!(matrix.to_array((3, 2))?, array![[0, 0], [1, 2], [3, 4]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A shape of more values than there are; a block whose rows have another shape, or that goes
    /// beyond the last row. Nothing is written then.
    pub fn write_rows<D: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = D>,
        first: usize,
        block: &ArrayView<'_, T, D>,
    ) -> Result<(), ShapeError> {
        let shape = shape.into_dimension();
        let (whole, part) = (shape.slice(), block.shape());
        let fits = match (whole, part) {
            ([rows, row @ ..], [more, other @ ..]) => {
                row == other && first.checked_add(*more).is_some_and(|end| end <= *rows)
            }
            _ => false,
        };
        if !fits {
            return Err(ShapeError::from_kind(ErrorKind::IncompatibleShape));
        }
        if shape.size_checked().is_none_or(|count| count > self.len()) {
            return Err(ShapeError::from_kind(ErrorKind::OutOfBounds));
        }
        let row: usize = whole[1..].iter().product();
        let block = block.as_standard_layout();
        self.write(first * row, block.as_slice().unwrap_or_default());
        Ok(())
    }

    /// Calls `work` with a copy of each of some rows, and its index, and copies it back (feature
    /// `ndarray`): how processes share the work on one array, each with rows of its own.
    ///
    /// A row is what the first index selects: of a matrix a line, of a stack of images an image.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use procession::{Process, SharedSlice};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let matrix = SharedSlice::of_array(&Array2::<i64>::ones((4, 3)).view())?;
    /// let scale = |matrix: SharedSlice<i64>, from: usize, to: usize| {
    ///     matrix.for_each_row((4, 3), from..to, |index, mut row| row *= index as i64);
    /// };
    /// let upper = Process::new(scale, (matrix.clone(), 0, 2)).start()?;
    /// let lower = Process::new(scale, (matrix.clone(), 2, 4)).start()?;
    /// upper.join()?;
    /// lower.join()?;
    /// assert_eq!(matrix.to_array((4, 3))?, array![[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// For rows beyond the shape, or a shape beyond the memory.
    pub fn for_each_row<D: RemoveAxis>(
        &self,
        shape: impl IntoDimension<Dim = D>,
        rows: Range<usize>,
        mut work: impl FnMut(usize, ArrayViewMut<'_, T, D::Smaller>),
    ) {
        let shape = shape.into_dimension();
        let (all, row) = (shape.slice()[0], shape.remove_axis(ndarray::Axis(0)));
        assert!(rows.end <= all, "rows up to {}, of {all}", rows.end);
        let mut values = vec![T::zeroed(); row.size()];
        for index in rows {
            self.read(index * values.len(), &mut values);
            let view = ArrayViewMut::from_shape(row.clone(), &mut values);
            work(index, view.expect("as many values as a row has"));
            self.write(index * values.len(), &values);
        }
    }
}
