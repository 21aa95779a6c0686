//! The function that measures from inside what stands between a runtime and the world: `tests/functions/stopwatch`.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::fixture::Fixture;

/// Its archive, and how to run it.
pub(crate) const STOPWATCH: Fixture = Fixture {
    title: "stopwatch",
    runtime: "provided.al2023",
    archive: "stopwatch.zip",
    handler: "bootstrap",
    bootstrap: "/var/task/bootstrap",
};

/// First argument, before those of another program: becomes that program, whose runtime then knows when that was.
pub(crate) const LAUNCH: &str = "launch";
/// The same with a port as the second argument, where the function is asked for its times as soon as somebody listens.
/// The answer goes to the container's log.
pub(crate) const INVOKE_AND_LAUNCH: &str = "invoke-and-launch";

/// What the function answers to [`times_event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Times {
    started_ns: Option<u64>,
    own_ns: u64,
}

impl Times {
    /// Reads an answer.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self> {
        serde_json::from_slice(answer)
            .with_context(|| format!("no times: {}", String::from_utf8_lossy(answer).trim_end()))
    }

    /// From the exec of the launched program to the first instruction of the runtime.
    pub(crate) fn started(&self) -> Result<Duration> {
        self.started_ns.map(Duration::from_nanos).context("the runtime was not told when its container began")
    }

    /// From having read the event to having begun to answer.
    pub(crate) fn own(&self) -> Duration {
        Duration::from_nanos(self.own_ns)
    }
}

/// An event of `size` bytes to which the function answers with its times.
pub(crate) fn times_event(size: usize) -> Vec<u8> {
    const BARE: &str = "\"times \"";
    format!("\"times {}\"", "x".repeat(size.saturating_sub(BARE.len()))).into_bytes()
}

/// An event that makes the function write so many bytes of log lines; it answers with the event.
pub(crate) fn log_event(bytes: u32) -> Vec<u8> {
    format!("\"write {bytes}\"").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_size_asked_for() {
        assert_eq!(times_event(100).len(), 100);
        for event in [times_event(100), log_event(20_000_000)] {
            assert!(serde_json::from_slice::<String>(&event).is_ok());
        }
    }

    #[test]
    fn answers_tell_times_or_are_none() {
        let times = Times::parse(br#"{"started_ns":1500,"own_ns":20}"#).unwrap();
        assert_eq!(times.started().unwrap(), Duration::from_nanos(1500));
        assert_eq!(times.own(), Duration::from_nanos(20));
        assert!(Times::parse(br#"{"started_ns":null,"own_ns":20}"#).unwrap().started().is_err());
        assert!(Times::parse(b"\"times\"").unwrap_err().to_string().contains("\"times\""));
    }
}
