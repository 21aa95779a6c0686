//! Pure: how long an init phase and an invocation may take.

use std::time::Duration;

use lambdock_protocol::Assignment;

/// Init limit of on-demand environments, in milliseconds. [AWS: Lambda execution environment]
pub(crate) const INIT_LIMIT_MS: u64 = 10_000;

/// Init limit of environments of provisioned concurrency, and before a snapshot, at the least, in milliseconds. [AWS:
/// Lambda execution environment]
const LONG_INIT_LIMIT_MS: u64 = 130_000;

/// The init limit of those, of a function with this timeout.
pub(crate) fn long_init_limit_ms(timeout_ms: u64) -> u64 {
    timeout_ms.max(LONG_INIT_LIMIT_MS)
}

/// What an init phase may take that `LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT` does not count with.
pub(super) fn init_beyond_the_usual(assignment: &Assignment) -> Duration {
    let limit = assignment.init_timeout_ms.unwrap_or_default();
    Duration::from_millis(limit.saturating_sub(INIT_LIMIT_MS))
}

/// What an invocation may take beyond the function's timeout and init limit, which the agent enforces by itself:
/// then the agent is taken for hung.
const AGENT_MARGIN: Duration = Duration::from_secs(30);

/// Time that an invocation of `assignment` may take at the very most. A failed init is run again inside of it.
pub(crate) fn allowance(assignment: &Assignment) -> Duration {
    let init = assignment.init_timeout_ms.unwrap_or_default();
    Duration::from_millis(assignment.timeout_ms.saturating_add(init)) + AGENT_MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_init_phase_has_more_time_and_another_one_the_usual() {
        let beyond = |limit| {
            init_beyond_the_usual(&Assignment { init_timeout_ms: limit, ..Assignment::default() }).as_secs()
        };
        assert_eq!((beyond(None), beyond(Some(INIT_LIMIT_MS))), (0, 0));
        assert_eq!(beyond(Some(long_init_limit_ms(3000))), 120);
        assert_eq!(long_init_limit_ms(900_000), 900_000);
    }
}
