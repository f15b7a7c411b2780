//! Recognizing numbers and vectors of them behind type parameters without a `'static` bound.
//!
//! serde's traits hand values over as `&T` with no bound on lifetimes, so `Any` cannot tell that `T`
//! is `Vec<f64>`. These functions can, for numbers and vectors of them only: their types have no
//! lifetimes, so equality of types up to lifetimes is equality.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// A primitive number: any bit pattern is a value.
///
/// Nothing outside of this crate can implement it.
pub trait Number: bytemuck::Pod + sealed::Number {}

mod sealed {
    /// Keeps types with lifetimes out of [`Number`](super::Number).
    pub trait Number: 'static {}
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(
            impl sealed::Number for $number {}
            impl Number for $number {}
        )*
    };
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

/// The identity of `T`, in which all lifetimes count as equal.
#[inline]
pub fn erased_id<T: ?Sized>() -> TypeId {
    trait Erased {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Erased for PhantomData<T> {
        #[inline]
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let phantom = PhantomData::<T>;
    let erased: &dyn Erased = &phantom;
    // SAFETY: only the lifetime bound of the trait object changes. The method behind it reads nothing
    // but the identity of its type, which has no lifetimes at run time.
    let erased = unsafe { std::mem::transmute::<&dyn Erased, &(dyn Erased + 'static)>(erased) };
    erased.id()
}

/// `value` as an `N`, if its type is `N` or a reference to one.
#[inline]
pub fn as_number<T: ?Sized, N: Number>(value: &T) -> Option<&N> {
    let id = erased_id::<T>();
    if id == TypeId::of::<N>() {
        // SAFETY: `T` equals `N` up to lifetimes, and `N` has none: it is a primitive number.
        return Some(unsafe { &*std::ptr::from_ref(value).cast::<N>() });
    }
    if id == TypeId::of::<&'static N>() {
        // SAFETY: `T` is a reference to an `N`, whose lifetime is at least that of `value`, since a
        // `&T` exists. The result has the shorter one.
        return Some(unsafe { *std::ptr::from_ref(value).cast::<&N>() });
    }
    None
}

/// `number` as a `T`, if that is its type.
#[inline]
pub fn from_number<T, N: Number>(number: N) -> Option<T> {
    if erased_id::<T>() != TypeId::of::<N>() {
        return None;
    }
    // SAFETY: `T` equals `N` up to lifetimes, and `N` has none. A primitive number can be copied.
    Some(unsafe { std::ptr::from_ref(&number).cast::<T>().read() })
}

/// `value` as a vector of `N`, if that is its type.
#[inline]
pub fn as_vector<T: ?Sized, N: Number>(value: &T) -> Option<&Vec<N>> {
    if erased_id::<T>() != TypeId::of::<Vec<N>>() {
        return None;
    }
    // SAFETY: `T` equals `Vec<N>` up to lifetimes, and `Vec<N>` has none: `N` is a primitive number.
    Some(unsafe { &*std::ptr::from_ref(value).cast::<Vec<N>>() })
}

/// `vector` as a `T`, if that is its type; gives it back otherwise.
#[inline]
pub fn from_vector<T, N: Number>(vector: Vec<N>) -> Result<T, Vec<N>> {
    if erased_id::<T>() != TypeId::of::<Vec<N>>() {
        return Err(vector);
    }
    let vector = ManuallyDrop::new(vector);
    // SAFETY: `T` equals `Vec<N>` up to lifetimes, and `Vec<N>` has none, so this reads a `T`. The
    // original is not dropped, so there is one owner.
    Ok(unsafe { std::ptr::from_ref(&*vector).cast::<T>().read() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_numbers_is_recognized_and_no_other_type() {
        let numbers = vec![1.5_f64, 2.5];
        assert_eq!(as_vector::<_, f64>(&numbers), Some(&numbers));
        assert_eq!(as_vector::<_, u64>(&numbers), None);
        assert_eq!(as_vector::<[f64], f64>(&numbers), None);
        assert_eq!(as_vector::<_, f64>(&(numbers.clone(),)), None);
        assert_eq!(from_vector::<Vec<f64>, f64>(numbers.clone()), Ok(numbers.clone()));
        assert_eq!(from_vector::<Vec<u64>, f64>(numbers.clone()), Err(numbers));
    }

    #[test]
    fn a_number_is_recognized_by_value_and_by_reference() {
        let number = 7_u32;
        assert_eq!(as_number::<_, u32>(&number), Some(&7));
        assert_eq!(as_number::<&u32, u32>(&&number), Some(&7));
        assert_eq!(as_number::<_, i32>(&number), None);
        assert_eq!(as_number::<&&u32, u32>(&&&number), None);
        assert_eq!(as_number::<[u32], u32>(&[number]), None);
        assert_eq!(as_number::<_, u32>(&std::num::Wrapping(number)), None);
        assert_eq!(from_number::<u32, u32>(number), Some(7));
        assert_eq!(from_number::<i32, u32>(number), None);
        assert_eq!(from_number::<&u32, u64>(7), None);
    }

    #[test]
    fn lifetimes_do_not_count_in_an_erased_identity() {
        fn of<'a>(_: &'a str) -> TypeId {
            erased_id::<&'a str>()
        }
        assert_eq!(of(&String::from("text")), TypeId::of::<&'static str>());
    }
}
