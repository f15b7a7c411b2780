//! Shared memory within one process: every shape, and every misuse.

use super::*;
use crate::parcel;
use std::io;

/// As a message would: the same memory under another handle.
fn again<T: crate::Value>(value: &T) -> T {
    let parcel = parcel::encode(Vec::new(), value).expect("a parcel");
    assert!(parcel.bytes.len() < 16, "a handle is small, whatever it is of");
    parcel::decode(parcel, 0).expect("the same memory")
}

#[test]
fn another_handle_shows_the_same_memory() {
    let here = SharedMemory::new(100).expect("memory");
    let there = again(&here);
    there.write(90, b"0123456789");
    let mut end = [0; 10];
    here.read(90, &mut end);
    assert_eq!((&end, there.len()), (b"0123456789", 100));
    drop(here);
    assert_eq!(there.to_vec()[90..], end);
}

#[test]
fn memory_of_no_size_is_refused() {
    for error in [
        SharedMemory::new(0).map(drop).expect_err("no bytes"),
        SharedSlice::<u64>::new(0).map(drop).expect_err("no values"),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    SharedSlice::<u64>::new(usize::MAX / 2).expect_err("more than can be addressed");
}

#[test]
#[should_panic(expected = "range within the shared memory")]
fn writing_beyond_the_end_panics() {
    SharedMemory::new(10).expect("memory").write(5, &[0; 6]);
}

#[test]
fn values_of_every_size_are_got_and_set_in_place() {
    fn check<T: bytemuck::Pod + PartialEq + std::fmt::Debug>(values: &[T]) {
        let slice = SharedSlice::<T>::new(values.len()).expect("memory");
        assert!(slice.iter().all(|value| bytemuck::bytes_of(&value).iter().all(|&b| b == 0)));
        for (index, &value) in values.iter().enumerate() {
            slice.set(index, value);
        }
        let there = again(&slice);
        assert_eq!(there.to_vec(), values);
        assert!((0..there.len()).map(|index| there.get(index)).eq(values.iter().copied()));
    }
    check(&[1_u8, 255, 3]);
    check(&[-1_i16, 2, 3]);
    check(&[1.5_f32, -2.5]);
    check(&[f64::MIN, f64::MAX, 0.1]);
    check(&[[1_u8, 2, 3], [4, 5, 6]]);
    check(&[[1_u64, 2, 3]; 5]);
    check(&[u128::MAX, 7]);
}

#[test]
fn chunks_cover_a_range_once_and_nothing_else() {
    let slice = SharedSlice::<u32>::new(10_000).expect("memory");
    let mut starts = Vec::new();
    slice.for_each_chunk(3..9_999, |start, some| {
        starts.push((start, some.len()));
        some.fill(1);
    });
    let values = slice.to_vec();
    assert!(values[3..9_999].iter().all(|&value| value == 1));
    assert_eq!((&values[..3], values[9_999]), (&[0; 3][..], 0));
    assert!(starts.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "{starts:?}");
}

#[test]
fn a_grown_slice_keeps_its_values_and_others_see_it_when_they_look() {
    let mut here = SharedSlice::<u16>::of(&[1, 2, 3]).expect("memory");
    let (clone, mut there) = (here.clone(), again(&here));
    here.grow(100_000).expect("room");
    here.set(99_999, 9);
    assert_eq!((clone.len(), there.len(), here.len()), (3, 3, 100_000));
    there.refresh().expect("room");
    assert_eq!((there.get(2), there.get(99_999)), (3, 9));
    clone.set(0, 7);
    assert_eq!(here.get(0), 7);
}

#[test]
fn frozen_values_are_a_slice_and_nobody_writes_them() {
    let shared = SharedSlice::of(&[1.0, 2.0]).expect("memory");
    let other = again(&shared);
    let error = shared.freeze().expect_err("another handle could write");
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
    let frozen = other.freeze().expect("the last handle");
    assert_eq!(&again(&frozen)[..], [1.0, 2.0]);
    let parcel = parcel::encode(Vec::new(), &frozen).expect("a parcel");
    parcel::decode::<SharedSlice<f64>>(parcel, 0).expect_err("no writing any more");
    let bytes = Frozen::of(&[1_u8, 2, 3]).expect("memory");
    let parcel = parcel::encode(Vec::new(), &bytes).expect("a parcel");
    let words: Frozen<u16> = parcel::decode(parcel, 0).expect("the same bytes");
    assert_eq!(words.len(), 1, "half a value is none");
}

#[test]
fn a_duplicate_is_independent() {
    let first = SharedSlice::of(&vec![7_u8; 40_000]).expect("memory");
    let second = first.duplicate().expect("memory");
    second.set(39_999, 8);
    assert_eq!((first.get(39_999), second.get(39_999), second.get(0)), (7, 8, 7));
}

#[test]
fn a_value_is_changed_whole_or_not_at_all() {
    let here = Shared::new([1_u64; 8]).expect("memory");
    let there = again(&here);
    assert_eq!(there.update(|value| value.map(|one| one + 1)), [2; 8]);
    assert_eq!(here.get(), [2; 8]);
    assert_eq!(format!("{here:?}"), "Shared([2, 2, 2, 2, 2, 2, 2, 2])");
    here.set([3; 8]);
    assert_eq!(there.get(), [3; 8]);
}

#[cfg(panic = "unwind")]
#[test]
fn a_change_that_panics_changes_nothing() {
    let (here, work) = (Shared::new([1_u64; 8]).expect("memory"), std::panic::AssertUnwindSafe);
    std::panic::catch_unwind(work(|| here.update(|_| panic!("as the change is made"))))
        .expect_err("it unwound");
    assert_eq!(here.get(), [1; 8]);
    here.set([3; 8]);
    assert_eq!(here.get(), [3; 8]);
}

#[test]
#[should_panic(expected = "used within `update`")]
fn a_value_used_within_its_own_change_panics_instead_of_waiting_for_ever() {
    let value = Shared::new(1_u32).expect("memory");
    value.update(|_| value.get());
}

#[test]
fn memory_too_small_for_a_value_is_refused() {
    let parcel = parcel::encode(Vec::new(), &Shared::new(1_u8).expect("memory")).expect("parcel");
    parcel::decode::<Shared<[u64; 100]>>(parcel, 0).expect_err("a byte is not 100 words");
}

#[test]
fn a_slice_is_indexed_changed_and_searched_through_any_handle() {
    let here = SharedSlice::<i64>::of(&[15, -2, 7, -2]).expect("memory");
    let there = again(&here);
    there.set(2, 8);
    assert_eq!((here.get(2), here.len(), there.len()), (8, 4, 4));
    assert_eq!(here.iter().position(|value| value == -2), Some(1));
    assert_eq!(here.iter().filter(|&value| value == -2).count(), 2);
    assert_eq!(here.iter().position(|value| value == 9), None);
    assert_eq!(here.iter().next_back(), Some(-2));
    assert_eq!(here.to_vec(), [15, -2, 8, -2]);
}

#[test]
#[should_panic(expected = "the len is 2 but the index is 2")]
fn a_number_beyond_the_end_of_a_slice_cannot_be_got() {
    SharedSlice::<i64>::of(&[15, -2]).expect("memory").get(2);
}

#[test]
#[should_panic(expected = "the len is 2 but the index is 2")]
fn a_number_beyond_the_end_of_a_slice_cannot_be_set() {
    SharedSlice::<i64>::of(&[15, -2]).expect("memory").set(2, 1);
}

#[test]
#[should_panic(expected = "range within the shared memory")]
fn numbers_beyond_the_end_of_a_slice_cannot_be_written() {
    SharedSlice::<i64>::of(&[15, -2]).expect("memory").write(1, &[1, 2]);
}

#[test]
fn frozen_values_are_equal_and_hashed_as_their_slices() {
    let frozen = |values: &[u32]| Frozen::of(values).expect("memory");
    assert_eq!(frozen(&[1, 2, 3]), frozen(&[1, 2, 3]));
    assert_ne!(frozen(&[1, 2, 3]), frozen(&[1, 2]));
    let set: std::collections::HashSet<_> = [frozen(&[1]), frozen(&[1]), frozen(&[2])].into();
    assert_eq!(set.len(), 2);
}

#[cfg(feature = "ndarray")]
#[test]
fn a_block_of_rows_is_written_whole_or_refused() {
    use ndarray::{Array2, Array3, array};
    let matrix = SharedSlice::of_array(&Array2::<i32>::zeros((4, 3)).view()).expect("memory");
    let turned = array![[1, 4], [2, 5], [3, 6]];
    matrix.write_rows((4, 3), 2, &turned.t()).expect("two rows");
    let now = || matrix.to_array((4, 3)).expect("twelve values");
    let written = array![[0, 0, 0], [0, 0, 0], [1, 2, 3], [4, 5, 6]];
    assert_eq!(now(), written);
    let block = array![[7, 7, 7], [7, 7, 7]];
    matrix.write_rows((4, 3), 3, &block.view()).expect_err("beyond the last row");
    matrix.write_rows((4, 3), usize::MAX, &block.view()).expect_err("beyond the last row");
    matrix.write_rows((6, 2), 0, &block.view()).expect_err("rows of another shape");
    matrix.write_rows((5, 3), 0, &block.view()).expect_err("beyond the memory");
    assert_eq!(now(), written);
    let stack = SharedSlice::of_array(&Array3::<u8>::zeros((3, 2, 2)).view()).expect("memory");
    stack.write_rows((3, 2, 2), 1, &Array3::ones((1, 2, 2)).view()).expect("one image");
    assert_eq!(stack.to_vec(), [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
}
