//! Pure: what follows from an attempt at an event, and when.
//!
//! [AWS: error handling of asynchronous invocations; recorded: conditions and counts. LocalStack: the base of delays can
//! be set, to 300 s at most]

use std::time::Duration;

use lambdock_domain::Timestamp;
use lambdock_domain::event_invoke::EventInvokeConfig;

use super::work::Event;

/// `MaximumRetryAttempts` unless it is set.
const RETRIES: u32 = 2;

/// `MaximumEventAgeInSeconds` unless it is set: six hours.
const AGE_S: u32 = 21_600;

/// Longest time between attempts that are throttled or fail through no fault of the function, in seconds.
const LONGEST_BACKOFF_S: u64 = 300;

/// How often and for how long an event is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Attempts after the first.
    retries: u32,
    /// Milliseconds since it was accepted.
    age_ms: i64,
}

impl Limits {
    /// What `config` says; without one, what AWS does.
    pub(super) fn of(config: Option<&EventInvokeConfig>) -> Self {
        let retries = config.and_then(|config| config.maximum_retry_attempts).unwrap_or(RETRIES);
        let age_s = config.and_then(|config| config.maximum_event_age_s).unwrap_or(AGE_S);
        Self { retries, age_ms: i64::from(age_s) * 1000 }
    }
}

/// How an attempt went that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The function raised, died or ran out of time.
    Function,
    /// There was no room for it.
    Throttled,
    /// Nobody is allowed to run the function: it reserves no concurrency at all.
    ReservesNothing,
    /// We, the engine or the disk are at fault.
    System,
    /// A chain of requests has led to the function once too often.
    Recursive,
}

/// `condition` of the invocation record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
    RecursiveInvocation,
}

impl Condition {
    /// AWS's word. [AWS: recorded, but for the last]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Self::RecursiveInvocation => "RecursiveInvocation",
        }
    }
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again, as `event`, at `due`.
    Again { event: Box<Event>, due: Timestamp },
    /// It is given up.
    GivenUp(Condition),
}

/// Whether an event is too old for another attempt.
pub(super) fn is_too_old(event: &Event, limits: Limits, now: Timestamp) -> bool {
    now.0.saturating_sub(event.accepted.0) >= limits.age_ms
}

/// What follows from an attempt at `event` that ended `now`. `base`: the time before the first retry.
pub(super) fn after(failed: Failed, event: &Event, limits: Limits, base: Duration, now: Timestamp) -> Next {
    let age_ms = now.0.saturating_sub(event.accepted.0);
    match failed {
        Failed::ReservesNothing => Next::GivenUp(Condition::ZeroReservedConcurrency),
        Failed::Recursive => Next::GivenUp(Condition::RecursiveInvocation),
        Failed::Function if event.failures >= limits.retries => Next::GivenUp(Condition::RetriesExhausted),
        Failed::Function => {
            let failures = event.failures + 1;
            let delay_ms = milliseconds(base.saturating_mul(failures));
            // [AWS: recorded] It is not waited for a retry that would come too late. The age counts in whole seconds.
            let whole_ms = age_ms.saturating_add(999) / 1000 * 1000;
            if whole_ms.saturating_add(delay_ms) > limits.age_ms {
                return Next::GivenUp(Condition::EventAgeExceeded);
            }
            again(Event { failures, refusals: 0, ..event.clone() }, delay_ms, now)
        }
        Failed::Throttled | Failed::System => {
            let left_ms = limits.age_ms.saturating_sub(age_ms);
            if left_ms <= 0 {
                return Next::GivenUp(Condition::EventAgeExceeded);
            }
            let delay_ms = backoff_ms(event.refusals).min(left_ms);
            again(Event { refusals: event.refusals.saturating_add(1), ..event.clone() }, delay_ms, now)
        }
    }
}

fn again(event: Event, delay_ms: i64, now: Timestamp) -> Next {
    Next::Again { event: Box::new(event), due: Timestamp(now.0.saturating_add(delay_ms)) }
}

/// 1 s, 2 s, 4 s and so on.
fn backoff_ms(refusals: u32) -> i64 {
    let seconds = 1_u64.checked_shl(refusals).unwrap_or(LONGEST_BACKOFF_S).min(LONGEST_BACKOFF_S);
    milliseconds(Duration::from_secs(seconds))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Attempts to tell a destination, the first included.
const DELIVERY_ATTEMPTS: u32 = 10;

/// Longest time between two of them, in seconds.
const DELIVERY_BACKOFF_S: u64 = 60;

/// When a destination is told again after `failures` attempts in vain; `None`: never. All attempts take about five
/// minutes, enough for an upstream to be started again.
pub(super) fn delivery_due(failures: u32, now: Timestamp) -> Option<Timestamp> {
    let seconds = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(DELIVERY_BACKOFF_S);
    let delay_ms = milliseconds(Duration::from_secs(seconds.min(DELIVERY_BACKOFF_S)));
    (failures < DELIVERY_ATTEMPTS).then(|| Timestamp(now.0.saturating_add(delay_ms)))
}

#[cfg(test)]
mod tests {
    use lambdock_domain::{FunctionId, Scope};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn event(failures: u32, refusals: u32) -> Event {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Event {
            request_id: "r".into(),
            function: FunctionId { scope, name: "f".into() },
            qualifier: None,
            trace: "Root=1-2-3".into(),
            tenant: None,
            accepted: Timestamp(0),
            failures,
            refusals,
        }
    }

    fn limits(retries: Option<u32>, age_s: Option<u32>) -> Limits {
        let config = EventInvokeConfig {
            maximum_retry_attempts: retries,
            maximum_event_age_s: age_s,
            ..EventInvokeConfig::default()
        };
        Limits::of(Some(&config))
    }

    /// Failures, refusals and the time until it is tried again; or why it is not.
    fn check(
        failed: Failed,
        event: &Event,
        limits: Limits,
        now_ms: i64,
        expected: Result<(u32, u32, i64), Condition>,
    ) {
        match after(failed, event, limits, MINUTE, Timestamp(now_ms)) {
            Next::Again { event, due } => {
                assert_eq!(Ok((event.failures, event.refusals, due.0 - now_ms)), expected);
            }
            Next::GivenUp(condition) => assert_eq!(Err(condition), expected),
        }
    }

    #[test]
    fn errors_of_the_function_are_retried_after_one_minute_and_after_two() {
        let limits = Limits::of(None);
        check(Failed::Function, &event(0, 0), limits, 500, Ok((1, 0, 60_000)));
        check(Failed::Function, &event(1, 0), limits, 61_000, Ok((2, 0, 120_000)));
        check(Failed::Function, &event(2, 0), limits, 182_000, Err(Condition::RetriesExhausted));
        check(Failed::Function, &event(0, 3), limits, 500, Ok((1, 0, 60_000)));
    }

    #[test]
    fn retries_can_be_fewer() {
        check(Failed::Function, &event(0, 0), limits(Some(0), None), 1, Err(Condition::RetriesExhausted));
        check(Failed::Function, &event(1, 0), limits(Some(1), None), 1, Err(Condition::RetriesExhausted));
    }

    #[test]
    fn no_retry_is_waited_for_that_would_come_too_late() {
        let age = |age_s| limits(None, Some(age_s));
        check(Failed::Function, &event(0, 0), age(60), 1, Err(Condition::EventAgeExceeded));
        check(Failed::Function, &event(0, 0), age(61), 1000, Ok((1, 0, 60_000)));
        check(Failed::Function, &event(0, 0), age(61), 1001, Err(Condition::EventAgeExceeded));
        check(Failed::Function, &event(0, 0), age(90), 1500, Ok((1, 0, 60_000)));
        check(Failed::Function, &event(1, 0), age(90), 62_000, Err(Condition::EventAgeExceeded));
    }

    #[test]
    fn throttles_and_system_errors_count_as_no_retries_and_go_on_for_six_hours() {
        for failed in [Failed::Throttled, Failed::System] {
            let limits = Limits::of(None);
            check(failed, &event(1, 0), limits, 0, Ok((1, 1, 1000)));
            check(failed, &event(0, 1), limits, 0, Ok((0, 2, 2000)));
            check(failed, &event(0, 8), limits, 0, Ok((0, 9, 256_000)));
            check(failed, &event(0, 9), limits, 0, Ok((0, 10, 300_000)));
            check(failed, &event(0, 99), limits, 0, Ok((0, 100, 300_000)));
            check(failed, &event(0, 99), limits, 21_590_000, Ok((0, 100, 10_000)));
            check(failed, &event(0, 99), limits, 21_600_000, Err(Condition::EventAgeExceeded));
        }
    }

    #[test]
    fn what_can_never_run_is_given_up_at_once() {
        let limits = Limits::of(None);
        check(Failed::ReservesNothing, &event(0, 0), limits, 0, Err(Condition::ZeroReservedConcurrency));
        check(Failed::Recursive, &event(0, 0), limits, 0, Err(Condition::RecursiveInvocation));
    }

    #[test]
    fn an_event_grows_too_old() {
        assert!(!is_too_old(&event(0, 0), limits(None, Some(60)), Timestamp(59_999)));
        assert!(is_too_old(&event(0, 0), limits(None, Some(60)), Timestamp(60_000)));
    }

    #[test]
    fn destinations_are_tried_for_some_minutes() {
        let mut now = Timestamp(0);
        let mut attempts = 1;
        while let Some(due) = delivery_due(attempts, now) {
            (now, attempts) = (due, attempts + 1);
        }
        assert_eq!((attempts, now), (10, Timestamp(243_000)));
        assert_eq!(delivery_due(1, Timestamp(0)), Some(Timestamp(1000)));
    }
}
