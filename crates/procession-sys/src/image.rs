//! Which function is that, in another process of the same program?
//!
//! In: a function item or closure, as a value. Out: a [`Key`] of bytes; and from a key, in any
//! process that runs the same build, the [`Entry`] to call. What always holds: a key leads to an
//! entry that this program made, or to an error. Addresses differ between processes, so a key is
//! the identity of the ELF module (its build id, else the file's identity) and an offset in it; the
//! entry found there must lie in a mapped segment, be aligned, and carry the mark.

use crate::parcel::Parcel;
use module::with_modules;
use std::hint::black_box;
use std::io;

pub(crate) mod dynamic;
mod host;
mod module;

pub use host::{Foreign, check_host};
pub(crate) use module::{Module, is_loaded, modules};
pub use module::{ModuleId, main_module, program_holds};

/// What an entry does: it reads its arguments from a parcel and answers with one.
pub type Call = fn(Parcel) -> Parcel;

/// The body behind an entry, for a function of type `F`.
pub trait Body<F>: 'static {
    /// Runs `function` on the arguments in `input`; gives its answer.
    fn run(function: F, input: Parcel) -> Parcel;
}

/// One function of this program that other processes of it can call by its [`Key`].
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Entry {
    mark: [u64; 2],
    name: fn() -> &'static str,
    call: Call,
}

/// Marks an entry. Code keeps only the complement, so that no instruction carries the mark.
const MARK: [u64; 2] = [0x9a31_c5e0_47fb_2d86, 0x3f7e_08b4_d16c_a953];
const COMPLEMENT: [u64; 2] = [!MARK[0], !MARK[1]];

impl Entry {
    /// Runs the function.
    pub fn call(&self, input: Parcel) -> Parcel {
        (self.call)(input)
    }

    /// The function's path, as the compiler spells its type.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }
}

/// One entry per function type and body: the constant is promoted to a static of its own.
struct EntryOf<F, B>(std::marker::PhantomData<(F, B)>);

impl<F: Copy + Send + 'static, B: Body<F>> EntryOf<F, B> {
    const ENTRY: &'static Entry =
        &Entry { mark: MARK, name: std::any::type_name::<F>, call: call::<F, B> };
}

fn call<F: Copy + Send + 'static, B: Body<F>>(input: Parcel) -> Parcel {
    const {
        assert!(
            size_of::<F>() == 0,
            "a closure that captures, or a function pointer, cannot be started as a process: \
             pass the values in the argument tuple"
        );
    }
    // SAFETY: `F` has no bytes, so any pointer reads one. It is inhabited: `entry` took one as
    // its witness, and only a key made from that entry leads here. It is `Copy` and `Send`, so a
    // further one in another process is what the program could have made by itself.
    let function = unsafe { std::ptr::NonNull::<F>::dangling().read() };
    B::run(function, input)
}

/// The entry for `witness` and the body `B`.
///
/// Does not compile where `F` has a size: a closure that captures, or a function pointer.
pub fn entry<F: Copy + Send + 'static, B: Body<F>>(witness: F) -> &'static Entry {
    let _: F = witness;
    EntryOf::<F, B>::ENTRY
}

/// Names an entry to other processes of the same build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u8; Key::SIZE]);

impl Key {
    /// How many bytes a key has.
    pub const SIZE: usize = ModuleId::SIZE + 8;

    /// The key as bytes.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        self.0
    }

    /// A key of these bytes; whether it leads anywhere, [`Key::find`] says.
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// The key of an entry of this process.
    ///
    /// # Errors
    /// Where the module that holds it cannot be identified: it has no build id and its file is
    /// gone.
    pub fn of(entry: &'static Entry) -> io::Result<Self> {
        let address = std::ptr::from_ref(entry).addr();
        let (id, base) = with_modules(|modules| {
            let module = modules.iter().find(|module| module.contains(address, 1))?;
            Some((module.id?, module.base))
        })
        .ok_or_else(|| io::Error::other("the module of the function cannot be identified"))?;
        let mut bytes = [0; Self::SIZE];
        bytes[..ModuleId::SIZE].copy_from_slice(&id.0);
        bytes[ModuleId::SIZE..].copy_from_slice(&(address.wrapping_sub(base) as u64).to_le_bytes());
        Ok(Self(bytes))
    }

    /// The entry this key names, in this process.
    ///
    /// # Errors
    /// [`UnknownKey`] where this process runs another build or the bytes are no key.
    pub fn find(self) -> Result<&'static Entry, UnknownKey> {
        let (id, offset) = self.0.split_at(ModuleId::SIZE);
        let offset = u64::from_le_bytes(offset.try_into().map_err(|_| UnknownKey::Offset)?);
        let offset = usize::try_from(offset).map_err(|_| UnknownKey::Offset)?;
        with_modules(|modules| {
            let same = |module: &&Module| module.id.is_some_and(|found| found.0 == *id);
            let module = modules.iter().find(same).ok_or(UnknownKey::Module)?;
            let address = module.base.wrapping_add(offset);
            let aligned = address % align_of::<Entry>() == 0;
            if !aligned || !module.contains(address, size_of::<Entry>()) {
                return Err(UnknownKey::Offset);
            }
            let marked = std::ptr::with_exposed_provenance::<[u64; 2]>(address);
            // SAFETY: aligned and inside a readable segment of a loaded module, as just checked.
            let mark = unsafe { marked.read_volatile() };
            let complement = black_box(COMPLEMENT);
            if mark[0] != !complement[0] || mark[1] != !complement[1] {
                return Err(UnknownKey::Offset);
            }
            // SAFETY: the mark stands in this program's read-only data only at the head of an
            // `Entry`, and modules are never unloaded while their functions are started.
            Ok(unsafe { &*std::ptr::with_exposed_provenance::<Entry>(address) })
        })
    }
}

/// Why a [`Key`] leads to no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKey {
    /// No module of this process has the identity: another build, or a library is not loaded.
    Module,
    /// The module has no entry there.
    Offset,
}

impl std::fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Module => "the function belongs to a build or library that is not loaded here",
            Self::Offset => "the module has no function at that place",
        })
    }
}

impl std::error::Error for UnknownKey {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer;

    impl<F: Fn(u8) -> u8 + 'static> Body<F> for Answer {
        fn run(function: F, input: Parcel) -> Parcel {
            Parcel { bytes: vec![function(input.bytes[0])].into(), ..Parcel::default() }
        }
    }

    fn answer(entry: &Entry, byte: u8) -> u8 {
        entry.call(Parcel { bytes: vec![byte].into(), ..Parcel::default() }).bytes[0]
    }

    #[test]
    fn a_key_leads_back_to_its_function() {
        fn twice(byte: u8) -> u8 {
            byte * 2
        }
        let key = Key::of(entry::<_, Answer>(twice)).expect("a key");
        let other = Key::of(entry::<_, Answer>(|byte: u8| byte + 1)).expect("a key");
        assert_ne!(key, other);
        assert_eq!(answer(key.find().expect("found"), 21), 42);
        assert_eq!(answer(other.find().expect("found"), 21), 22);
        assert!(key.find().expect("found").name().ends_with("twice"));
    }

    #[test]
    fn no_other_offset_near_an_entry_leads_anywhere() {
        let entry = entry::<_, Answer>(|byte: u8| byte ^ 1);
        let key = Key::of(entry).expect("a key");
        let (_, offset) = key.0.split_at(ModuleId::SIZE);
        let offset = u64::from_le_bytes(offset.try_into().expect("eight bytes"));
        for wrong in (offset.saturating_sub(65_536)..offset + 65_536).filter(|&at| at != offset) {
            let mut bytes = key.to_bytes();
            bytes[ModuleId::SIZE..].copy_from_slice(&wrong.to_le_bytes());
            if let Ok(found) = Key::from_bytes(bytes).find() {
                assert_eq!(found.mark, MARK, "a place that is no entry was taken for one");
                assert!(!found.name().is_empty());
            }
        }
    }

    #[test]
    fn a_key_of_another_build_is_refused() {
        let mut bytes = Key::of(entry::<_, Answer>(|byte: u8| byte)).expect("a key").to_bytes();
        bytes[5] ^= 0xff;
        assert_eq!(Key::from_bytes(bytes).find().expect_err("unknown"), UnknownKey::Module);
        let mut far = Key::of(entry::<_, Answer>(|byte: u8| byte)).expect("a key").to_bytes();
        far[ModuleId::SIZE..].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Key::from_bytes(far).find().expect_err("unknown"), UnknownKey::Offset);
    }
}
