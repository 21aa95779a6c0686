//! How functions do, in AWS's figures: counted where things happen, told to CloudWatch and to Prometheus.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use lambdock_domain::FunctionId;

/// A figure of a function, under AWS's name. [AWS: Lambda metrics]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Times that the function's code ran, whatever came of it.
    Invocations,
    /// Of these, those that failed in the function.
    Errors,
    /// Requests that found no concurrency.
    Throttles,
    /// Milliseconds that the function took.
    Duration,
    /// Executions at the same time.
    ConcurrentExecutions,
    /// Events that were taken for later.
    AsyncEventsReceived,
    /// Of these, those that were given up.
    AsyncEventsDropped,
    /// Milliseconds from taking an event to running it.
    AsyncEventAge,
    /// Events dropped since the function had called itself round and round.
    RecursiveInvocationsDropped,
    /// Destinations that were not told.
    DestinationDeliveryFailures,
    /// Dead-letter queues that were not told.
    DeadLetterErrors,
}

impl Metric {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Invocations,
        Self::Errors,
        Self::Throttles,
        Self::Duration,
        Self::ConcurrentExecutions,
        Self::AsyncEventsReceived,
        Self::AsyncEventsDropped,
        Self::AsyncEventAge,
        Self::RecursiveInvocationsDropped,
        Self::DestinationDeliveryFailures,
        Self::DeadLetterErrors,
    ];

    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invocations => "Invocations",
            Self::Errors => "Errors",
            Self::Throttles => "Throttles",
            Self::Duration => "Duration",
            Self::ConcurrentExecutions => "ConcurrentExecutions",
            Self::AsyncEventsReceived => "AsyncEventsReceived",
            Self::AsyncEventsDropped => "AsyncEventsDropped",
            Self::AsyncEventAge => "AsyncEventAge",
            Self::RecursiveInvocationsDropped => "RecursiveInvocationsDropped",
            Self::DestinationDeliveryFailures => "DestinationDeliveryFailures",
            Self::DeadLetterErrors => "DeadLetterErrors",
        }
    }

    /// CloudWatch's unit. [AWS: Lambda metrics]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Duration | Self::AsyncEventAge => "Milliseconds",
            _ => "Count",
        }
    }
}

/// What CloudWatch calls a statistic set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
}

impl Statistics {
    fn add(&mut self, value: f64) {
        self.merge(&Self { count: 1, sum: value, minimum: value, maximum: value });
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let first = self.count == 0;
        self.minimum = if first { other.minimum } else { self.minimum.min(other.minimum) };
        self.maximum = if first { other.maximum } else { self.maximum.max(other.maximum) };
        self.count += other.count;
        self.sum += other.sum;
    }
}

/// A set of statistics for each metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures([Statistics; Metric::ALL.len()]);

impl Figures {
    /// Those of one metric.
    pub fn of(&self, metric: Metric) -> &Statistics {
        &self.0[metric as usize]
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }
}

/// By the qualifier that was asked for.
pub type ByQualifier = BTreeMap<Option<String>, Figures>;

#[derive(Default)]
struct Series {
    running: AtomicU32,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    total: Figures,
    recent: ByQualifier,
}

impl Series {
    fn books(&self) -> MutexGuard<'_, Books> {
        // Sums of a moment.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, qualifier: Option<&str>, values: &[(Metric, f64)]) {
        let mut books = self.books();
        let Books { total, recent } = &mut *books;
        let recent = recent.entry(qualifier.map(str::to_owned)).or_default();
        for (metric, value) in values {
            total.0[*metric as usize].add(*value);
            recent.0[*metric as usize].add(*value);
        }
    }
}

/// The figures of all functions; clones are the same.
#[derive(Clone, Default)]
pub struct Metrics {
    functions: Arc<RwLock<HashMap<FunctionId, Arc<Series>>>>,
}

/// Functions whose figures are kept. Beyond that, those are forgotten that nothing happens to.
const FUNCTIONS: usize = 10_000;

/// An execution that is under way. It is over, and is counted, when this is dropped.
pub struct Execution {
    series: Arc<Series>,
    qualifier: Option<String>,
    begun: Instant,
    failed: bool,
}

impl Execution {
    /// It fails in the function.
    pub fn fail(&mut self) {
        self.failed = true;
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.series.running.fetch_sub(1, Ordering::Relaxed);
        self.series.record(
            self.qualifier.as_deref(),
            &[
                (Metric::Invocations, 1.0),
                (Metric::Errors, f64::from(u8::from(self.failed))),
                (Metric::Duration, self.begun.elapsed().as_secs_f64() * 1000.0),
            ],
        );
    }
}

impl Metrics {
    fn series(&self, function: &FunctionId) -> Arc<Series> {
        if let Some(series) = self.functions.read().unwrap_or_else(PoisonError::into_inner).get(function) {
            return Arc::clone(series);
        }
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        if functions.len() >= FUNCTIONS {
            functions.retain(|_, series| {
                series.running.load(Ordering::Relaxed) > 0 || !series.books().recent.is_empty()
            });
        }
        Arc::clone(functions.entry(function.clone()).or_default())
    }

    /// Something has happened to a function.
    pub fn record(&self, function: &FunctionId, qualifier: Option<&str>, values: &[(Metric, f64)]) {
        self.series(function).record(qualifier, values);
    }

    /// One more execution begins.
    pub fn begins(&self, function: &FunctionId, qualifier: Option<&str>) -> Execution {
        let series = self.series(function);
        let running = series.running.fetch_add(1, Ordering::Relaxed) + 1;
        series.record(qualifier, &[(Metric::ConcurrentExecutions, f64::from(running))]);
        let qualifier = qualifier.map(str::to_owned);
        Execution { series, qualifier, begun: Instant::now(), failed: false }
    }

    /// What has happened to each function since this was last asked.
    pub fn take_recent(&self) -> Vec<(FunctionId, ByQualifier)> {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let recent = functions.iter().map(|(id, series)| (id, std::mem::take(&mut series.books().recent)));
        recent.filter(|(_, recent)| !recent.is_empty()).map(|(id, recent)| (id.clone(), recent)).collect()
    }

    /// What has happened to each function since the process began, and what runs now, by name.
    pub fn totals(&self) -> Vec<(FunctionId, Figures, u32)> {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let mut totals: Vec<_> = functions
            .iter()
            .map(|(id, series)| {
                (id.clone(), series.books().total.clone(), series.running.load(Ordering::Relaxed))
            })
            .collect();
        totals.sort_by(|(a, ..), (b, ..)| {
            (&a.name, &a.scope.account, &a.scope.region).cmp(&(&b.name, &b.scope.account, &b.scope.region))
        });
        totals
    }
}

#[cfg(test)]
mod tests {
    use lambdock_domain::Scope;

    use super::*;

    #[test]
    fn figures_are_kept_in_all_and_since_they_were_last_taken() {
        let metrics = Metrics::default();
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let function = FunctionId { scope, name: "f".into() };
        metrics.record(&function, None, &[(Metric::Duration, 2.0)]);
        metrics.record(&function, Some("live"), &[(Metric::Duration, 1.0)]);
        let mut execution = metrics.begins(&function, None);
        let (_, recent) = metrics.take_recent().remove(0);
        assert_eq!(recent.keys().cloned().collect::<Vec<_>>(), [None, Some("live".to_owned())]);
        assert_eq!(recent[&None].of(Metric::Duration).sum, 2.0);
        assert!(metrics.take_recent().is_empty());
        let (_, total, now) = metrics.totals().remove(0);
        let both = Statistics { count: 2, sum: 3.0, minimum: 1.0, maximum: 2.0 };
        assert_eq!((*total.of(Metric::Duration), now), (both, 1));
        execution.fail();
        drop(execution);
        let (_, total, now) = metrics.totals().remove(0);
        assert_eq!((total.of(Metric::Errors).sum, total.of(Metric::Duration).count, now), (1.0, 3, 0));
    }
}
