//! No two files import each other, straight or through others.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, files_below};

/// The imports of each file, by module path: `["store", "open"]` for `src/store/open.rs`.
type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

fn words(path: &str) -> Vec<String> {
    path.split("::")
        .map(|word| word.trim().to_owned())
        .collect()
}

fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Every path of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.to_owned()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let named = parts.into_iter().filter(|part| !part.trim().is_empty());
    named
        .flat_map(|part| expand(part.trim()))
        .map(|path| format!("{}{path}", head.trim()))
        .collect()
}

/// The `use` trees of a file, and whether each hands its names on.
fn uses(text: &str) -> Vec<(bool, String)> {
    let source: String = code(text).map(|line| line.to_owned() + "\n").collect();
    let mut found = Vec::new();
    for statement in source.split_inclusive(';') {
        let Some(statement) = statement.trim().strip_suffix(';') else {
            continue;
        };
        // The text before it in the same piece - an attribute, `mod x {` - is on lines above.
        let Some(at) = statement.rfind("use ") else {
            continue;
        };
        let line = statement[..at].rsplit('\n').next().unwrap_or_default();
        if ["", "pub ", "pub(crate) ", "pub(super) "].contains(&line.trim_start()) {
            found.push((line.contains("pub"), statement[at + 4..].to_owned()));
        }
    }
    found
}

/// The path from the top that `path`, as a file of module `home` writes it, stands for.
fn absolute(home: &[String], is_folder: bool, path: &str) -> Option<Vec<String>> {
    let path = words(path);
    let (first, mut rest) = path.split_first()?;
    let mut base: Vec<String> = match first.as_str() {
        "crate" => Vec::new(),
        "self" => home.to_vec(),
        "super" => home[..home.len() - 1].to_vec(),
        _ if is_folder => [home, std::slice::from_ref(first)].concat(),
        _ => return None,
    };
    while let [word, more @ ..] = rest
        && word == "super"
    {
        base.pop();
        rest = more;
    }
    Some([base, rest.to_vec()].concat())
}

fn imports() -> Imports {
    let files = files_below("src", "rs");
    let homes: BTreeSet<Vec<String>> = files.iter().map(|(file, _)| module_path(file)).collect();
    let is_folder = |file: &str| file.ends_with("/mod.rs") || file == "src/lib.rs";
    // Names that a folder hands on, and the path that each comes from.
    let mut handed_on: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| is_folder(file)) {
        let home = module_path(file);
        for (_, tree) in uses(text).into_iter().filter(|(is_public, _)| *is_public) {
            for path in expand(&tree) {
                if let Some(from) = absolute(&home, true, &path)
                    && let Some(name) = from.last()
                {
                    handed_on.insert([&home[..], std::slice::from_ref(name)].concat(), from);
                }
            }
        }
    }
    let file_of = |mut path: Vec<String>| {
        while let Some(from) = handed_on.get(&path) {
            path.clone_from(from);
        }
        while !path.is_empty() && !homes.contains(&path) {
            path.pop();
        }
        path
    };
    let mut imports = Imports::new();
    // A folder's own file is the map of it: it names all and is named by all.
    for (file, text) in files.iter().filter(|(file, _)| !is_folder(file)) {
        let home = module_path(file);
        let trees = uses(text).into_iter();
        let paths = trees.flat_map(|(_, tree)| expand(&tree));
        let used = paths.filter_map(|path| absolute(&home, false, &path));
        let others = used.map(file_of).filter(|path| *path != home);
        imports.insert(home.clone(), others.collect());
    }
    imports
}

/// The modules that the imports of `from` lead to, directly or through others.
fn reach(imports: &Imports, from: &[String]) -> BTreeSet<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.to_vec()];
    while let Some(path) = open.pop() {
        for next in imports.get(&path).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn no_circle_of_imports() {
    let imports = imports();
    let in_circle = imports
        .keys()
        .filter(|path| reach(&imports, path).contains(*path));
    let mut wrong = Vec::new();
    for path in in_circle {
        let back = imports[path].iter();
        let back = back.filter(|next| reach(&imports, next).contains(path));
        let back: Vec<String> = back.map(|next| next.join("::")).collect();
        wrong.push(format!("{} -> {}", path.join("::"), back.join(", ")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_tree_of_names_is_taken_apart() {
    assert_eq!(
        expand("super::{a::{B, C as D}, e, f::G}"),
        ["super::a::B", "super::a::C", "super::e", "super::f::G"]
    );
    let known = imports();
    let run: Vec<String> = words("run::recorder");
    assert!(
        known[&run].contains(&words("model::event")),
        "{:?}",
        known[&run]
    );
}
