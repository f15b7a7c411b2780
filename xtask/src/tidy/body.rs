//! Reads the syntax of one module: what it declares, brings in and mentions.
//!
//! What only tests compile is left out. Names are not resolved here.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Attribute, ImplItem, Item, ItemMacro, ItemMod, ItemUse, Macro, Meta, Token, UseTree,
    VisRestricted, Visibility,
};

use super::module::{How, Mention, Module};

/// Collects what one module says; modules declared in it are kept for later.
pub(super) struct Body<'s> {
    pub(super) module: Module,
    /// The modules declared here, each with whether only tests compile it.
    pub(super) declared: Vec<(&'s ItemMod, bool)>,
    /// Whether everything is read, also what only tests compile.
    pub(super) all: bool,
}

impl<'s> Visit<'s> for Body<'s> {
    fn visit_item(&mut self, item: &'s Item) {
        let only_in_tests = attributes(item).iter().any(only_for_tests);
        if let Item::Mod(declared) = item {
            if !only_in_tests {
                self.module.children.insert(declared.ident.to_string());
            }
            self.declared.push((declared, only_in_tests));
        } else if !only_in_tests || self.all {
            self.module.items.extend(name(item));
            if let Item::Macro(ItemMacro { attrs, ident: Some(ident), .. }) = item {
                if attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                    self.module.macros.insert(ident.to_string());
                }
            }
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'s ImplItem) {
        let skipped =
            matches!(item, ImplItem::Fn(function) if function.attrs.iter().any(only_for_tests));
        if !skipped {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'s ItemUse) {
        let private = matches!(item.vis, Visibility::Inherited);
        self.read_use(&item.tree, Vec::new(), private);
    }

    fn visit_path(&mut self, path: &'s syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if names.len() > 1 {
            let line = path.segments[0].ident.span().start().line;
            self.mention(names, line, How::Use);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'s Macro) {
        self.visit_path(&call.path);
        self.read_tokens(call.tokens.clone(), &[]);
    }

    // Neither is an arrow: `pub(in path)` and what attributes say.
    fn visit_vis_restricted(&mut self, _: &'s VisRestricted) {}
    fn visit_attribute(&mut self, _: &'s Attribute) {}
}

impl Body<'_> {
    fn mention(&mut self, path: Vec<String>, line: usize, how: How) {
        self.module.mentions.push(Mention { path, line, how });
    }

    fn read_use(&mut self, tree: &UseTree, mut path: Vec<String>, private: bool) {
        let how = if private { How::Use } else { How::ReExport };
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.read_use(&part.tree, path, private);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.read_use(tree, path.clone(), private));
            }
            UseTree::Name(name) => {
                // `use a::b::{self}` brings in `b`.
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                if let Some(last) = path.last() {
                    self.module.bindings.insert(last.clone(), path.clone());
                }
                self.mention(path, name.ident.span().start().line, how);
            }
            UseTree::Rename(name) => {
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                self.module.bindings.insert(name.rename.to_string(), path.clone());
                self.mention(path, name.ident.span().start().line, how);
            }
            UseTree::Glob(glob) => {
                let how = if private { How::Glob } else { How::ReExportGlob };
                self.module.globs.push(path.clone());
                self.mention(path, glob.star_token.spans[0].start().line, how);
            }
        }
    }

    /// Finds the paths in the body of a macro, which has no syntax yet.
    fn read_tokens(&mut self, tokens: TokenStream, before: &[String]) {
        let mut path = before.to_vec();
        let (mut line, mut colons) = (0, 2);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end_of_path(std::mem::replace(&mut path, before.to_vec()), line);
                    }
                    path.push(word.to_string());
                    (line, colons) = (word.span().start().line, 0);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && colons < 2 => colons += 1,
                TokenTree::Group(group) => {
                    let nested = colons == 2 && group.delimiter() == Delimiter::Brace;
                    let prefix = if nested { path.clone() } else { Vec::new() };
                    if !nested {
                        self.end_of_path(std::mem::take(&mut path), line);
                    }
                    path = before.to_vec();
                    colons = 2;
                    self.read_tokens(group.stream(), &prefix);
                }
                _ => {
                    self.end_of_path(std::mem::replace(&mut path, before.to_vec()), line);
                    colons = 2;
                }
            }
        }
        self.end_of_path(path, line);
    }

    fn end_of_path(&mut self, path: Vec<String>, line: usize) {
        if path.len() > 1 {
            self.mention(path, line, How::Use);
        }
    }
}

/// The attributes of an item of any kind.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(syn::ItemConst { attrs, .. })
        | Item::Enum(syn::ItemEnum { attrs, .. })
        | Item::ExternCrate(syn::ItemExternCrate { attrs, .. })
        | Item::Fn(syn::ItemFn { attrs, .. })
        | Item::ForeignMod(syn::ItemForeignMod { attrs, .. })
        | Item::Impl(syn::ItemImpl { attrs, .. })
        | Item::Macro(ItemMacro { attrs, .. })
        | Item::Mod(ItemMod { attrs, .. })
        | Item::Static(syn::ItemStatic { attrs, .. })
        | Item::Struct(syn::ItemStruct { attrs, .. })
        | Item::Trait(syn::ItemTrait { attrs, .. })
        | Item::Type(syn::ItemType { attrs, .. })
        | Item::Union(syn::ItemUnion { attrs, .. })
        | Item::Use(ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}

/// The name that an item defines, if other modules can mention it.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Whether an attribute makes its item exist in tests only: `#[test]`, `#[cfg(test)]`, also in
/// `all` and in every branch of `any`.
fn only_for_tests(attribute: &Attribute) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
                let parts: Vec<Meta> = parts.into_iter().flatten().collect();
                (list.path.is_ident("all") && parts.iter().any(needs_test))
                    || (list.path.is_ident("any") && parts.iter().all(needs_test))
            }
            Meta::NameValue(_) => false,
        }
    }
    attribute.path().is_ident("test")
        || (attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition)))
}
