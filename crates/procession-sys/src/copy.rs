//! Copying between memory that others may write and memory of our own.
//!
//! In: words that are shared, bytes that are not. Out: the one in the other. What always holds: what
//! is shared is touched by atomics, or by instructions that the compiler does not look into, which
//! is the same to it; so what others write meanwhile is a wrong value at worst. Each word is copied
//! in one piece.
//!
//! The compiler copies atomics one by one. A processor with AVX copies lines of 64 bytes in a third
//! of the time; it does so in pieces of at least 16 bytes, so that no aligned word is torn.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// Writes every byte of `into`, which has as many as `from`.
#[inline]
pub(crate) fn load(from: &[AtomicU64], into: &mut [MaybeUninit<u8>]) {
    debug_assert_eq!(from.len() * WORD, into.len());
    let lines = from.len().min(into.len() / WORD) / LINE;
    // SAFETY: both have so many lines, and nobody else can reach those that are written.
    let copied = unsafe { copy_lines(from.as_ptr().cast(), into.as_mut_ptr().cast(), lines) };
    let rest = into[copied * LINE * WORD..].chunks_exact_mut(WORD);
    for (word, bytes) in from[copied * LINE..].iter().zip(rest) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes().map(MaybeUninit::new));
    }
}

/// Writes every word of `into`, which has as many bytes as `from`.
#[inline]
pub(crate) fn store(into: &[AtomicU64], from: &[u8]) {
    debug_assert_eq!(into.len() * WORD, from.len());
    let lines = into.len().min(from.len() / WORD) / LINE;
    // SAFETY: both have so many lines, and those that are written are atomics.
    let copied = unsafe { copy_lines(from.as_ptr(), into.as_ptr().cast_mut().cast(), lines) };
    let rest = from[copied * LINE * WORD..].chunks_exact(WORD);
    for (word, bytes) in into[copied * LINE..].iter().zip(rest) {
        let mut value = [0; WORD];
        value.copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
    }
}

/// Words in a line of 64 bytes.
const LINE: usize = 8;

/// Below this, one by one is as fast: 256 bytes.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const FEW_LINES: usize = 4;

/// Copies so many lines, or none; how many.
///
/// # Safety
/// `from` is readable and `into` writable for so many lines; what is shared of them is atomics.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
unsafe fn copy_lines(from: *const u8, into: *mut u8, lines: usize) -> usize {
    if lines < FEW_LINES || !std::arch::is_x86_feature_detected!("avx") {
        return 0;
    }
    // SAFETY: reads and writes exactly `lines` lines, which the caller vouches for, with registers
    // that are declared; the processor has the instructions.
    unsafe {
        std::arch::asm!(
            "2:",
            "vmovdqu ymm14, [{from}]",
            "vmovdqu ymm15, [{from} + 32]",
            "vmovdqu [{into}], ymm14",
            "vmovdqu [{into} + 32], ymm15",
            "add {from}, 64",
            "add {into}, 64",
            "dec {lines}",
            "jnz 2b",
            "vzeroupper",
            from = inout(reg) from => _,
            into = inout(reg) into => _,
            lines = inout(reg) lines => _,
            // `vzeroupper` empties the upper half of every one.
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(nostack),
        );
    }
    lines
}

/// Other processors copy word by word.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
unsafe fn copy_lines(_from: *const u8, _into: *mut u8, _lines: usize) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds each four numbers to the next four, with a copy between reading and adding. An
    /// optimising compiler has them in registers of 32 bytes meanwhile.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[target_feature(enable = "avx")]
    fn sums(numbers: &[f64; 32], shared: &[AtomicU64], bytes: &[u8]) -> [f64; 32] {
        use std::arch::x86_64::{_mm256_add_pd, _mm256_loadu_pd, _mm256_storeu_pd};
        let mut sums = [0.0; 32];
        // SAFETY: each access is of four numbers that are there; the caller has the instructions.
        unsafe {
            let doubled: [_; 8] = std::array::from_fn(|index| {
                let four = _mm256_loadu_pd(numbers[4 * index..4 * index + 4].as_ptr());
                _mm256_add_pd(four, four)
            });
            store(shared, bytes);
            for index in 0..8 {
                let sum = _mm256_add_pd(doubled[index], doubled[(index + 1) % 8]);
                _mm256_storeu_pd(sums[4 * index..4 * index + 4].as_mut_ptr(), sum);
            }
        }
        sums
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn what_a_caller_keeps_in_wide_registers_is_there_after_a_copy() {
        if !std::arch::is_x86_feature_detected!("avx") {
            return;
        }
        let shared: Vec<AtomicU64> = (0..64).map(|_| AtomicU64::new(0)).collect();
        let numbers = std::hint::black_box(std::array::from_fn(|index| [0.5, 1.5, 2.5][index % 3]));
        // SAFETY: the processor has the instructions.
        let sums = unsafe { sums(&numbers, &shared, &[1; 64 * WORD]) };
        let expected: [f64; 32] =
            std::array::from_fn(|index| 2.0 * (numbers[index] + numbers[(index + 4) % 32]));
        assert_eq!(sums.map(f64::to_bits), expected.map(f64::to_bits));
    }

    #[test]
    fn every_number_of_words_is_copied_whole_and_nothing_beside_it() {
        let byte = |index: usize| u8::try_from(index % 251).expect("below 251");
        for words in (0..100).chain([511, 512, 513]) {
            for skip in 0..3 {
                let bytes: Vec<u8> = (skip..skip + words * WORD).map(byte).collect();
                let shared: Vec<AtomicU64> = (0..words + 2).map(|_| AtomicU64::new(7)).collect();
                store(&shared[1..=words], &bytes);
                assert_eq!(
                    [&shared[0], &shared[words + 1]].map(|word| word.load(Ordering::Relaxed)),
                    [7; 2]
                );
                let mut back = vec![MaybeUninit::new(9); skip + words * WORD + 1];
                load(&shared[1..=words], &mut back[skip..skip + words * WORD]);
                // SAFETY: every byte was initialised when the vector was made.
                let back: Vec<u8> = back.iter().map(|byte| unsafe { byte.assume_init() }).collect();
                assert_eq!(back[skip..skip + words * WORD], bytes, "{words} words");
                assert_eq!(
                    (back.iter().take(skip).all(|&byte| byte == 9), back[skip + words * WORD]),
                    (true, 9)
                );
            }
        }
    }
}
