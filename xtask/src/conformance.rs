//! Holds the table in `docs/conformance.md` against the tests that it names.

use std::{collections::BTreeSet, fs, path::Path};

use crate::workspace::Workspace;

/// How many behaviours there are.
const BEHAVIOURS: usize = 103;

/// Names of Rust functions and of tests in Python below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, names);
            continue;
        }
        let word = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => "fn ",
            Some("py") => "def ",
            _ => continue,
        };
        let text = fs::read_to_string(&path).unwrap();
        let named = text.lines().filter_map(|line| line.trim_start().strip_prefix(word));
        let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_owned();
        names.extend(named.map(name));
    }
}

#[test]
fn every_behaviour_of_the_init_is_shown_by_tests_that_exist() {
    let workspace = Workspace::locate().unwrap();
    let mut tests = BTreeSet::new();
    for folder in ["agent", "init", "tests"] {
        functions(&workspace.root().join(folder), &mut tests);
    }
    let document = fs::read_to_string(workspace.root().join("docs/conformance.md")).unwrap();
    let mut numbers = Vec::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(number) = cells.get(1).and_then(|cell| cell.parse::<usize>().ok()) else { continue };
        numbers.push(number);
        let named: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{number} is shown by nothing");
        for name in named {
            assert!(tests.contains(name), "{number}: there is no test {name}");
        }
    }
    assert_eq!(numbers, (1..=BEHAVIOURS).collect::<Vec<_>>());
}
