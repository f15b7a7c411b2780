//! Any bytes at all, where handles of memory are read, with descriptors that may be anything.
//!
//! In: bytes as another process might have written them. Out: nothing. What always holds: nobody
//! panics; a handle that comes out of it is memory that can be used.

use super::{Frozen, Shared, SharedMemory, SharedSlice};
use crate::parcel;
use std::os::fd::{AsFd, OwnedFd};

/// Reads `bytes` as every kind of handle; the first byte says which descriptors come along.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target's door"))]
pub fn adopt_anything(bytes: &[u8]) {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let length = 1 + usize::from(which >> 2) * 9;
    let memory = SharedMemory::new(length).expect("memory");
    memory.write(0, &bytes[..bytes.len().min(length)]);
    let descriptors = || -> Vec<OwnedFd> {
        let null = procession_sys::descriptor::dev_null().expect("null");
        let copy = memory.as_fd().try_clone_to_owned().expect("a duplicate");
        match which & 3 {
            0 => vec![copy],
            1 => vec![null],
            2 => vec![null, copy],
            _ => Vec::new(),
        }
    };
    if let Ok(memory) = parcel::read::<SharedMemory>(bytes, descriptors()) {
        assert_eq!(memory.to_vec().len(), length);
    }
    if let Ok(slice) = parcel::read::<SharedSlice<u32>>(bytes, descriptors()) {
        assert_eq!(slice.to_vec().len(), length / 4);
    }
    if let Ok(value) = parcel::read::<Shared<[u8; 24]>>(bytes, descriptors()) {
        // Its lock may be held by nobody at all, so it is not asked for the value.
        drop(value);
    }
    if let Ok(frozen) = parcel::read::<Frozen<u16>>(bytes, descriptors()) {
        assert!(frozen.len() <= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_with_any_descriptors_are_read_or_refused() {
        for which in 0..=u8::MAX {
            for number in 0..4 {
                adopt_anything(&[which, number]);
                adopt_anything(&[which, number, 0xff]);
            }
        }
    }
}
