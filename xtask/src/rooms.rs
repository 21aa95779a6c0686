//! Holds the directions that `docs/ARCHITECTURE.md` draws against what the rooms of the control plane use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{fingerprint, workspace::Workspace};

/// Rooms, and which others each uses.
type Directions = BTreeMap<String, BTreeSet<String>>;

/// What needs not be drawn: composed of everything, or used by everybody.
const NOT_DRAWN: &[&str] = &["main", "lib", "app", "adjustable", "ambient", "chunks", "hex"];

/// The lines `room → room, room` of the document. Words in brackets explain.
fn drawn(document: &str, rooms: &BTreeSet<String>) -> Directions {
    let lines = document.lines().filter_map(|line| line.split_once(" → "));
    lines
        .filter(|(from, _)| rooms.contains(*from))
        .map(|(from, to)| {
            let to = to.split('(').next().unwrap_or_default();
            (from.to_owned(), to.split(',').map(|room| room.trim().to_owned()).collect())
        })
        .collect()
}

/// The rooms that a source names after `crate::`, outside of its tests and comments.
fn used(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join(" ");
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        })
        .map(|item| name(item.trim_start()))
        .collect()
}

fn room_of(file: &Path, sources: &Path) -> String {
    let path = file.strip_prefix(sources).unwrap_or(file);
    let first = path.iter().next().unwrap_or_default().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn rooms_use_what_is_drawn_and_nothing_else() {
    let workspace = Workspace::locate().unwrap();
    let sources = workspace.root().join("control-plane/src");
    let files = fingerprint::files(&sources).unwrap();
    let is_test = |file: &Path| file.iter().any(|part| part == "tests" || part == "tests.rs");
    let mut found = Directions::new();
    for file in files.iter().filter(|file| !is_test(file)) {
        let room = room_of(file, &sources);
        found.entry(room).or_default().extend(used(&fs::read_to_string(file).unwrap()));
    }
    let rooms: BTreeSet<_> = found.keys().cloned().collect();
    for (room, uses) in &mut found {
        uses.retain(|other| rooms.contains(other) && other != room && !NOT_DRAWN.contains(&other.as_str()));
    }
    found.retain(|room, uses| !uses.is_empty() && !NOT_DRAWN.contains(&room.as_str()));
    let document = fs::read_to_string(workspace.root().join("docs/ARCHITECTURE.md")).unwrap();
    let drawn =
        drawn(&document, &rooms.into_iter().filter(|room| !NOT_DRAWN.contains(&room.as_str())).collect());
    for room in found.keys().chain(drawn.keys()).collect::<BTreeSet<_>>() {
        assert_eq!(drawn.get(room), found.get(room), "left: what is drawn of {room}; right: what it uses");
    }
}

#[test]
fn uses_are_found_in_all_forms() {
    let source = "use crate::a::B;\n// crate::no\nuse crate::{c::D, e};\nfn f() { crate::g::h() }\n#[cfg(test)] use crate::i;";
    assert_eq!(used(source), ["a", "c", "e", "g"].map(str::to_owned).into());
}
