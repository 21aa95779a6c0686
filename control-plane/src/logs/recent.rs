//! The last lines of each function, in memory, for whoever wants to see them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use lambdock_domain::FunctionReference;
use lambdock_protocol::{Log, LogSource};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::uplink::{EnvironmentInfo, LogSink};

/// Bytes that are kept of one function.
const FUNCTION_BYTES: usize = 512 << 10;

/// Bytes that are kept of all functions together.
const ALL_BYTES: usize = 8 << 20;

/// Bytes that are kept of one line.
const LINE_BYTES: usize = 64 << 10;

/// Bytes that a line takes besides its text, about.
const OVERHEAD: usize = 160;

/// A line as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Milliseconds since the epoch.
    pub time_ms: u64,
    /// `$LATEST` or a number.
    pub version: String,
    /// Log stream of the environment.
    pub stream: String,
    /// Who wrote it.
    pub source: Source,
    /// The invocation, if it was written during one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Without its line end.
    pub message: String,
}

/// Who writes lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The function.
    Function,
    /// An extension.
    Extension,
    /// Lambda itself.
    Platform,
}

/// Whose lines are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Any, if it is not said.
    pub region: Option<String>,
    /// Any, if it is not said.
    pub account: Option<String>,
    /// The function's name.
    pub name: String,
    /// Only of these versions, if it is said.
    pub versions: Option<Vec<String>>,
}

impl Wanted {
    fn is_of(&self, arn: &str) -> bool {
        let fits = |wanted: &Option<String>, found: Option<String>| wanted.is_none() || *wanted == found;
        FunctionReference::parse(arn).is_some_and(|found| {
            found.name == self.name && fits(&self.region, found.region) && fits(&self.account, found.account)
        })
    }

    fn takes(&self, line: &Line) -> bool {
        self.versions.as_ref().is_none_or(|versions| versions.contains(&line.version))
    }
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<(u64, Line)>,
    bytes: usize,
}

fn bytes(line: &Line) -> usize {
    line.message.len() + line.stream.len() + OVERHEAD
}

impl Ring {
    /// Takes the oldest away until `limit` bytes are left. Returns how many have gone.
    fn shrink(&mut self, limit: usize) -> usize {
        let before = self.bytes;
        while self.bytes > limit
            && let Some((_, line)) = self.lines.pop_front()
        {
            self.bytes -= bytes(&line);
        }
        before - self.bytes
    }
}

/// By the function's ARN.
type Rings = HashMap<String, Arc<Mutex<Ring>>>;

/// The last lines of all functions.
pub struct Recent {
    rings: RwLock<Rings>,
    bytes: AtomicUsize,
    next: AtomicU64,
    /// False once the process ends.
    written: watch::Sender<bool>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            rings: RwLock::default(),
            bytes: AtomicUsize::default(),
            next: AtomicU64::new(1),
            written: watch::Sender::new(true),
        }
    }
}

fn locked(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    // Lines are put in and taken out whole.
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recent {
    fn ring(&self, arn: &str) -> Arc<Mutex<Ring>> {
        if let Some(ring) = self.rings.read().unwrap_or_else(PoisonError::into_inner).get(arn) {
            return Arc::clone(ring);
        }
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rings.entry(arn.to_owned()).or_default())
    }

    /// Lines that have been written since, oldest first, with the number to ask with the next time; the first time it
    /// is 0. `None`: no such function has written any.
    pub fn after(&self, wanted: &Wanted, number: u64, since_ms: u64) -> Option<(Vec<Line>, u64)> {
        let rings: Vec<_> = {
            let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
            let meant = rings.iter().filter(|(arn, _)| wanted.is_of(arn));
            meant.map(|(_, ring)| Arc::clone(ring)).collect()
        };
        if rings.is_empty() {
            return None;
        }
        let mut found: Vec<(u64, Line)> = Vec::new();
        for ring in rings {
            let ring = locked(&ring);
            let begin = ring.lines.partition_point(|(written, _)| *written <= number);
            let fits = |line: &Line| line.time_ms >= since_ms && wanted.takes(line);
            found.extend(ring.lines.range(begin..).filter(|(_, line)| fits(line)).cloned());
        }
        found.sort_by_key(|(written, _)| *written);
        let last = found.last().map_or(number, |(written, _)| *written);
        Some((found.into_iter().map(|(_, line)| line).collect(), last))
    }

    /// Changes whenever a line was written; false is the last value.
    pub fn written(&self) -> watch::Receiver<bool> {
        self.written.subscribe()
    }

    /// Nothing will be written any more.
    pub fn close(&self) {
        self.written.send_replace(false);
    }

    fn make_room(&self) {
        // Half of everything goes at once, so that this is rare.
        let rings: Vec<_> = {
            let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
            // One that somebody else has in hand is about to be written.
            rings.retain(|_, ring| Arc::strong_count(ring) > 1 || !locked(ring).lines.is_empty());
            rings.values().cloned().collect()
        };
        for ring in rings {
            let mut ring = locked(&ring);
            let half = ring.bytes / 2;
            self.bytes.fetch_sub(ring.shrink(half), Ordering::Relaxed);
        }
    }
}

impl LogSink for Recent {
    fn lines(&self, environment: &EnvironmentInfo, log: &Log, lines: &Bytes) {
        let arn = environment.function_arn.strip_suffix(&environment.function_version);
        let arn = arn.map_or(&*environment.function_arn, |arn| arn.trim_end_matches(':'));
        let text = String::from_utf8_lossy(lines);
        let ring = self.ring(arn);
        {
            let mut ring = locked(&ring);
            for message in super::messages(log, &text) {
                let line = Line {
                    time_ms: log.time_ms,
                    version: environment.function_version.clone(),
                    stream: environment.log_stream.clone(),
                    source: match log.source {
                        LogSource::Function => Source::Function,
                        LogSource::Extension => Source::Extension,
                        LogSource::Platform => Source::Platform,
                    },
                    request_id: log.request_id.clone(),
                    message: message[..super::boundary_within(message, LINE_BYTES)].to_owned(),
                };
                ring.bytes += bytes(&line);
                self.bytes.fetch_add(bytes(&line), Ordering::Relaxed);
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                ring.lines.push_back((number, line));
            }
            self.bytes.fetch_sub(ring.shrink(FUNCTION_BYTES), Ordering::Relaxed);
        }
        if self.bytes.load(Ordering::Relaxed) > ALL_BYTES {
            self.make_room();
        }
        self.written.send_if_modified(|open| *open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::EnvironmentId;

    fn environment(name: &str, version: &str) -> EnvironmentInfo {
        EnvironmentInfo {
            id: EnvironmentId::random(),
            function_name: name.into(),
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:{version}"),
            function_version: version.into(),
            log_group: format!("/aws/lambda/{name}"),
            log_stream: "s".into(),
        }
    }

    fn write(recent: &Recent, name: &str, time_ms: u64, text: &str) {
        write_of(recent, &environment(name, "$LATEST"), time_ms, text);
    }

    fn write_of(recent: &Recent, environment: &EnvironmentInfo, time_ms: u64, text: &str) {
        let log = Log { source: LogSource::Function, time_ms, request_id: None, whole: false };
        recent.lines(environment, &log, &Bytes::copy_from_slice(text.as_bytes()));
    }

    fn named(name: &str) -> Wanted {
        Wanted { region: None, account: None, name: name.into(), versions: None }
    }

    fn texts(found: &(Vec<Line>, u64)) -> Vec<&str> {
        found.0.iter().map(|line| &*line.message).collect()
    }

    #[test]
    fn lines_are_told_from_where_they_were_read_last() {
        let recent = Recent::default();
        let f = named("f");
        assert_eq!(recent.after(&f, 0, 0), None);
        write(&recent, "f", 1, "a\nb\n");
        write(&recent, "g", 1, "other\n");
        let first = recent.after(&f, 0, 0).unwrap();
        assert_eq!(texts(&first), ["a", "b"]);
        write(&recent, "f", 5, "c\n");
        assert_eq!(texts(&recent.after(&f, first.1, 0).unwrap()), ["c"]);
        assert_eq!(texts(&recent.after(&f, 0, 2).unwrap()), ["c"]);
    }

    #[test]
    fn what_is_said_of_a_function_has_to_fit() {
        let recent = Recent::default();
        write_of(&recent, &environment("f", "$LATEST"), 1, "new\n");
        write_of(&recent, &environment("f", "1"), 1, "old\n");
        let region = |region: &str| Wanted { region: Some(region.into()), ..named("f") };
        assert_eq!(texts(&recent.after(&region("us-east-1"), 0, 0).unwrap()), ["new", "old"]);
        assert_eq!(recent.after(&region("eu-west-1"), 0, 0), None);
        let account = Wanted { account: Some("000000000007".into()), ..named("f") };
        assert_eq!(recent.after(&account, 0, 0), None);
        let version = |version: &str| Wanted { versions: Some(vec![version.into()]), ..named("f") };
        assert_eq!(texts(&recent.after(&version("1"), 0, 0).unwrap()), ["old"]);
        assert_eq!(texts(&recent.after(&version("2"), 0, 0).unwrap()), Vec::<&str>::new());
    }

    #[test]
    fn memory_is_bounded_for_each_function_and_for_all() {
        let recent = Recent::default();
        let line = "x".repeat(1000);
        for _ in 0..1000 {
            write(&recent, "loud", 1, &line);
        }
        write(&recent, "quiet", 1, "said\n");
        assert!(recent.bytes.load(Ordering::Relaxed) <= FUNCTION_BYTES + 1000);
        for function in 0..40 {
            for _ in 0..1000 {
                write(&recent, &format!("f{function}"), 1, &line);
            }
        }
        assert!(recent.bytes.load(Ordering::Relaxed) <= ALL_BYTES + FUNCTION_BYTES);
        let rings = recent.rings.read().unwrap();
        let counted: usize = rings.values().map(|ring| locked(ring).bytes).sum();
        assert_eq!(counted, recent.bytes.load(Ordering::Relaxed));
    }
}
