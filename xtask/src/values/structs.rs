//! Structs: named, tuple, newtype, unit, with the attributes of their containers.

use super::arms::{Arm, impls};
use super::dice::Dice;
use super::fields::{self, Field, MARKS, Mark, Outer, Place};
use super::names::{Names, cased};
use super::types::{Flat, Pool, Shape, Type};

/// What a struct is made to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    /// Fields with this mark, and others.
    Marked(Mark),
    /// A default for the whole.
    Default,
    DenyUnknown,
    Flatten,
    Tagged,
}

/// A generated item with what others must know of it.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) ty: Type,
}

/// A struct with named fields.
pub(super) fn named(
    dice: &mut Dice,
    names: &mut Names,
    pool: &Pool,
    id: usize,
    focus: Focus,
) -> Made {
    let name = format!("T{id}");
    let (mut attributes, outer) = container(dice, names, focus);
    let place = Place { pool, outer: &outer, denies: focus == Focus::DenyUnknown };
    let mut list = Vec::new();
    if let Focus::Marked(mark) = focus {
        list.push(fields::make(dice, names, &place, mark));
    }
    for _ in 0..=dice.below(4) {
        let mark = *dice.pick(MARKS);
        list.push(fields::make(dice, names, &place, mark));
    }
    if focus == Focus::Flatten {
        flatten(dice, names, &place, &mut list);
    }
    let at = dice.below(list.len());
    list.rotate_left(at);
    // A map that takes what is left comes last.
    list.sort_by_key(|field| field.catch_all);
    if dice.one_in(3) {
        attributes.push(rename_all(dice));
    }
    let mut ty = type_of(&name, Shape::Map, &list);
    let has_required = list.iter().any(|field| field.required) && outer == Outer::None;
    if !has_required {
        ty.shape = Shape::Mixed;
    }
    ty.flat = flat(&list, id, has_required).filter(|_| focus != Focus::DenyUnknown);
    if let Some(flat) = &mut ty.flat {
        // The tag is written and not read.
        flat.keeps_entries |= focus == Focus::Tagged;
    }
    let head = head(&attributes, "struct", &name);
    let fields: Vec<String> = list.iter().map(|field| declared(field, &field.name)).collect();
    let body = format!("{head} {{\n{}}}\n", fields.concat());
    let text = body + &impls(&name, "", &struct_arms(&name, &list, Shape::Map));
    Made { text, ty }
}

fn declared(field: &Field, name: &str) -> String {
    format!("    {}pub(crate) {name}: {},\n", field.written(), field.ty.text)
}

/// The attributes of a container, and where missing fields come from.
fn container(dice: &mut Dice, names: &mut Names, focus: Focus) -> (Vec<String>, Outer) {
    let mut attributes = Vec::new();
    let mut outer = Outer::None;
    match focus {
        Focus::Default if dice.one_in(2) => {
            attributes.push("default".to_owned());
            outer = Outer::Container("Self::default()");
        }
        Focus::Default => {
            attributes.push("default = \"another\"".to_owned());
            outer = Outer::Container("another::<Self>()");
        }
        Focus::DenyUnknown => attributes.push("deny_unknown_fields".to_owned()),
        Focus::Tagged => attributes.push(format!("tag = {:?}", names.text(dice))),
        Focus::Marked(_) | Focus::Flatten => {}
    }
    match dice.below(8) {
        0 => attributes.push("expecting = \"a type of the corpus\"".to_owned()),
        1 => attributes.push("crate = \"serde\"".to_owned()),
        2 => attributes.push(format!("rename = {:?}", names.text(dice))),
        _ => {}
    }
    (attributes, outer)
}

/// One or two flattened types that have no name in common, and perhaps a map for the rest.
fn flatten(dice: &mut Dice, names: &mut Names, place: &Place<'_>, list: &mut Vec<Field>) {
    let mut ids = Vec::new();
    let mut keeps = list.iter().any(|field| field.left_over);
    for _ in 0..=dice.below(2) {
        let mark = *dice.pick(&[Mark::Flatten, Mark::Flatten, Mark::FlattenOption]);
        let field = fields::make(dice, names, place, mark);
        if let Some(flat) = &field.flat {
            if flat.ids.iter().any(|id| ids.contains(id)) {
                continue;
            }
            ids.extend(&flat.ids);
            keeps |= flat.keeps_entries;
            list.push(field);
        }
    }
    if !keeps && (ids.is_empty() || dice.one_in(2)) {
        list.push(fields::make(dice, names, place, Mark::FlattenMap));
    }
    // Serde stores what has no field until it knows who flattens it.
    for field in list.iter_mut().filter(|field| field.left_over) {
        let stored = "oracle.buffered(|oracle| {}.arrived(oracle))";
        field.arrived = field.arrived.replace("{}.arrived(oracle)", stored);
    }
}

/// How a struct behaves under `flatten`, unless it takes every entry.
pub(super) fn flat(list: &[Field], id: usize, required: bool) -> Option<Flat> {
    if list.iter().any(|field| field.catch_all) {
        return None;
    }
    let inner = || list.iter().filter_map(|field| field.flat.as_ref());
    let ids = inner().flat_map(|flat| flat.ids.iter().copied()).chain([id]).collect();
    // Serde reads a flattened struct that flattens others as a map, which takes no entry away.
    let keeps_entries = list.iter().any(|field| field.left_over || field.flat.is_some());
    Some(Flat { ids, required, keeps_entries })
}

/// A type made of fields.
pub(super) fn type_of(text: &str, shape: Shape, list: &[Field]) -> Type {
    Type {
        fallible: list.iter().any(|field| field.ty.fallible),
        depth: list.iter().map(|field| field.ty.depth).max().unwrap_or(0) + 1,
        weight: list.iter().map(|field| field.ty.weight).sum::<u32>() + 1,
        ..Type::leaf(text, shape)
    }
}

pub(super) fn head(attributes: &[String], kind: &str, name: &str) -> String {
    let list = match attributes {
        [] => String::new(),
        list => format!("#[serde({})]\n", list.join(", ")),
    };
    format!("#[derive(serde::Serialize, serde::Deserialize)]\n{list}pub(crate) {kind} {name}")
}

pub(super) fn rename_all(dice: &mut Dice) -> String {
    let case = cased(dice);
    if dice.one_in(3) {
        format!("rename_all(serialize = {case:?}, deserialize = {case:?})")
    } else {
        format!("rename_all = {case:?}")
    }
}

/// The three functions of a struct as those of an enum with one variant.
pub(super) fn struct_arms(name: &str, list: &[Field], shape: Shape) -> Vec<Arm> {
    let tuple = shape != Shape::Map;
    vec![Arm::of(name, list, tuple)]
}

/// A tuple struct or a newtype struct.
pub(super) fn tuple(
    dice: &mut Dice,
    names: &mut Names,
    pool: &Pool,
    id: usize,
    length: usize,
) -> Made {
    let name = format!("T{id}");
    let outer = Outer::None;
    let place = Place { pool, outer: &outer, denies: false };
    let mut list: Vec<Field> = (0..length)
        .map(|_| {
            let marks = [Mark::Plain, Mark::Plain, Mark::With, Mark::Withs];
            let mark = *dice.pick(&marks);
            fields::make(dice, names, &place, mark)
        })
        .collect();
    if length > 2 {
        shorten(dice, names, &place, &mut list);
    }
    for (at, field) in list.iter_mut().enumerate() {
        field.name = at.to_string();
    }
    let shape = match list.as_slice() {
        [one] if one.attributes.is_empty() => one.ty.shape,
        [_] => Shape::Mixed,
        _ => Shape::Sequence,
    };
    let ty = Type { optional: false, ..type_of(&name, shape, &list) };
    let fields: Vec<String> = list.iter().map(declared_tuple).collect();
    let body = format!("{}({});\n", head(&[], "struct", &name), fields.join(", "));
    Made { text: body + &impls(&name, "", &struct_arms(&name, &list, Shape::Sequence)), ty }
}

pub(super) fn declared_tuple(field: &Field) -> String {
    format!("{}pub(crate) {}", field.written(), field.ty.text)
}

/// Gives one field of a tuple an attribute that shortens it.
fn shorten(dice: &mut Dice, names: &mut Names, place: &Place<'_>, list: &mut [Field]) {
    let marks = [Mark::Skip, Mark::SkipSerializing, Mark::SkipDeserializing, Mark::SkipIf];
    let mark = *dice.pick(&marks);
    // After a field with a default, serde wants one for each field of a tuple.
    let anywhere = mark == Mark::Skip;
    let at = if anywhere { dice.below(list.len()) } else { list.len() - 1 };
    let mut field = fields::make(dice, names, place, mark);
    let shortened = match mark {
        Mark::Skip => None,
        Mark::SkipSerializing | Mark::SkipDeserializing => Some("true".to_owned()),
        _ => field
            .arrived
            .split_once(" {")
            .map(|(when, _)| when.strip_prefix("if ").expect("a condition").to_owned()),
    };
    if let Some(when) = shortened {
        let reason = "a tuple struct shortened or lengthened by an attribute";
        field.arrived =
            format!("{{ if {when} {{ oracle.may_fail({reason:?}); }} {} }}", field.arrived);
        field.ty.fallible = true;
    }
    list[at] = field;
}

/// A struct without fields.
pub(super) fn unit(id: usize) -> Made {
    let name = format!("T{id}");
    let body = format!("{};\n", head(&[], "struct", &name));
    let arms = vec![Arm::of(&name, &[], true)];
    Made { text: body + &impls(&name, "", &arms), ty: type_of(&name, Shape::Unit, &[]) }
}

/// A transparent struct, with a field beside the one that is seen.
pub(super) fn transparent(dice: &mut Dice, names: &mut Names, pool: &Pool, id: usize) -> Made {
    let name = format!("T{id}");
    // For serde a `PhantomData` is no field.
    let seen = pool.find(dice, |ty| !ty.text.contains("PhantomData"));
    let seen = seen.unwrap_or_else(|| Type::leaf("u8", Shape::Integer));
    let seen = Field::plain(names.field(dice), seen);
    let mut beside = Field::plain(names.field(dice), Type::leaf("NotForSerde", Shape::Mixed));
    beside.attributes.push("skip".to_owned());
    beside.arrives("Default::default()");
    let ty = Type {
        flat: seen.ty.flat.clone(),
        optional: seen.ty.optional,
        ..type_of(&name, seen.ty.shape, std::slice::from_ref(&seen))
    };
    let list = [seen, beside];
    let fields: Vec<String> = list.iter().map(|field| declared(field, &field.name)).collect();
    let head = head(&["transparent".to_owned()], "struct", &name);
    let body = format!("{head} {{\n{}}}\n", fields.concat());
    Made { text: body + &impls(&name, "", &struct_arms(&name, &list, Shape::Map)), ty }
}
