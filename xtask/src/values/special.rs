//! Types made by a template: generic, recursive, converted, of another crate, undecidable.

use super::arms::{Arm, impls, impls_of};
use super::dice::Dice;
use super::fields::{self, Field, MARKS, Outer, Place, SIMPLE};
use super::names::Names;
use super::structs::{Made, head, struct_arms, type_of};
use super::types::{Pool, Shape, Type};

const BOUND: &str = "bound(serialize = \"T: Sample + Default + serde::Serialize\", \
    deserialize = \"T: Sample + Default + serde::de::DeserializeOwned\")";

/// A generic struct, with bounds of its own or those that serde infers; used with some type.
pub(super) fn generic(dice: &mut Dice, names: &mut Names, pool: &Pool, id: usize) -> Made {
    let name = format!("T{id}");
    let outer = Outer::None;
    let place = Place { pool, outer: &outer, denies: false };
    let bounded = dice.one_in(2);
    let mut list = Vec::new();
    for part in ["T", "Vec<T>", "Option<T>", "BTreeMap<u8, T>"] {
        if list.is_empty() || dice.one_in(2) {
            list.push(Field::plain(names.field(dice), Type::leaf(part, Shape::Mixed)));
        }
    }
    if bounded {
        list[0].attributes.push("default".to_owned());
        list[0].attributes.push("skip_serializing_if = \"is_default\"".to_owned());
        list[0].samples("often(random, || Default::default())");
        list[0].arrives("if is_default({}) { Default::default() } else { {}.arrived(oracle) }");
    } else if dice.one_in(2) {
        let bound = "bound(serialize = \"T: serde::Serialize\", deserialize = \"T: serde::Deserialize<'de>\")";
        list[0].attributes.push(bound.to_owned());
    }
    let marks = if bounded { MARKS } else { SIMPLE };
    for _ in 0..dice.below(3) {
        let mark = *dice.pick(marks);
        list.push(fields::make(dice, names, &place, mark));
    }
    let attributes = if bounded { vec![BOUND.to_owned()] } else { Vec::new() };
    let fields: Vec<String> = list
        .iter()
        .map(|field| {
            format!("    {}pub(crate) {}: {},\n", field.written(), field.name, field.ty.text)
        })
        .collect();
    let head = head(&attributes, "struct", &format!("{name}<T>"));
    let body = format!("{head} {{\n{}}}\n", fields.concat());
    let header = if bounded { "<T: Sample + Default>" } else { "<T: Sample>" };
    let text =
        body + &impls_of(&format!("{name}<T>"), header, "", &struct_arms(&name, &list, Shape::Map));
    let part = pool.find(dice, |ty| ty.default).unwrap_or_else(|| Type::leaf("u8", Shape::Integer));
    let ty = type_of(&format!("{name}<{}>", part.text), Shape::Mixed, &list);
    let ty = Type {
        depth: ty.depth.max(part.depth + 1),
        weight: ty.weight + 4 * part.weight,
        fallible: ty.fallible || part.fallible,
        ..ty
    };
    Made { text, ty }
}

/// A struct or an enum that contains itself.
pub(super) fn recursive(dice: &mut Dice, names: &mut Names, id: usize) -> Made {
    let name = format!("T{id}");
    let part = Pool::leaf(dice);
    let way = *dice.pick(&["Option<Box<{}>>", "Vec<{}>", "BTreeMap<String, {}>"]);
    let again = Type { weight: 20, ..Type::leaf(&way.replace("{}", &name), Shape::Mixed) };
    let list = [Field::plain(names.field(dice), part), Field::plain(names.field(dice), again)];
    if dice.one_in(2) {
        let fields: Vec<String> = list
            .iter()
            .map(|field| format!("    pub(crate) {}: {},\n", field.name, field.ty.text))
            .collect();
        let body = format!("{} {{\n{}}}\n", head(&[], "struct", &name), fields.concat());
        let text = body + &impls(&name, "", &struct_arms(&name, &list, Shape::Map));
        return Made { text, ty: type_of(&name, Shape::Mixed, &list) };
    }
    let [leaf, again] = list;
    let attribute =
        *dice.pick(&["", "#[serde(tag = \"t\", content = \"c\")]\n", "#[serde(untagged)]\n"]);
    let text = format!(
        "#[derive(serde::Serialize, serde::Deserialize)]\n{attribute}pub(crate) enum {name} {{\n    \
         Leaf {{ {}: {} }},\n    Node {{ node: {} }},\n    Pair(Box<{name}>, Box<{name}>),\n}}\n",
        leaf.name, leaf.ty.text, again.ty.text
    );
    let boxed = || Field::plain("0".to_owned(), Type::leaf("Box", Shape::Mixed));
    let node = Field { name: "node".to_owned(), ..again };
    let weight = leaf.ty.weight + 20;
    let fallible = leaf.ty.fallible;
    let arms = [
        Arm::of(&format!("{name}::Leaf"), &[leaf], false),
        Arm::of(&format!("{name}::Node"), &[node], false),
        Arm::of(&format!("{name}::Pair"), &[boxed(), boxed()], true),
    ];
    let around = if attribute.contains("untagged") { "buffered" } else { "" };
    let ty = Type { weight, fallible, depth: 1, ..Type::leaf(&name, Shape::Mixed) };
    Made { text: text + &impls(&name, around, &arms), ty }
}

/// A struct that crosses as another type: `from`, `try_from`, `into`.
pub(super) fn converted(dice: &mut Dice, names: &mut Names, id: usize) -> Made {
    let name = format!("T{id}");
    let leaves = ["u8", "String", "i64", "char", "Option<Option<u8>>", "Vec<u16>"];
    let (one, two) = (*dice.pick(&leaves), *dice.pick(&leaves));
    let raw = match dice.below(3) {
        0 => format!("({one}, {two})"),
        1 => format!("BTreeMap<{one}, {two}>"),
        _ => one.to_owned(),
    };
    let (field, tries) = (names.field(dice), dice.one_in(2));
    let from = if tries { "try_from" } else { "from" };
    let refusal = "this value is refused by try_from";
    let conversion = if tries {
        format!(
            "impl TryFrom<{raw}> for {name} {{\n    type Error = &'static str;\n    \
             fn try_from(raw: {raw}) -> Result<Self, Self::Error> {{\n        \
             if is_another(&raw) {{ Err({refusal:?}) }} else {{ Ok(Self {{ {field}: raw }}) }}\n    }}\n}}\n"
        )
    } else {
        format!(
            "impl From<{raw}> for {name} {{\n    fn from(raw: {raw}) -> Self {{\n        \
             Self {{ {field}: raw }}\n    }}\n}}\n"
        )
    };
    let text = format!(
        "#[derive(Clone, serde::Serialize, serde::Deserialize)]\n\
         #[serde({from} = {raw:?}, into = {raw:?})]\n\
         pub(crate) struct {name} {{\n    pub(crate) {field}: {raw},\n}}\n{conversion}\
         impl From<{name}> for {raw} {{\n    fn from(value: {name}) -> Self {{\n        \
         value.{field}\n    }}\n}}\n"
    );
    let mut part = Field::plain(field, Type::leaf(&raw, Shape::Mixed));
    if tries {
        part.samples("if random.one_in(8) { another() } else { Sample::sample(random) }");
        part.arrived = format!(
            "{{ if is_another({{}}) {{ oracle.must_fail({refusal:?}); }} {{}}.arrived(oracle) }}"
        );
    }
    let list = [part];
    let ty = Type { fallible: tries, ..type_of(&name, Shape::Mixed, &list) };
    Made { text: text + &impls(&name, "", &struct_arms(&name, &list, Shape::Map)), ty }
}

/// A struct with fields of types whose definitions serde does not see: `remote`, `getter`.
pub(super) fn remote(dice: &mut Dice, names: &mut Names, pool: &Pool, id: usize) -> Made {
    let name = format!("T{id}");
    let (one, two) = (names.text(dice), names.text(dice));
    let style = *dice.pick(&["", ", tag = \"kind\"", ", tag = \"t\", content = \"c\""]);
    // A tag inside would need a map in place of the number.
    let style = if style == ", tag = \"kind\"" { "" } else { style };
    let definitions = format!(
        "#[derive(serde::Serialize, serde::Deserialize)]\n\
         #[serde(remote = \"elsewhere::Hidden\")]\n\
         struct T{id}Hidden {{\n    \
         #[serde(rename = {one:?}, getter = \"elsewhere::Hidden::count\")]\n    count: u32,\n    \
         #[serde(alias = {two:?}, getter = \"elsewhere::Hidden::label\")]\n    label: String,\n}}\n\
         impl From<T{id}Hidden> for elsewhere::Hidden {{\n    \
         fn from(value: T{id}Hidden) -> Self {{\n        \
         elsewhere::Hidden::new(value.count, value.label)\n    }}\n}}\n\
         #[derive(serde::Serialize, serde::Deserialize)]\n\
         #[serde(remote = \"elsewhere::Open\"{style})]\n\
         enum T{id}Open {{\n    Nothing,\n    Number(i16),\n    Named {{ label: String }},\n}}\n"
    );
    let leaf = |text: &str| Type::leaf(text, Shape::Mixed);
    let mut hidden = Field::plain(names.field(dice), leaf("elsewhere::Hidden"));
    hidden.attributes.push(format!("with = \"T{id}Hidden\""));
    let mut open = Field::plain(names.field(dice), leaf("elsewhere::Open"));
    open.attributes.push(format!("with = \"T{id}Open\""));
    let list = [hidden, Field::plain(names.field(dice), pool.any(dice)), open];
    let fields: Vec<String> = list
        .iter()
        .map(|field| {
            format!("    {}pub(crate) {}: {},\n", field.written(), field.name, field.ty.text)
        })
        .collect();
    let body = format!("{} {{\n{}}}\n", head(&[], "struct", &name), fields.concat());
    let text = definitions + &body + &impls(&name, "", &struct_arms(&name, &list, Shape::Map));
    Made { text, ty: type_of(&name, Shape::Map, &list) }
}

/// A type that serde itself reads as another value than was written, in any format.
pub(super) fn undecidable(dice: &mut Dice, id: usize) -> Made {
    match dice.below(4) {
        0 => shifted(id),
        1 => absent(id),
        _ => taken_by_an_earlier_variant(dice, id),
    }
}

/// An untagged enum whose first variant can be read from what its second is written as.
fn taken_by_an_earlier_variant(dice: &mut Dice, id: usize) -> Made {
    let name = format!("T{id}");
    let (first, second, read) = *dice.pick(&[
        ("u8", "u64", "u8::try_from(*f0).ok()"),
        ("i8", "i64", "i8::try_from(*f0).ok()"),
        ("f64", "u64", "Some(*f0 as f64)"),
        ("f64", "i32", "Some(f64::from(*f0))"),
        ("Option<u8>", "()", "Some(None)"),
        ("()", "()", "Some(())"),
    ]);
    let reason = format!("untagged, {first} before {second}");
    let text = format!(
        "#[derive(serde::Serialize, serde::Deserialize)]\n#[serde(untagged)]\n\
         pub(crate) enum {name} {{\n    First({first}),\n    Second({second}),\n}}\n"
    );
    let field = |text: &str| Field::plain("0".to_owned(), Type::leaf(text, Shape::Mixed));
    let arrives = format!(
        "match {read} {{ Some(first) => {{ oracle.exception({reason:?}); {name}::First(first) }} \
         None => {name}::Second(*f0) }}"
    );
    let second = Arm::of(&format!("{name}::Second"), &[field(second)], true);
    let first = Arm::of(&format!("{name}::First"), &[field(first)], true);
    let arms = [first, second.instead_of_itself(arrives)];
    Made { text: text + &impls(&name, "buffered", &arms), ty: leaf_named(&name) }
}

/// A tuple that has as many elements as its reader expects, which are not the same.
fn shifted(id: usize) -> Made {
    let name = format!("T{id}");
    let text = format!(
        "{}(#[serde(skip_serializing)] pub(crate) u8, pub(crate) u8, \
         #[serde(skip_deserializing)] pub(crate) u8);\n",
        head(&[], "struct", &name)
    );
    let field = || Field::plain(String::new(), Type::leaf("u8", Shape::Integer));
    let arrives = format!(
        "{{ oracle.exception(\"a tuple with skip_serializing and skip_deserializing\"); \
         {name}(*f1, *f2, Default::default()) }}"
    );
    let arm = Arm::of(&name, &[field(), field(), field()], true).instead_of_itself(arrives);
    Made { text: text + &impls(&name, "", &[arm]), ty: leaf_named(&name) }
}

/// A flattened `Option` of a struct that can be read from nothing.
fn absent(id: usize) -> Made {
    let name = format!("T{id}");
    let derive = "#[derive(serde::Serialize, serde::Deserialize)]";
    let text = format!(
        "#[derive(Clone)]\n{derive}\n#[serde(default)]\n\
         pub(crate) struct T{id}Part {{\n    pub(crate) part_{id}: u8,\n}}\n\
         {derive}\npub(crate) struct {name} {{\n    \
         #[serde(flatten)] pub(crate) whole_{id}: Option<T{id}Part>,\n}}\n"
    );
    let part = format!("T{id}Part");
    let inner = Field::plain(format!("part_{id}"), Type::leaf("u8", Shape::Integer));
    let inner = impls(&part, "", &[Arm::of(&part, &[inner], false)]);
    let outer = Field::plain(format!("whole_{id}"), Type::leaf("Option", Shape::Mixed));
    let arrives = format!(
        "{{ if f0.is_none() {{ oracle.exception(\"a flattened Option of a struct of defaults\"); }} \
         {name} {{ whole_{id}: Some(f0.clone().unwrap_or_default()) }} }}"
    );
    let arm = Arm::of(&name, &[outer], false).instead_of_itself(arrives);
    Made { text: text + &inner + &impls(&name, "", &[arm]), ty: leaf_named(&name) }
}

fn leaf_named(name: &str) -> Type {
    Type { depth: 1, ..Type::leaf(name, Shape::Mixed) }
}
