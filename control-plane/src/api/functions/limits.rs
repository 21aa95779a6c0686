//! Pure: time and memory of functions on capacity providers, which may have more of both than others.

use crate::wire::{Violation, recorded};

/// Longest `Timeout` on a capacity provider, in seconds: that of asynchronous invocations. [AWS: Lambda Managed
/// Instances]
const TIMEOUT: i64 = 5400;

/// Largest `MemorySize` on a capacity provider, in MB. [AWS: the model]
const MEMORY: i64 = 32_768;

/// Whether a function on a capacity provider may be allowed everything that is wrong with a request.
pub(super) fn may_be_allowed(violations: &[Violation]) -> bool {
    !violations.is_empty() && violations.iter().all(is_of_others)
}

/// What is wrong with a request for a function on a capacity provider. `violations`: what is wrong with it for others.
pub(super) fn on_provider(
    mut violations: Vec<Violation>,
    timeout: Option<i64>,
    memory: Option<i64>,
) -> Vec<Violation> {
    violations.retain(|violation| !is_of_others(violation));
    for (path, value, limit) in [("timeout", timeout, TIMEOUT), ("memorySize", memory, MEMORY)] {
        if let Some(value) = value.filter(|value| *value > limit) {
            violations.push(Violation::too_large(path, value, limit));
        }
    }
    violations
}

/// Whether it is about a limit that functions on capacity providers do not have.
fn is_of_others(violation: &Violation) -> bool {
    let is_limit = |path: &str, limit| {
        violation.path == path && violation.constraint == Violation::too_large(path, limit, limit).constraint
    };
    is_limit("timeout", recorded::TIMEOUT_LIMIT) || is_limit("memorySize", recorded::MEMORY_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn more_time_and_memory_is_allowed_up_to_a_point() {
        let of_others = || {
            vec![
                Violation::too_large("timeout", 901, 900),
                Violation::too_large("memorySize", 10_241, 10_240),
            ]
        };
        assert!(may_be_allowed(&of_others()));
        assert_eq!(on_provider(of_others(), Some(5400), Some(32_768)), []);
        assert_eq!(
            texts(&on_provider(of_others(), Some(5401), Some(32_769))),
            [
                "Value '5401' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 5400",
                "Value '32769' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 32768",
            ]
        );
    }

    #[test]
    fn everything_else_stays_wrong() {
        let other = Violation::too_large("ephemeralStorage.size", 10_241, 10_240);
        assert!(!may_be_allowed(&[]));
        assert!(!may_be_allowed(&[Violation::too_large("timeout", 901, 900), other.clone()]));
        assert_eq!(on_provider(vec![other.clone()], None, None), [other]);
    }
}
