//! The types that a field may have, and what the generator must know of each.

use super::dice::Dice;

/// How deep generated types nest in each other.
const DEEPEST: u32 = 6;
/// How many leaves a value of a type may have at most.
const HEAVIEST: u32 = 250;

/// What a format without a schema sees first of a value: by it `untagged` tells variants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    Unit,
    Bool,
    Integer,
    Float,
    Text,
    /// Bytes, which can be read from a text and from a sequence of numbers too.
    Bytes,
    Sequence,
    /// A map or a struct that only itself can be read from.
    Map,
    /// Several of these, or anything.
    Mixed,
}

/// How a type behaves under `flatten` and as the content of an internally tagged variant.
#[derive(Debug, Clone, Default)]
pub(super) struct Flat {
    /// The types whose names it brings to the level it is flattened into.
    pub(super) ids: Vec<usize>,
    /// Whether it cannot be read where nothing of it was written.
    pub(super) required: bool,
    /// Whether it leaves its entries for others to read as well.
    pub(super) keeps_entries: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) text: String,
    pub(super) shape: Shape,
    /// Whether std's `Default` is implemented for it.
    pub(super) default: bool,
    /// Whether a missing field of it is read as `None`.
    pub(super) optional: bool,
    /// Whether some of its values must be errors.
    pub(super) fallible: bool,
    pub(super) flat: Option<Flat>,
    pub(super) depth: u32,
    pub(super) weight: u32,
}

impl Type {
    pub(super) fn leaf(text: &str, shape: Shape) -> Self {
        let (text, default) = (text.to_owned(), true);
        let (optional, fallible, flat) = (false, false, None);
        Self { text, shape, default, optional, fallible, flat, depth: 0, weight: 1 }
    }

    /// A type around others.
    fn around(text: &str, shape: Shape, parts: &[&Type], times: u32) -> Self {
        Self {
            default: parts.iter().all(|part| part.default),
            fallible: parts.iter().any(|part| part.fallible),
            depth: parts.iter().map(|part| part.depth).max().unwrap_or(0),
            weight: parts.iter().map(|part| part.weight).sum::<u32>().max(1) * times,
            ..Self::leaf(text, shape)
        }
    }

    fn with_default(self, default: bool) -> Self {
        Self { default, ..self }
    }
}

/// Leaves: text, shape, whether it has a default.
const LEAVES: &[(&str, Shape, bool)] = &[
    ("bool", Shape::Bool, true),
    ("u8", Shape::Integer, true),
    ("u16", Shape::Integer, true),
    ("u32", Shape::Integer, true),
    ("u64", Shape::Integer, true),
    ("usize", Shape::Integer, true),
    ("i8", Shape::Integer, true),
    ("i16", Shape::Integer, true),
    ("i32", Shape::Integer, true),
    ("i64", Shape::Integer, true),
    ("u128", Shape::Integer, true),
    ("i128", Shape::Integer, true),
    ("f32", Shape::Float, true),
    ("f64", Shape::Float, true),
    ("char", Shape::Text, true),
    ("String", Shape::Text, true),
    ("Box<str>", Shape::Text, true),
    ("Cow<'static, str>", Shape::Text, true),
    ("IpAddr", Shape::Text, false),
    ("SocketAddr", Shape::Text, false),
    ("Bytes", Shape::Bytes, true),
    ("OsString", Shape::Map, true),
    ("()", Shape::Unit, true),
    ("PhantomData<u8>", Shape::Unit, true),
    ("Duration", Shape::Map, true),
    ("Range<i16>", Shape::Map, true),
    ("Bound<u8>", Shape::Mixed, false),
    ("NonZeroU16", Shape::Integer, false),
    ("NonZeroI64", Shape::Integer, false),
    ("Wrapping<i32>", Shape::Integer, true),
    ("Reverse<u16>", Shape::Integer, true),
    ("ByHand", Shape::Mixed, true),
    ("Entry", Shape::Map, true),
];

/// Leaves some of whose values must be errors.
const FALLIBLE: &[(&str, Shape)] = &[("Picky", Shape::Integer), ("PathBuf", Shape::Text)];

/// Types with an order, which can be keys.
const KEYS: &[&str] = &[
    "String",
    "u8",
    "i64",
    "char",
    "bool",
    "()",
    "(u8, char)",
    "[u8; 2]",
    "Option<i16>",
    "Vec<String>",
    "u128",
    "IpAddr",
];

/// Keys of a map that can be flattened.
pub(super) const FLAT_KEYS: &[&str] = &["String", "String", "u16", "char", "i64"];

/// Chooses types of fields, from leaves and from the types generated before.
pub(super) struct Pool {
    generated: Vec<Type>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { generated: Vec::new() }
    }

    pub(super) fn add(&mut self, ty: Type) {
        self.generated.push(ty);
    }

    pub(super) fn leaf(dice: &mut Dice) -> Type {
        if dice.one_in(24) {
            let (text, shape) = *dice.pick(FALLIBLE);
            return Type { fallible: true, ..Type::leaf(text, shape) };
        }
        let (text, shape, default) = *dice.pick(LEAVES);
        Type::leaf(text, shape).with_default(default)
    }

    /// Any type that fits.
    pub(super) fn any(&self, dice: &mut Dice) -> Type {
        loop {
            let ty = self.candidate(dice, 0);
            if ty.depth < DEEPEST && ty.weight <= HEAVIEST {
                return ty;
            }
        }
    }

    /// A type for which `fits` holds; `None` where many tries found none.
    pub(super) fn find(&self, dice: &mut Dice, fits: impl Fn(&Type) -> bool) -> Option<Type> {
        (0..60).map(|_| self.any(dice)).find(fits)
    }

    fn candidate(&self, dice: &mut Dice, level: u32) -> Type {
        match dice.below(if level > 2 { 6 } else { 10 }) {
            0 | 1 if !self.generated.is_empty() => dice.pick(&self.generated).clone(),
            0..=5 => Self::leaf(dice),
            _ => self.composite(dice, level + 1),
        }
    }

    fn composite(&self, dice: &mut Dice, level: u32) -> Type {
        let part = self.candidate(dice, level);
        let text = &part.text;
        let around = |text: String, shape| Type::around(&text, shape, &[&part], 2);
        let always = |ty: Type| ty.with_default(true);
        match dice.below(14) {
            0 => always(Type { optional: true, ..around(format!("Option<{text}>"), Shape::Mixed) }),
            1 => {
                let text = format!("Option<Option<{text}>>");
                always(Type { optional: true, ..around(text, Shape::Mixed) })
            }
            2 => always(around(format!("Vec<{text}>"), Shape::Sequence)),
            3 => always(around(format!("VecDeque<{text}>"), Shape::Sequence)),
            4 => always(around(format!("LinkedList<{text}>"), Shape::Sequence)),
            5 => always(around(format!("Box<[{text}]>"), Shape::Sequence)),
            6 => {
                let length = *dice.pick(&[0, 1, 2, 3, 7]);
                let text = format!("[{text}; {length}]");
                Type::around(&text, Shape::Sequence, &[&part], length.max(1))
            }
            7 => Type::around(&format!("({text},)"), Shape::Sequence, &[&part], 1),
            8 => {
                let other = self.candidate(dice, level);
                let text = format!("({text}, {})", other.text);
                Type::around(&text, Shape::Sequence, &[&part, &other], 1)
            }
            9 => {
                let other = self.candidate(dice, level);
                let text = format!("Result<{text}, {}>", other.text);
                Type::around(&text, Shape::Map, &[&part, &other], 1).with_default(false)
            }
            10 => always(around(format!("BTreeMap<{}, {text}>", dice.pick(KEYS)), Shape::Mixed)),
            11 => always(around(format!("HashMap<{}, {text}>", dice.pick(KEYS)), Shape::Mixed)),
            12 => {
                let set = if dice.one_in(2) { "BTreeSet" } else { "HashSet" };
                Type::leaf(&format!("{set}<{}>", dice.pick(KEYS)), Shape::Sequence)
            }
            _ => Type { text: format!("Box<{text}>"), ..part },
        }
    }
}
