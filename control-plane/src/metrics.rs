//! How functions do, in AWS's figures: counted where things happen, told to CloudWatch and to Prometheus.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use lambdock_domain::{FunctionId, Qualifier, Scope};

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
    /// Milliseconds that extensions took after the function was done.
    PostRuntimeExtensionsDuration,
    /// Executions at the same time.
    ConcurrentExecutions,
    /// Of these, those of an account that no reservation and no provisioned environment covers.
    UnreservedConcurrentExecutions,
    /// These, and what functions keep for themselves: what is not left for others.
    ClaimedAccountConcurrency,
    /// Executions in provisioned environments at the same time.
    ProvisionedConcurrentExecutions,
    /// The same as a part of the environments that are provisioned.
    ProvisionedConcurrencyUtilization,
    /// Invocations in provisioned environments.
    ProvisionedConcurrencyInvocations,
    /// Invocations elsewhere while all provisioned environments were at work.
    ProvisionedConcurrencySpilloverInvocations,
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
    pub const ALL: [Self; 18] = [
        Self::Invocations,
        Self::Errors,
        Self::Throttles,
        Self::Duration,
        Self::PostRuntimeExtensionsDuration,
        Self::ConcurrentExecutions,
        Self::UnreservedConcurrentExecutions,
        Self::ClaimedAccountConcurrency,
        Self::ProvisionedConcurrentExecutions,
        Self::ProvisionedConcurrencyUtilization,
        Self::ProvisionedConcurrencyInvocations,
        Self::ProvisionedConcurrencySpilloverInvocations,
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
            Self::PostRuntimeExtensionsDuration => "PostRuntimeExtensionsDuration",
            Self::ConcurrentExecutions => "ConcurrentExecutions",
            Self::UnreservedConcurrentExecutions => "UnreservedConcurrentExecutions",
            Self::ClaimedAccountConcurrency => "ClaimedAccountConcurrency",
            Self::ProvisionedConcurrentExecutions => "ProvisionedConcurrentExecutions",
            Self::ProvisionedConcurrencyUtilization => "ProvisionedConcurrencyUtilization",
            Self::ProvisionedConcurrencyInvocations => "ProvisionedConcurrencyInvocations",
            Self::ProvisionedConcurrencySpilloverInvocations => "ProvisionedConcurrencySpilloverInvocations",
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
            Self::Duration | Self::PostRuntimeExtensionsDuration | Self::AsyncEventAge => "Milliseconds",
            // A part of one. (AWS)
            Self::ProvisionedConcurrencyUtilization => "None",
            _ => "Count",
        }
    }

    /// Whether it says how much there is at a time: of that, several make no sum.
    pub fn is_level(self) -> bool {
        matches!(
            self,
            Self::ConcurrentExecutions
                | Self::UnreservedConcurrentExecutions
                | Self::ClaimedAccountConcurrency
                | Self::ProvisionedConcurrentExecutions
                | Self::ProvisionedConcurrencyUtilization
        )
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

    fn add(&mut self, metric: Metric, value: f64) {
        self.0[metric as usize].add(value);
    }

    /// Both together, without levels.
    pub fn merge_sums(&mut self, other: &Self) {
        for metric in Metric::ALL.into_iter().filter(|metric| !metric.is_level()) {
            self.0[metric as usize].merge(other.of(metric));
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }
}

/// What of a function was invoked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invoked {
    /// The qualifier that was asked for.
    pub qualifier: Option<String>,
    /// The version that an alias has led to.
    pub executed_version: Option<String>,
}

impl Invoked {
    /// The function, or what `qualifier` names of it.
    pub fn under(qualifier: Option<&str>) -> Self {
        Self { qualifier: qualifier.map(str::to_owned), executed_version: None }
    }

    /// The same, which has led to `version`.
    pub fn leading_to(qualifier: Option<&str>, version: &str) -> Self {
        let alias = qualifier.is_some_and(|text| matches!(Qualifier::parse(text), Qualifier::Alias(_)));
        Self { executed_version: alias.then(|| version.to_owned()), ..Self::under(qualifier) }
    }
}

/// How much concurrency is in use as an execution begins, that one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Executions of the account that no reservation and no provisioned environment covers.
    pub unreserved: u32,
    /// What functions of the account keep for themselves.
    pub kept: u32,
    /// Where it runs.
    pub place: Place,
}

/// Where an execution runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing is provisioned for its version.
    OnDemand,
    /// All that is provisioned for its version was at work.
    Spilled,
    /// In a provisioned environment.
    Provisioned {
        /// So many of its version are at work.
        at_work: u32,
        /// So many are ready or at work.
        ready: u32,
        /// So many are at work of all versions of the function.
        of_function: u32,
    },
}

/// Figures of a function's resources.
pub type ByResource = BTreeMap<Invoked, Figures>;

/// What has happened for a while.
#[derive(Debug, Default)]
pub struct Recent {
    /// To each function, as a whole and by what was invoked of it.
    pub functions: Vec<(FunctionId, Figures, ByResource)>,
    /// To each account and region: levels only, the rest is the sum of its functions.
    pub accounts: Vec<(Scope, Figures)>,
}

#[derive(Default)]
struct Series {
    running: AtomicU32,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    total: Figures,
    recent: Figures,
    resources: ByResource,
    /// Executions that are under way, by qualifier.
    running: HashMap<Option<String>, u32>,
}

impl Books {
    /// A value that is the same for the function and for what was invoked of it.
    fn add(&mut self, invoked: &Invoked, metric: Metric, value: f64) {
        self.add_whole(metric, value);
        self.resource(invoked).add(metric, value);
    }

    /// A value of the function as a whole.
    fn add_whole(&mut self, metric: Metric, value: f64) {
        self.total.add(metric, value);
        self.recent.add(metric, value);
    }

    fn resource(&mut self, invoked: &Invoked) -> &mut Figures {
        self.resources.entry(invoked.clone()).or_default()
    }
}

impl Series {
    fn books(&self) -> MutexGuard<'_, Books> {
        // Sums of a moment.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, invoked: &Invoked, values: &[(Metric, f64)]) {
        let mut books = self.books();
        for (metric, value) in values {
            books.add(invoked, *metric, *value);
        }
    }

    fn begins(&self, invoked: &Invoked, place: Place) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        let mut books = self.books();
        books.add_whole(Metric::ConcurrentExecutions, f64::from(running));
        let of_resource = books.running.entry(invoked.qualifier.clone()).or_default();
        *of_resource += 1;
        let of_resource = f64::from(*of_resource);
        books.resource(invoked).add(Metric::ConcurrentExecutions, of_resource);
        match place {
            Place::OnDemand => {}
            Place::Spilled => books.add(invoked, Metric::ProvisionedConcurrencySpilloverInvocations, 1.0),
            Place::Provisioned { at_work, ready, of_function } => {
                books.add(invoked, Metric::ProvisionedConcurrencyInvocations, 1.0);
                books.add_whole(Metric::ProvisionedConcurrentExecutions, f64::from(of_function));
                let figures = books.resource(invoked);
                figures.add(Metric::ProvisionedConcurrentExecutions, f64::from(at_work));
                let used = f64::from(at_work) / f64::from(ready.max(1));
                figures.add(Metric::ProvisionedConcurrencyUtilization, used);
            }
        }
    }

    fn ends(&self, invoked: &Invoked) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        let mut books = self.books();
        if let Some(running) = books.running.get_mut(&invoked.qualifier) {
            *running -= 1;
            if *running == 0 {
                books.running.remove(&invoked.qualifier);
            }
        }
    }
}

#[derive(Default)]
struct Account {
    running: AtomicU32,
    recent: Mutex<Figures>,
}

impl Account {
    fn recent(&self) -> MutexGuard<'_, Figures> {
        // Sums of a moment.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, standing: Standing) {
        let Standing { unreserved, kept, .. } = standing;
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        let mut recent = self.recent();
        recent.add(Metric::ConcurrentExecutions, f64::from(running));
        recent.add(Metric::UnreservedConcurrentExecutions, f64::from(unreserved));
        recent.add(Metric::ClaimedAccountConcurrency, f64::from(unreserved.saturating_add(kept)));
    }
}

/// The figures of all functions; clones are the same.
#[derive(Clone, Default)]
pub struct Metrics {
    functions: Arc<RwLock<HashMap<FunctionId, Arc<Series>>>>,
    accounts: Arc<RwLock<HashMap<Scope, Arc<Account>>>>,
}

/// Functions whose figures are kept. Beyond that, those are forgotten that nothing happens to.
const FUNCTIONS: usize = 10_000;

/// An execution that is under way. It is over, and is counted, when this is dropped.
pub struct Execution {
    series: Arc<Series>,
    account: Arc<Account>,
    invoked: Invoked,
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
        self.account.running.fetch_sub(1, Ordering::Relaxed);
        self.series.ends(&self.invoked);
        self.series.record(
            &self.invoked,
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
                series.running.load(Ordering::Relaxed) > 0 || !series.books().resources.is_empty()
            });
        }
        Arc::clone(functions.entry(function.clone()).or_default())
    }

    fn account(&self, scope: &Scope) -> Arc<Account> {
        if let Some(account) = self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(scope) {
            return Arc::clone(account);
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(scope.clone()).or_default())
    }

    /// Something has happened to a function.
    pub fn record(&self, function: &FunctionId, invoked: &Invoked, values: &[(Metric, f64)]) {
        self.series(function).record(invoked, values);
    }

    /// One more execution begins.
    pub fn begins(&self, function: &FunctionId, invoked: Invoked, standing: Standing) -> Execution {
        let (series, account) = (self.series(function), self.account(&function.scope));
        series.begins(&invoked, standing.place);
        account.begins(standing);
        Execution { series, account, invoked, begun: Instant::now(), failed: false }
    }

    /// What has happened since this was last asked.
    pub fn take_recent(&self) -> Recent {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let recent = functions.iter().filter_map(|(id, series)| {
            let mut books = series.books();
            if books.resources.is_empty() {
                return None;
            }
            Some((id.clone(), std::mem::take(&mut books.recent), std::mem::take(&mut books.resources)))
        });
        let functions = recent.collect();
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let recent = accounts.iter().map(|(scope, account)| (scope, std::mem::take(&mut *account.recent())));
        let recent = recent.filter(|(_, figures)| *figures != Figures::default());
        Recent { functions, accounts: recent.map(|(scope, figures)| (scope.clone(), figures)).collect() }
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
    use super::*;

    fn function() -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: "f".into() }
    }

    fn on_demand(unreserved: u32) -> Standing {
        Standing { unreserved, kept: 5, place: Place::OnDemand }
    }

    fn maximum(figures: &Figures, metric: Metric) -> f64 {
        figures.of(metric).maximum
    }

    #[test]
    fn figures_are_kept_in_all_and_since_they_were_last_taken() {
        let metrics = Metrics::default();
        let plain = Invoked::default();
        metrics.record(&function(), &plain, &[(Metric::Duration, 2.0)]);
        metrics.record(&function(), &Invoked::under(Some("live")), &[(Metric::Duration, 1.0)]);
        let mut execution = metrics.begins(&function(), plain.clone(), on_demand(1));
        let (_, recent, resources) = metrics.take_recent().functions.remove(0);
        assert_eq!(
            resources.keys().cloned().collect::<Vec<_>>(),
            [plain.clone(), Invoked::under(Some("live"))]
        );
        assert_eq!((recent.of(Metric::Duration).sum, resources[&plain].of(Metric::Duration).sum), (3.0, 2.0));
        assert!(metrics.take_recent().functions.is_empty());
        let (_, total, now) = metrics.totals().remove(0);
        let both = Statistics { count: 2, sum: 3.0, minimum: 1.0, maximum: 2.0 };
        assert_eq!((*total.of(Metric::Duration), now), (both, 1));
        execution.fail();
        drop(execution);
        let (_, total, now) = metrics.totals().remove(0);
        assert_eq!((total.of(Metric::Errors).sum, total.of(Metric::Duration).count, now), (1.0, 3, 0));
    }

    #[test]
    fn executions_at_the_same_time_are_counted_for_resource_function_and_account() {
        let metrics = Metrics::default();
        let other = FunctionId { name: "g".into(), ..function() };
        let (live, plain) = (Invoked::leading_to(Some("live"), "1"), Invoked::leading_to(None, "$LATEST"));
        let _running = [
            metrics.begins(&function(), live.clone(), on_demand(1)),
            metrics.begins(&function(), plain.clone(), on_demand(2)),
            metrics.begins(&other, plain.clone(), on_demand(3)),
        ];
        let recent = metrics.take_recent();
        let (_, figures, resources) =
            recent.functions.iter().find(|(id, ..)| *id == function()).expect("it has run");
        assert_eq!(maximum(figures, Metric::ConcurrentExecutions), 2.0);
        assert_eq!(maximum(&resources[&live], Metric::ConcurrentExecutions), 1.0);
        assert_eq!(maximum(&resources[&plain], Metric::ConcurrentExecutions), 1.0);
        let [(_, account)] = &recent.accounts[..] else { panic!("one account") };
        assert_eq!(maximum(account, Metric::ConcurrentExecutions), 3.0);
        assert_eq!(maximum(account, Metric::UnreservedConcurrentExecutions), 3.0);
        assert_eq!(maximum(account, Metric::ClaimedAccountConcurrency), 8.0);
    }

    #[test]
    fn use_of_what_is_provisioned_is_told() {
        let metrics = Metrics::default();
        let one = Invoked::leading_to(Some("1"), "1");
        let within = Place::Provisioned { at_work: 1, ready: 2, of_function: 3 };
        let _within = metrics.begins(&function(), one.clone(), Standing { place: within, ..on_demand(0) });
        let spilled = Standing { place: Place::Spilled, ..on_demand(1) };
        let _spilled = metrics.begins(&function(), one.clone(), spilled);
        let (_, figures, resources) = metrics.take_recent().functions.remove(0);
        for figures in [&figures, &resources[&one]] {
            assert_eq!(figures.of(Metric::ProvisionedConcurrencyInvocations).sum, 1.0);
            assert_eq!(figures.of(Metric::ProvisionedConcurrencySpilloverInvocations).sum, 1.0);
        }
        assert_eq!(maximum(&figures, Metric::ProvisionedConcurrentExecutions), 3.0);
        assert_eq!(maximum(&resources[&one], Metric::ProvisionedConcurrentExecutions), 1.0);
        assert_eq!(maximum(&resources[&one], Metric::ProvisionedConcurrencyUtilization), 0.5);
        assert_eq!(
            figures.of(Metric::ProvisionedConcurrencyUtilization).count,
            0,
            "of versions and aliases only"
        );
    }

    #[test]
    fn only_aliases_lead_to_versions() {
        assert_eq!(Invoked::leading_to(Some("live"), "1").executed_version.as_deref(), Some("1"));
        for qualifier in [None, Some("1"), Some("$LATEST")] {
            assert_eq!(Invoked::leading_to(qualifier, "1").executed_version, None);
        }
    }
}
