//! The forms of a type, and its implementations of `Default` and `Sample`.

use std::fmt::Write;

use super::fields::Field;

/// One variant, or the only form of a struct, as patterns and expressions.
pub(super) struct Arm {
    /// `T1` or `T1::A`.
    path: String,
    pub(super) fields: Vec<Field>,
    tuple: bool,
    /// What is done before it arrives.
    pub(super) note: String,
    /// What arrives in place of itself, if that is something else.
    pub(super) instead: Option<String>,
    pub(super) rare: bool,
}

impl Arm {
    pub(super) fn of(path: &str, fields: &[Field], tuple: bool) -> Self {
        let (path, fields) = (path.to_owned(), fields.to_vec());
        Self { path, fields, tuple, note: String::new(), instead: None, rare: false }
    }

    /// An arm that arrives as another expression, of its fields `f0`, `f1`.
    pub(super) fn instead_of_itself(self, expression: String) -> Self {
        Self { instead: Some(expression), ..self }
    }

    /// The arm with the given expression for each field.
    fn built(&self, part: impl Fn(usize, &Field) -> String) -> String {
        let parts: Vec<String> = self
            .fields
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let part = part(at, field);
                if self.tuple { part } else { format!("{}: {part}", field.name) }
            })
            .collect();
        match (parts.is_empty(), self.tuple) {
            (true, true) => self.path.clone(),
            (_, true) => format!("{}({})", self.path, parts.join(", ")),
            (_, false) => format!("{} {{ {} }}", self.path, parts.join(", ")),
        }
    }

    pub(super) fn sample(&self) -> String {
        self.built(|_, field| field.sample.clone())
    }

    pub(super) fn arrived(&self) -> String {
        let pattern = self.built(|at, _| format!("f{at}"));
        let arrived = self.built(|at, field| field.arrived.replace("{}", &format!("f{at}")));
        let arrived = self.instead.clone().unwrap_or(arrived);
        format!("{pattern} => {{ {}{arrived} }}", self.note)
    }

    pub(super) fn same(&self) -> String {
        let (own, other) =
            (self.built(|at, _| format!("f{at}")), self.built(|at, _| format!("o{at}")));
        let equal: Vec<String> =
            (0..self.fields.len()).map(|at| format!("f{at}.same(o{at})")).collect();
        let equal = if equal.is_empty() { "true".to_owned() } else { equal.join(" && ") };
        format!("({own}, {other}) => {equal}")
    }
}

/// The implementations of `Default` and `Sample` for a type without parameters.
pub(super) fn impls(name: &str, around: &str, arms: &[Arm]) -> String {
    impls_of(name, "", around, arms)
}

/// As [`impls`], for `ty` with the parameters in `header`.
pub(super) fn impls_of(ty: &str, header: &str, around: &str, arms: &[Arm]) -> String {
    let mut usual: Vec<&Arm> = arms.iter().filter(|arm| !arm.rare).collect();
    let rare: Vec<&Arm> = arms.iter().filter(|arm| arm.rare).collect();
    let mut sample = String::new();
    if let Some(rare) = rare.first() {
        write!(sample, "if random.one_in(9) {{ return {}; }}\n        ", rare.sample())
            .expect("a string");
    }
    let last = usual.pop().expect("a type has a form");
    write!(sample, "match random.variant({}) {{ ", usual.len() + 1).expect("a string");
    for (number, arm) in usual.iter().enumerate() {
        write!(sample, "{number} => {}, ", arm.sample()).expect("a string");
    }
    write!(sample, "_ => {} }}", last.sample()).expect("a string");
    let all = |form: fn(&Arm) -> String| -> String {
        let lines: Vec<String> =
            arms.iter().map(|arm| format!("            {},\n", form(arm))).collect();
        lines.concat()
    };
    let (before, behind) =
        if around.is_empty() { ("", "") } else { ("oracle.buffered(|oracle| ", ")") };
    let other = if arms.len() > 1 { "            _ => false,\n" } else { "" };
    format!(
        "impl{header} Default for {ty} {{\n    fn default() -> Self {{\n        plain()\n    }}\n}}\n\
         impl{header} Sample for {ty} {{\n    \
         fn sample(random: &mut Random) -> Self {{\n        {sample}\n    }}\n    \
         fn arrived(&self, oracle: &mut Oracle) -> Self {{\n        {before}match self {{\n{}        }}{behind}\n    }}\n    \
         fn same(&self, other: &Self) -> bool {{\n        match (self, other) {{\n{}{other}        }}\n    }}\n}}\n",
        all(Arm::arrived),
        all(Arm::same),
    )
}
