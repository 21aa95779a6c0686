//! Pure: the phases of a cold invoke, from what the client, the engine and the function's log tell.

use serde_json::Value;

/// When the engine did what, in milliseconds of its clock since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct EngineTimes {
    /// A container was created.
    pub(crate) created: Option<f64>,
    /// It was started.
    pub(crate) started: Option<f64>,
}

/// Milliseconds that each phase took; a phase that nothing tells of is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Phases {
    /// From the request until the engine had created the container.
    pub(crate) create: Option<f64>,
    /// From then on until the engine had started it.
    pub(crate) start: Option<f64>,
    /// What no other phase accounts for: the init comes up, connects, and unpacks the code.
    pub(crate) init: Option<f64>,
    /// The runtime's start until it asks for its first event: `Init Duration`.
    pub(crate) runtime_boot: Option<f64>,
    /// The first invoke itself: `Duration`.
    pub(crate) first_answer: Option<f64>,
    /// From a started container to the answer.
    pub(crate) started_to_answered: Option<f64>,
}

impl EngineTimes {
    /// Reads the engine's events, one JSON object a line, of the container whose name begins with `prefix`.
    pub(crate) fn of_container(events: &str, prefix: &str) -> Self {
        let time_of = |action: &str| {
            let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut ours = events.filter(|event| {
                event["Action"] == action
                    && event["Actor"]["Attributes"]["name"]
                        .as_str()
                        .is_some_and(|name| name.starts_with(prefix))
            });
            Some(ours.next()?["timeNano"].as_f64()? / 1e6)
        };
        Self { created: time_of("create"), started: time_of("start") }
    }
}

impl Phases {
    /// Splits an invoke that began at `begun` (milliseconds since the epoch) and took `total` milliseconds. `log` is
    /// the tail that came with the answer.
    pub(crate) fn split(begun: f64, total: f64, engine: EngineTimes, log: &str) -> Self {
        let EngineTimes { created, started } = engine;
        let runtime_boot = reported(log, "Init Duration");
        let first_answer = reported(log, "Duration");
        let started_to_answered = started.map(|started| begun + total - started);
        Self {
            create: created.map(|created| created - begun),
            start: started.zip(created).map(|(started, created)| started - created),
            init: started_to_answered
                .zip(runtime_boot.zip(first_answer))
                .map(|(rest, (boot, answer))| rest - boot - answer),
            runtime_boot,
            first_answer,
            started_to_answered,
        }
    }
}

/// A figure of the REPORT line, whose fields are separated by tabs: `Duration: 1.23 ms`.
fn reported(log: &str, name: &str) -> Option<f64> {
    let report = log.lines().rev().find(|line| line.starts_with("REPORT "))?;
    let value = report.split('\t').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "))?;
    value.strip_suffix(" ms")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = r#"
{"Action":"create","Actor":{"Attributes":{"name":"other"}},"timeNano":1000000000}
{"Action":"create","Actor":{"Attributes":{"name":"ours-1"}},"timeNano":2000000000}
{"Action":"start","Actor":{"Attributes":{"name":"ours-1"}},"timeNano":2150000000}
"#;
    const LOG: &str = "START RequestId: a Version: $LATEST\nREPORT is a word\nEND RequestId: a\n\
        REPORT RequestId: a\tDuration: 2.50 ms\tBilled Duration: 12 ms\tMemory Size: 512 MB\t\
        Max Memory Used: 9 MB\tInit Duration: 9.25 ms\t\n";

    #[test]
    fn only_events_of_our_container_count() {
        let times = EngineTimes::of_container(EVENTS, "ours-");
        assert_eq!(times, EngineTimes { created: Some(2000.0), started: Some(2150.0) });
        assert_eq!(EngineTimes::of_container(EVENTS, "nobody"), EngineTimes::default());
    }

    #[test]
    fn figures_are_found_by_their_whole_name() {
        assert_eq!(reported(LOG, "Duration"), Some(2.5));
        assert_eq!(reported(LOG, "Init Duration"), Some(9.25));
        assert_eq!(reported(LOG, "Restore Duration"), None);
        assert_eq!(reported("END\n", "Duration"), None);
    }

    #[test]
    fn phases_add_up_to_the_whole() {
        let phases = Phases::split(1990.0, 200.0, EngineTimes::of_container(EVENTS, "ours-"), LOG);
        let parts = [phases.create, phases.start, phases.init, phases.runtime_boot, phases.first_answer];
        assert_eq!(parts, [Some(10.0), Some(150.0), Some(28.25), Some(9.25), Some(2.5)]);
        assert_eq!(parts.into_iter().flatten().sum::<f64>(), 200.0);
        assert_eq!(phases.started_to_answered, Some(40.0));
    }

    #[test]
    fn what_nobody_tells_stays_open() {
        let phases = Phases::split(0.0, 10.0, EngineTimes::default(), LOG);
        assert_eq!((phases.create, phases.init, phases.first_answer), (None, None, Some(2.5)));
    }
}
