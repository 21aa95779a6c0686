//! Which processes of the container are the function's.
//!
//! Others may be there: somebody looks around with the engine's `exec`. Such a process has a parent outside of the
//! container; what it starts has it among its ancestors, or in its session, or at least the container's own variables,
//! of which the function's processes never have all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Where a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin {
    parent: i32,
    session: i32,
    /// It has a variable that the function's processes are not given.
    marked: bool,
}

/// The processes of the function, whoever their parents are. `mark`: `NAME=value` of a variable of the container that
/// they do not have.
pub(super) fn find(mark: Option<&[u8]>) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let origins = ids.filter_map(|id| {
        let (parent, session) = parsed(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?;
        // Few have to be looked at: most are children of the runtime.
        let adopted = parent == 1;
        let marked = adopted && mark.is_some_and(|mark| has(id, mark));
        Some((id, Origin { parent, session, marked }))
    });
    strays(&origins.collect())
}

fn has(id: i32, mark: &[u8]) -> bool {
    let variables = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    variables.split(|byte| *byte == 0).any(|variable| variable == mark)
}

/// Parent and session. [Linux: proc(5), stat; the name in parentheses may contain anything]
fn parsed(stat: &str) -> Option<(i32, i32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    Some((parent, fields.nth(1)?.parse().ok()?))
}

fn strays(origins: &BTreeMap<i32, Origin>) -> Vec<i32> {
    let mut outsiders: BTreeSet<i32> = origins
        .iter()
        .filter(|(id, origin)| **id != 1 && (origin.parent == 0 || origin.marked))
        .map(|(id, _)| *id)
        .collect();
    loop {
        let more: Vec<i32> = origins
            .iter()
            .filter(|(id, origin)| {
                **id != 1
                    && !outsiders.contains(id)
                    && (outsiders.contains(&origin.parent) || outsiders.contains(&origin.session))
            })
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            break;
        }
        outsiders.extend(more);
    }
    origins.keys().copied().filter(|id| *id != 1 && !outsiders.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(processes: &[(i32, i32, i32, bool)], expected: &[i32]) {
        let origin =
            |&(id, parent, session, marked): &(i32, i32, i32, bool)| (id, Origin { parent, session, marked });
        assert_eq!(strays(&processes.iter().map(origin).collect()), expected);
    }

    #[test]
    fn children_grandchildren_and_daemons_of_the_runtime_are_the_functions() {
        check(&[(1, 0, 1, false), (7, 1, 1, false), (8, 7, 1, false), (9, 1, 9, false)], &[7, 8, 9]);
    }

    #[test]
    fn who_came_in_from_outside_is_not_and_neither_is_what_they_start() {
        let shell = (20, 0, 20, false);
        let child = (21, 20, 20, false);
        let grandchild_of_its_own_session = (22, 21, 22, false);
        let orphan_of_its_session = (23, 1, 20, false);
        let orphan_with_the_containers_variables = (24, 1, 99, true);
        let its_child = (25, 24, 25, false);
        check(
            &[
                (1, 0, 1, false),
                (7, 1, 1, false),
                shell,
                child,
                grandchild_of_its_own_session,
                orphan_of_its_session,
                orphan_with_the_containers_variables,
                its_child,
            ],
            &[7],
        );
    }

    #[test]
    fn names_of_programs_may_look_like_fields() {
        assert_eq!(parsed("42 (a) b (c d) S 7 42 9 0 -1 4194560"), Some((7, 9)));
        assert_eq!(parsed("42 (a"), None);
        assert_eq!(parsed(""), None);
    }
}
