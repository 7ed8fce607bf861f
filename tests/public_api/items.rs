//! What of a library is public, as Rust that shows it: signatures without bodies, fields and items that are not public left out.
//!
//! Every `pub` item counts, whichever module it stands in: the lint `unreachable_pub` sees to it that each can be reached.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Visibility};

/// Returns the public items of all files below a folder, file by file.
pub(crate) fn of(folder: &Path) -> String {
    let mut paths = Vec::new();
    gather(folder, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let source = std::fs::read_to_string(path).expect("a file of source");
        let file = syn::parse_file(&source).expect("Rust");
        if is_of_tests(&file.attrs) { Vec::new() } else { file.items }
    };
    let files: Vec<(&PathBuf, Vec<Item>)> = paths.iter().map(|path| (path, read(path))).collect();
    let all = files.iter().flat_map(|(_, items)| items);
    let (shown, hidden): (Vec<_>, Vec<_>) = all.filter_map(named).partition(|(_, visibility)| is_public(visibility));
    let shown: BTreeSet<String> = shown.into_iter().map(|(name, _)| name).collect();
    let hidden: BTreeSet<String> =
        hidden.into_iter().map(|(name, _)| name).filter(|name| !shown.contains(name)).collect();
    // What a type of ours can do is nobody else's business.
    let is_ours =
        |item: &Item| matches!(item, Item::Impl(item) if implementor(item).is_some_and(|name| hidden.contains(&name)));
    let mut text = String::new();
    for (path, items) in files {
        let items: Vec<Item> = items.into_iter().filter(|item| !is_ours(item)).filter_map(public).collect();
        if items.is_empty() {
            continue;
        }
        let shown = prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items });
        let name = path.strip_prefix(folder).expect("below it").display();
        text.push_str(&format!("// {name}\n{}\n", shown.replace("__: __", "..").replace("__", "..")));
    }
    text
}

/// Returns the name of a type, and who sees it.
fn named(item: &Item) -> Option<(String, &Visibility)> {
    match item {
        Item::Enum(item) => Some((item.ident.to_string(), &item.vis)),
        Item::Struct(item) => Some((item.ident.to_string(), &item.vis)),
        _ => None,
    }
}

/// Returns the name of the type that something is implemented for.
fn implementor(item: &syn::ItemImpl) -> Option<String> {
    match &*item.self_ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    let is = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    };
    attributes.iter().any(is)
}

/// Keeps the attributes that change what a program sees.
fn seen(attributes: &mut Vec<Attribute>) {
    const KEPT: [&str; 6] = ["cfg", "non_exhaustive", "must_use", "deprecated", "derive", "repr"];
    attributes.retain(|attribute| KEPT.iter().any(|kept| attribute.path().is_ident(kept)));
}

fn nothing() -> syn::Block {
    syn::parse_quote!({})
}

/// Returns what of an item is public.
fn public(mut item: Item) -> Option<Item> {
    let (attributes, is) = match &mut item {
        Item::Const(item) => {
            // A value is no part of the interface, and may be long.
            *item.expr = syn::parse_quote!(..);
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Enum(item) => {
            item.variants.iter_mut().for_each(|variant| {
                seen(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| seen(&mut field.attrs));
            });
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Fn(item) => {
            *item.block = nothing();
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Impl(item) => {
            let of_trait = item.trait_.is_some();
            let kept = std::mem::take(&mut item.items).into_iter().filter_map(method);
            // What a trait asks for is listed with the trait.
            item.items = if of_trait { Vec::new() } else { kept.collect() };
            let shown = of_trait || !item.items.is_empty();
            (&mut item.attrs, shown)
        }
        Item::Macro(item) => {
            let exported = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
            item.mac.tokens = proc_macro2::TokenStream::new();
            (&mut item.attrs, exported)
        }
        Item::Mod(item) => {
            if let Some((_, items)) = &mut item.content {
                *items = std::mem::take(items).into_iter().filter_map(public).collect();
            }
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Static(item) => {
            *item.expr = syn::parse_quote!(..);
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Struct(item) => {
            fields(&mut item.fields);
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Trait(item) => {
            item.items.iter_mut().for_each(of_trait);
            (&mut item.attrs, is_public(&item.vis))
        }
        Item::Type(item) => (&mut item.attrs, is_public(&item.vis)),
        Item::Use(item) => (&mut item.attrs, is_public(&item.vis)),
        _ => return None,
    };
    if !is || is_of_tests(attributes) {
        return None;
    }
    seen(attributes);
    Some(item)
}

fn method(mut item: ImplItem) -> Option<ImplItem> {
    let (attributes, is) = match &mut item {
        ImplItem::Const(item) => {
            item.expr = syn::parse_quote!(..);
            (&mut item.attrs, is_public(&item.vis))
        }
        ImplItem::Fn(item) => {
            item.block = nothing();
            (&mut item.attrs, is_public(&item.vis))
        }
        _ => return None,
    };
    if !is || is_of_tests(attributes) {
        return None;
    }
    seen(attributes);
    Some(item)
}

fn of_trait(item: &mut TraitItem) {
    match item {
        TraitItem::Const(item) => {
            seen(&mut item.attrs);
            // That there is a default is seen, and which it is not.
            item.default = item.default.take().map(|(equals, _)| (equals, syn::parse_quote!(..)));
        }
        TraitItem::Fn(item) => {
            seen(&mut item.attrs);
            item.default = item.default.take().map(|_| nothing());
        }
        TraitItem::Type(item) => seen(&mut item.attrs),
        _ => {}
    }
}

/// Leaves fields out that are not public, and says that there are some: a struct with them cannot be made outside.
fn fields(fields: &mut Fields) {
    let hidden = fields.iter().any(|field| !is_public(&field.vis));
    match fields {
        Fields::Named(named) => {
            named.named = std::mem::take(&mut named.named).into_iter().filter(|field| is_public(&field.vis)).collect();
            if hidden {
                named.named.push(syn::parse_quote!(__: __));
            }
        }
        Fields::Unnamed(unnamed) => {
            let shown = std::mem::take(&mut unnamed.unnamed).into_iter();
            unnamed.unnamed = shown.filter(|field| is_public(&field.vis)).collect();
            if hidden {
                let field = syn::Field {
                    attrs: Vec::new(),
                    vis: Visibility::Inherited,
                    mutability: syn::FieldMutability::None,
                    ident: None,
                    colon_token: None,
                    ty: syn::parse_quote!(__),
                };
                unnamed.unnamed.push(field);
            }
        }
        Fields::Unit => {}
    }
    fields.iter_mut().for_each(|field| seen(&mut field.attrs));
}
