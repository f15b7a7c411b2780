//! Enums: all shapes of variants under each of serde's representations.

use super::arms::{Arm, impls};
use super::dice::Dice;
use super::fields::{self, Field, MARKS, Mark, Outer, Place};
use super::names::{Names, cased};
use super::structs::{Made, flat, head, rename_all, type_of};
use super::types::{Flat, Pool, Shape, Type};

/// How serde writes an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    External,
    Internal,
    Adjacent,
    Untagged,
    /// Tagged, with an untagged variant at the end.
    Mixed,
}

struct Variant {
    text: String,
    arm: Arm,
    shape: Shape,
    /// What it brings to its level where it is flattened; `None` where it cannot be.
    flat: Option<Flat>,
    fallible: bool,
    ty: Type,
}

struct Maker<'a> {
    dice: &'a mut Dice,
    names: &'a mut Names,
    pool: &'a Pool,
    enumeration: String,
    id: usize,
    style: Style,
}

/// An enum of the given style.
pub(super) fn any(
    dice: &mut Dice,
    names: &mut Names,
    pool: &Pool,
    id: usize,
    style: Style,
) -> Made {
    let name = format!("T{id}");
    let mut attributes = attributes(dice, names, style);
    let unit_only = style != Style::Untagged && dice.one_in(7);
    let mut maker = Maker { dice, names, pool, enumeration: name.clone(), id, style };
    let mut variants = if style == Style::Untagged {
        maker.untagged(5)
    } else {
        (0..maker.dice.below(4) + 2).map(|_| maker.tagged(unit_only)).collect()
    };
    match style {
        Style::Untagged => {}
        Style::Mixed => {
            // Before it, serde tries the tagged variants on what it has stored.
            let mut last = maker.untagged(1);
            for variant in &mut last {
                variant.text = variant.text.replacen("    ", "    #[serde(untagged)] ", 1);
            }
            variants.extend(last);
        }
        _ => maker.special(&mut variants),
    }
    let shape = shape(style, &variants);
    let list: Vec<Field> = variants.iter().flat_map(|one| one.arm.fields.iter().cloned()).collect();
    let heaviest = variants.iter().map(|one| one.ty.weight).max().unwrap_or(1);
    let flat = merged(&variants, style, id);
    let fallible = variants.iter().any(|one| one.fallible);
    let ty = Type { flat, fallible, weight: heaviest, ..type_of(&name, shape, &list) };
    if dice.one_in(3) {
        attributes.push(rename_all(dice));
    }
    if dice.one_in(3) {
        attributes.push(format!("rename_all_fields = {:?}", cased(dice)));
    }
    let texts: Vec<String> = variants.iter().map(|one| one.text.clone()).collect();
    let body = format!("{} {{\n{}}}\n", head(&attributes, "enum", &name), texts.concat());
    let arms: Vec<Arm> = variants.into_iter().map(|one| one.arm).collect();
    let around = if matches!(style, Style::External | Style::Adjacent) { "" } else { "buffered" };
    Made { text: body + &impls(&name, around, &arms), ty }
}

fn attributes(dice: &mut Dice, names: &mut Names, style: Style) -> Vec<String> {
    let mut attributes = Vec::new();
    match style {
        Style::External => {}
        Style::Mixed if dice.one_in(2) => {}
        Style::Internal | Style::Mixed => attributes.push(format!("tag = {:?}", names.text(dice))),
        Style::Adjacent => {
            attributes.push(format!("tag = {:?}", names.text(dice)));
            attributes.push(format!("content = {:?}", names.text(dice)));
        }
        Style::Untagged => attributes.push("untagged".to_owned()),
    }
    if dice.one_in(6) {
        attributes.push("expecting = \"an enum of the corpus\"".to_owned());
    }
    attributes
}

fn shape(style: Style, variants: &[Variant]) -> Shape {
    match style {
        Style::Internal | Style::Adjacent => Shape::Map,
        // A unit variant is a text, any other a map.
        Style::External if variants.iter().all(|one| one.shape == Shape::Unit) => Shape::Text,
        Style::External if variants.iter().all(|one| one.shape != Shape::Unit) => Shape::Map,
        _ => Shape::Mixed,
    }
}

/// How an enum behaves under `flatten`.
fn merged(variants: &[Variant], style: Style, id: usize) -> Option<Flat> {
    if style == Style::Mixed
        || (style == Style::External && variants.iter().any(|one| one.arm.instead.is_some()))
    {
        return None;
    }
    let mut ids = vec![id];
    if matches!(style, Style::Internal | Style::Untagged) {
        for variant in variants {
            ids.extend(&variant.flat.as_ref()?.ids);
        }
    }
    let keeps_entries = matches!(style, Style::Internal | Style::Untagged);
    Some(Flat { ids, required: true, keeps_entries })
}

impl Maker<'_> {
    /// A variant of a representation that names it.
    fn tagged(&mut self, unit_only: bool) -> Variant {
        let internal = self.is_internal();
        let mut variant = match self.dice.below(4) {
            _ if unit_only => self.unit(),
            0 => self.unit(),
            1 => match self.newtype(|ty| !internal || ty.flat.is_some()) {
                Some(variant) => variant,
                None => self.unit(),
            },
            2 if !internal => self.tuple(),
            _ => self.structure(false),
        };
        let (one, two) = (self.names.text(self.dice), self.names.text(self.dice));
        let attribute = match self.dice.below(8) {
            0 => format!("rename = {one:?}"),
            1 => format!("alias = {one:?}, alias = {two:?}"),
            2 => format!("rename(serialize = {one:?}, deserialize = {two:?}), alias = {one:?}"),
            _ => return variant,
        };
        variant.text = format!("    #[serde({attribute})]\n{}", variant.text);
        variant
    }

    fn is_internal(&self) -> bool {
        matches!(self.style, Style::Internal | Style::Mixed)
    }

    /// Variants that can be told apart by what each is written as.
    fn untagged(&mut self, most: usize) -> Vec<Variant> {
        let mut variants = Vec::new();
        let mut shapes = vec![Shape::Unit, Shape::Bool, Shape::Integer, Shape::Float];
        // Texts and sequences can be read as bytes, and bytes as text.
        let others =
            if self.dice.one_in(4) { &[Shape::Bytes][..] } else { &[Shape::Text, Shape::Sequence] };
        shapes.extend(others);
        let few = self.dice.below(most) + 1;
        for _ in 0..few {
            if self.dice.one_in(3) || self.style == Style::Mixed || shapes.is_empty() {
                let variant = self.structure(true);
                variants.push(variant);
                continue;
            }
            let at = self.dice.below(shapes.len());
            let shape = shapes.remove(at);
            variants.extend(self.untagged_of(shape));
        }
        if variants.is_empty() {
            variants.push(self.structure(true));
        }
        // A struct can be read from a sequence, so sequences are tried before.
        variants.sort_by_key(|variant| variant.shape);
        variants
    }

    fn untagged_of(&mut self, shape: Shape) -> Option<Variant> {
        match shape {
            Shape::Unit => Some(self.unit()),
            Shape::Sequence if self.dice.one_in(2) => {
                let variant = self.tuple();
                (!variant.fallible).then_some(variant)
            }
            _ => self.newtype(|ty| ty.shape == shape && !ty.fallible && !ty.optional),
        }
    }

    fn unit(&mut self) -> Variant {
        let name = self.names.variant(self.dice);
        let arm = Arm::of(&format!("{}::{name}", self.enumeration), &[], true);
        // Nothing of it stands where an untagged enum is flattened.
        let flat = (self.style != Style::Untagged).then(Flat::default);
        Self::finish(format!("    {name},\n"), arm, Shape::Unit, flat)
    }

    fn newtype(&mut self, fits: impl Fn(&Type) -> bool) -> Option<Variant> {
        let ty = self.pool.find(self.dice, fits)?;
        let name = self.names.variant(self.dice);
        let (shape, flat) = (ty.shape, ty.flat.clone());
        let text = ty.text.clone();
        let arm = Arm::of(
            &format!("{}::{name}", self.enumeration),
            &[Field::plain(name.clone(), ty)],
            true,
        );
        // `with` of a variant takes all its fields.
        let with = self.style != Style::Untagged && !self.is_internal() && self.dice.one_in(4);
        let with = if with { "    #[serde(with = \"as_pair\")]\n" } else { "" };
        Some(Self::finish(format!("{with}    {name}({text}),\n"), arm, shape, flat))
    }

    fn tuple(&mut self) -> Variant {
        let name = self.names.variant(self.dice);
        let outer = Outer::None;
        let place = Place { pool: self.pool, outer: &outer, denies: false };
        let mut list = Vec::new();
        for at in 0..self.dice.below(2) + 2 {
            let mark = *self.dice.pick(&[Mark::Plain, Mark::Plain, Mark::With]);
            let mut field = fields::make(self.dice, self.names, &place, mark);
            field.name = at.to_string();
            list.push(field);
        }
        let fields: Vec<String> =
            list.iter().map(|field| format!("{}{}", field.written(), field.ty.text)).collect();
        let arm = Arm::of(&format!("{}::{name}", self.enumeration), &list, true);
        Self::finish(format!("    {name}({}),\n", fields.join(", ")), arm, Shape::Sequence, None)
    }

    /// A variant with named fields; one that is told apart by its fields has one that only it has.
    fn structure(&mut self, told_apart: bool) -> Variant {
        let name = self.names.variant(self.dice);
        let outer = Outer::None;
        let place = Place { pool: self.pool, outer: &outer, denies: false };
        let mut list = Vec::new();
        if told_apart {
            let ty = self.pool.find(self.dice, |ty| !ty.optional && !ty.fallible);
            let ty = ty.unwrap_or_else(|| Type::leaf("u8", Shape::Integer));
            list.push(Field::plain(self.names.field(self.dice), ty));
        }
        for _ in 0..self.dice.below(3) + usize::from(!told_apart) {
            let mark = *self.dice.pick(MARKS);
            let field = fields::make(self.dice, self.names, &place, mark);
            if !(told_apart && field.ty.fallible) {
                list.push(field);
            }
        }
        let fields: Vec<String> = list
            .iter()
            .map(|field| format!("        {}{}: {},\n", field.written(), field.name, field.ty.text))
            .collect();
        let arm = Arm::of(&format!("{}::{name}", self.enumeration), &list, false);
        let own = if self.dice.one_in(4) {
            format!("    #[serde(rename_all = {:?})]\n", cased(self.dice))
        } else {
            String::new()
        };
        let flat = flat(&list, self.id, true);
        Self::finish(
            format!("{own}    {name} {{\n{}    }},\n", fields.concat()),
            arm,
            Shape::Map,
            flat,
        )
    }

    fn finish(text: String, arm: Arm, shape: Shape, flat: Option<Flat>) -> Variant {
        let ty = type_of("", shape, &arm.fields);
        Variant { text, shape, flat, fallible: ty.fallible, ty, arm }
    }

    /// Adds a variant that is skipped, or one that is read as another.
    fn special(&mut self, variants: &mut Vec<Variant>) {
        let choice = self.dice.below(6);
        let (attribute, text) = match choice {
            0 => ("skip", "cannot be serialized"),
            1 => ("skip_serializing", "cannot be serialized"),
            2 => ("skip_deserializing", ""),
            3 | 4 => return self.other(variants),
            _ => return,
        };
        let mut variant = if self.dice.one_in(2) { self.unit() } else { self.structure(false) };
        variant.text = format!("    #[serde({attribute})]\n{}", variant.text);
        variant.arm.note = format!("oracle.must_fail({text:?}); ");
        variant.arm.rare = true;
        variant.fallible = true;
        // The first variant is the one of values that may not grow.
        let at = 1 + self.dice.below(variants.len());
        variants.insert(at, variant);
    }

    /// A unit variant that no reader knows, and the one that it is read as.
    fn other(&mut self, variants: &mut Vec<Variant>) {
        let (mut unknown, mut other) = (self.unit(), self.unit());
        let (one, two) = (self.names.text(self.dice), self.names.text(self.dice));
        unknown.text = format!(
            "    #[serde(rename(serialize = {one:?}, deserialize = {two:?}))]\n{}",
            unknown.text
        );
        unknown.arm.instead = Some(other.arm.sample());
        unknown.arm.note.push_str("oracle.exception(\"rename(serialize, deserialize)\"); ");
        other.text = format!("    #[serde(other)]\n{}", other.text);
        let at = 1 + self.dice.below(variants.len());
        variants.insert(at, unknown);
        variants.push(other);
    }
}
