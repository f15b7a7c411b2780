//! The fields of structs and of variants: their types, their attributes, what they arrive as.

use super::dice::Dice;
use super::names::Names;
use super::types::{FLAT_KEYS, Flat, Pool, Shape, Type};

/// Where a missing field's value comes from, apart from the field's own attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outer {
    /// The container has no default.
    None,
    /// The container has one: an expression of it.
    Container(&'static str),
}

/// What is special about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Skip,
    SkipSerializing,
    SkipDeserializing,
    SkipIf,
    Default,
    Rename,
    Alias,
    /// Names for writing and for reading that differ; an alias reads what was written.
    Bridged,
    /// The same without an alias: serde itself takes the default.
    Apart,
    With,
    /// `serialize_with` and `deserialize_with`.
    Withs,
    Flatten,
    FlattenOption,
    FlattenMap,
}

/// The marks of fields in structs and struct variants.
pub(super) const MARKS: &[Mark] = &[
    Mark::Plain,
    Mark::Plain,
    Mark::Plain,
    Mark::Plain,
    Mark::Skip,
    Mark::SkipSerializing,
    Mark::SkipDeserializing,
    Mark::SkipIf,
    Mark::SkipIf,
    Mark::Default,
    Mark::Rename,
    Mark::Alias,
    Mark::Bridged,
    Mark::With,
    Mark::Withs,
];

/// The marks that need nothing of a type parameter but what serde assumes.
pub(super) const SIMPLE: &[Mark] = &[Mark::Plain, Mark::Rename, Mark::Alias, Mark::Default];

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) ty: Type,
    /// What stands in `#[serde(...)]`, empty if nothing does.
    pub(super) attributes: Vec<String>,
    /// An expression that makes a random value.
    pub(super) sample: String,
    /// An expression of what arrives, with `{}` for a reference to the field.
    pub(super) arrived: String,
    /// Whether it is always written, and an error where it is missing.
    pub(super) required: bool,
    /// What it brings to its level, if it is flattened.
    pub(super) flat: Option<Flat>,
    pub(super) catch_all: bool,
    /// Whether it is written under a name that is not read, which a map for the rest would take.
    pub(super) left_over: bool,
}

/// What a field is made for.
pub(super) struct Place<'a> {
    pub(super) pool: &'a Pool,
    pub(super) outer: &'a Outer,
    /// Whether unknown fields are errors.
    pub(super) denies: bool,
}

const SAMPLE: &str = "random.deeper(Sample::sample)";
const ARRIVED: &str = "{}.arrived(oracle)";

impl Field {
    pub(super) fn plain(name: String, ty: Type) -> Self {
        let required = !ty.optional;
        let (sample, arrived) = (SAMPLE.to_owned(), ARRIVED.to_owned());
        Self {
            name,
            ty,
            attributes: Vec::new(),
            sample,
            arrived,
            required,
            flat: None,
            catch_all: false,
            left_over: false,
        }
    }

    /// Sets the expression of a random value.
    pub(super) fn samples(&mut self, expression: &str) {
        expression.clone_into(&mut self.sample);
    }

    /// Sets the expression of what arrives.
    pub(super) fn arrives(&mut self, expression: &str) {
        expression.clone_into(&mut self.arrived);
    }

    /// The attributes as they are written, each in front of its field.
    pub(super) fn written(&self) -> String {
        match self.attributes.as_slice() {
            [] => String::new(),
            list => format!("#[serde({})] ", list.join(", ")),
        }
    }
}

/// Makes a field with the given mark, or a plain one where no type fits the mark.
pub(super) fn make(dice: &mut Dice, names: &mut Names, place: &Place<'_>, mark: Mark) -> Field {
    let name = names.field(dice);
    let pool = place.pool;
    let made = match mark {
        Mark::Plain => None,
        Mark::Skip | Mark::SkipSerializing | Mark::SkipDeserializing | Mark::SkipIf => {
            skipped(dice, &name, place, mark)
        }
        Mark::Default => pool.find(dice, |ty| ty.default).map(|ty| {
            let mut field = Field::plain(name.clone(), ty);
            field.attributes.push(default(dice, &mut String::new()));
            field.required = false;
            field
        }),
        Mark::Rename | Mark::Alias | Mark::Bridged | Mark::Apart => {
            renamed(dice, names, &name, place, mark)
        }
        Mark::With | Mark::Withs => Some(with(dice, &name, pool, mark)),
        Mark::Flatten | Mark::FlattenOption => flattened(dice, &name, pool, mark),
        Mark::FlattenMap => Some(flattened_map(dice, &name, pool)),
    };
    made.unwrap_or_else(|| Field::plain(name, pool.any(dice)))
}

/// An attribute for a default of the field's own; tells `missing` the expression of its value.
fn default(dice: &mut Dice, missing: &mut String) -> String {
    if dice.one_in(2) {
        "Default::default()".clone_into(missing);
        "default".to_owned()
    } else {
        "another()".clone_into(missing);
        "default = \"another\"".to_owned()
    }
}

fn skipped(dice: &mut Dice, name: &str, place: &Place<'_>, mark: Mark) -> Option<Field> {
    if place.denies && mark == Mark::SkipDeserializing {
        return None;
    }
    let ty = match (mark, dice.below(4)) {
        (Mark::SkipIf, 0) => Type::leaf("u16", Shape::Integer),
        (Mark::Skip, 0) => Type::leaf("NotForSerde", Shape::Mixed),
        _ => place.pool.find(dice, |ty| ty.default && !ty.fallible)?,
    };
    let own = dice.below(3) > 0;
    let mut field = Field::plain(name.to_owned(), ty);
    field.required = false;
    let mut missing = match place.outer {
        Outer::Container(expression) => format!("{expression}.{name}"),
        Outer::None => "Default::default()".to_owned(),
    };
    // A field that is not written and has no default is an error, but for an `Option`.
    let needs_own = matches!(mark, Mark::SkipSerializing | Mark::SkipIf)
        && *place.outer == Outer::None
        && !field.ty.optional;
    if own || needs_own {
        field.attributes.push(default(dice, &mut missing));
    }
    let word = match mark {
        Mark::Skip => "skip",
        Mark::SkipSerializing => "skip_serializing",
        Mark::SkipDeserializing => "skip_deserializing",
        _ => return Some(skipped_if(dice, field, &missing)),
    };
    field.attributes.push(word.to_owned());
    field.left_over = mark == Mark::SkipDeserializing;
    field.arrived = if field.left_over { written(&missing) } else { missing };
    Some(field)
}

/// What arrives for a field that is written all the same, so that it can be an error.
fn written(missing: &str) -> String {
    format!("{{ {{}}.arrived(oracle); {missing} }}")
}

fn skipped_if(dice: &mut Dice, mut field: Field, missing: &str) -> Field {
    let text = &field.ty.text;
    let own = if text == "u16" {
        "is_odd"
    } else if text.starts_with("Option<") {
        "Option::is_none"
    } else if text.starts_with("Vec<") {
        "Vec::is_empty"
    } else if text == "String" {
        "String::is_empty"
    } else {
        "is_default"
    };
    let predicate = if dice.one_in(3) { "is_another" } else { own };
    field.attributes.push(format!("skip_serializing_if = \"{predicate}\""));
    let often = match predicate {
        "is_another" => "another()",
        "is_odd" => "Sample::sample(&mut Random::new(3))",
        "Option::is_none" => "None",
        _ => "Default::default()",
    };
    // Std's own defaults are empty; a type of the corpus has one of its own.
    field.sample = format!("often(random, || {often})");
    field.arrived = format!("if {predicate}({{}}) {{ {missing} }} else {{ {{}}.arrived(oracle) }}");
    field
}

fn renamed(
    dice: &mut Dice,
    names: &mut Names,
    name: &str,
    place: &Place<'_>,
    mark: Mark,
) -> Option<Field> {
    let (one, two) = (names.text(dice), names.text(dice));
    let mut field = Field::plain(name.to_owned(), place.pool.any(dice));
    match mark {
        Mark::Rename => field.attributes.push(format!("rename = {one:?}")),
        Mark::Alias => {
            field.attributes.push(format!("alias = {one:?}"));
            if dice.one_in(2) {
                field.attributes.push(format!("alias = {two:?}"));
            }
        }
        _ => {
            field.attributes.push(format!("rename(serialize = {one:?}, deserialize = {two:?})"));
            if mark == Mark::Bridged {
                field.attributes.push(format!("alias = {one:?}"));
            }
        }
    }
    if mark == Mark::Apart {
        field.ty = place.pool.find(dice, |ty| ty.default && !ty.fallible)?;
        let mut missing = String::new();
        field.attributes.push(default(dice, &mut missing));
        (field.required, field.left_over) = (false, true);
        let missing = written(&missing);
        field.arrived =
            format!("{{ oracle.exception(\"rename(serialize, deserialize)\"); {missing} }}");
    }
    Some(field)
}

fn with(dice: &mut Dice, name: &str, pool: &Pool, mark: Mark) -> Field {
    let leaf = |text: &str| Type::leaf(text, Shape::Mixed);
    let (ty, module) = match dice.below(8) {
        0 => (leaf("u32"), "as_text"),
        1 => (leaf("String"), "as_borrowed"),
        2 => (leaf("String"), "as_str"),
        3 => {
            let part = pool.any(dice);
            let text = format!("Vec<{}>", part.text);
            (Type { text, optional: false, default: true, flat: None, ..part }, "as_stream")
        }
        4 | 5 => (pool.any(dice), "as_pair"),
        6 => (pool.any(dice), "as_variant"),
        _ => (pool.any(dice), "as_option"),
    };
    let mut field = Field::plain(name.to_owned(), ty);
    // Serde asks for a missing field's value by the type's own `Deserialize` only. An option's
    // `Some` around the value has it read where it is missing, too.
    field.required = module != "as_option";
    field.attributes = match mark {
        Mark::With => vec![format!("with = \"{module}\"")],
        _ => ["serialize", "deserialize"]
            .map(|side| format!("{side}_with = \"{module}::{side}\""))
            .into(),
    };
    field
}

fn flattened(dice: &mut Dice, name: &str, pool: &Pool, mark: Mark) -> Option<Field> {
    let option = mark == Mark::FlattenOption;
    let mut ty = pool.find(dice, |ty| {
        !ty.fallible && ty.flat.as_ref().is_some_and(|flat| flat.required || !option)
    })?;
    let flat = ty.flat.take();
    if option {
        ty.text = format!("Option<{}>", ty.text);
    }
    let mut field = Field::plain(name.to_owned(), ty);
    field.attributes.push("flatten".to_owned());
    field.arrives("oracle.buffered(|oracle| {}.arrived(oracle))");
    field.required = false;
    field.flat = flat;
    Some(field)
}

fn flattened_map(dice: &mut Dice, name: &str, pool: &Pool) -> Field {
    let part = pool.find(dice, |ty| !ty.fallible);
    let part = part.unwrap_or_else(|| Type::leaf("u8", Shape::Integer));
    let map = if dice.one_in(2) { "BTreeMap" } else { "HashMap" };
    let key = *dice.pick(FLAT_KEYS);
    let text = format!("{map}<{key}, {}>", part.text);
    let mut field = Field::plain(name.to_owned(), Type { text, flat: None, ..part });
    field.attributes.push("flatten".to_owned());
    field.arrives("oracle.buffered(|oracle| {}.arrived(oracle))");
    if key != "String" {
        field.arrived = format!("{{ oracle.odd_key(!{{}}.is_empty()); {} }}", field.arrived);
    }
    field.required = false;
    field.catch_all = true;
    field
}
