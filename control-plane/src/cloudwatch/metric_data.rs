//! Functions' figures, on to CloudWatch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lambdock_domain::{FunctionId, Scope};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::metrics::{Figures, Invoked, Metric, Metrics, Recent, Statistics};
use crate::services::{Error, Query, Services};

/// What requests to CloudWatch are signed for.
const SERVICE: &str = "monitoring";

/// Of its API.
const VERSION: &str = "2010-08-01";

/// Where Lambda's metrics are. [AWS: Lambda metrics]
const NAMESPACE: &str = "AWS/Lambda";

/// Figures in one request. [AWS: PutMetricData takes 1000; a form with so many stays below its 1 MB]
const FIGURES: usize = 500;

/// How often figures are sent.
const EVERY: Duration = Duration::from_secs(10);

/// Sends what has happened to functions; without an upstream, nothing. What is not taken is lost, and counted. Clones
/// are the same.
#[derive(Clone)]
pub struct MetricForwarder {
    metrics: Metrics,
    services: Arc<Services>,
    /// Whether somebody has been told that figures are lost.
    told: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

impl MetricForwarder {
    /// Sends every 10 seconds. Needs a Tokio runtime around it.
    pub fn start(metrics: Metrics, services: Arc<Services>) -> Self {
        let forwarder = Self { metrics, services, told: Arc::default(), dropped: Arc::default() };
        let working = forwarder.clone();
        tokio::spawn(async move {
            loop {
                sleep(EVERY).await;
                working.flush().await;
            }
        });
        forwarder
    }

    /// Figures that did not arrive anywhere, until now.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what has happened until now.
    pub async fn flush(&self) {
        let recent = self.metrics.take_recent();
        if !self.services.is_named(SERVICE) {
            return;
        }
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut refused = None;
        for ((account, region), data) in by_scope(recent) {
            let scope = Scope { account, region };
            for data in data.chunks(FIGURES) {
                // Once some are not taken, the rest is not tried.
                if refused.is_none() {
                    refused = self.put(&scope, data, &time).await.err();
                }
                if refused.is_some() {
                    self.dropped.fetch_add(data.len() as u64, Ordering::Relaxed);
                } else if self.told.swap(false, Ordering::Relaxed) {
                    info!(dropped = self.dropped(), "CloudWatch takes metrics again");
                }
            }
        }
        if let Some(error) = refused
            && !self.told.swap(true, Ordering::Relaxed)
        {
            warn!(%error, "CloudWatch takes no metrics; they are dropped until it does");
        }
    }

    async fn put(&self, scope: &Scope, data: &[Datum], time: &str) -> Result<(), Error> {
        let mut parameters = vec![("Namespace".to_owned(), NAMESPACE.to_owned())];
        for (number, datum) in (1..).zip(data) {
            datum.write(number, time, &mut parameters);
        }
        let query = Query { service: SERVICE, version: VERSION, action: "PutMetricData", scope, parameters };
        self.services.query(query).await.map(drop)
    }
}

/// One figure with its dimensions.
#[derive(Debug, PartialEq)]
struct Datum {
    metric: Metric,
    dimensions: Vec<(&'static str, String)>,
    statistics: Statistics,
}

impl Datum {
    fn write(&self, number: usize, time: &str, parameters: &mut Vec<(String, String)>) {
        let mut put = |name: &str, value: &str| {
            parameters.push((format!("MetricData.member.{number}.{name}"), value.to_owned()));
        };
        let statistics = &self.statistics;
        put("MetricName", self.metric.as_str());
        put("Unit", self.metric.unit());
        put("Timestamp", time);
        for (index, (name, value)) in (1..).zip(&self.dimensions) {
            put(&format!("Dimensions.member.{index}.Name"), name);
            put(&format!("Dimensions.member.{index}.Value"), value);
        }
        put("StatisticValues.SampleCount", &statistics.count.to_string());
        put("StatisticValues.Sum", &statistics.sum.to_string());
        put("StatisticValues.Minimum", &statistics.minimum.to_string());
        put("StatisticValues.Maximum", &statistics.maximum.to_string());
    }
}

/// Figures of each account and region: of each function, of each of its resources, of each version that an alias has
/// led to, and of all functions together. [AWS: Lambda metrics, dimensions]
fn by_scope(recent: Recent) -> BTreeMap<(String, String), Vec<Datum>> {
    let mut data: BTreeMap<(String, String), Vec<Datum>> = BTreeMap::new();
    let mut all: BTreeMap<(String, String), Figures> = BTreeMap::new();
    for (FunctionId { scope, name }, figures, by_resource) in recent.functions {
        let scope = (scope.account, scope.region);
        let of_scope = data.entry(scope.clone()).or_default();
        let mut resources: BTreeMap<Option<String>, Figures> = BTreeMap::new();
        for (Invoked { qualifier, executed_version }, figures) in by_resource {
            if let Some(version) = executed_version {
                let mut dimensions = resource(&name, qualifier.as_deref());
                dimensions.push(("ExecutedVersion", version));
                let mut sums = Figures::default();
                sums.merge_sums(&figures);
                of_scope.extend(figured(&dimensions, &sums));
            }
            resources.entry(qualifier).or_default().merge(&figures);
        }
        for (qualifier, figures) in resources {
            of_scope.extend(figured(&resource(&name, qualifier.as_deref()), &figures));
        }
        all.entry(scope).or_default().merge_sums(&figures);
        of_scope.extend(figured(&[("FunctionName", name)], &figures));
    }
    for (Scope { account, region }, levels) in recent.accounts {
        all.entry((account, region)).or_default().merge(&levels);
    }
    for (scope, figures) in all {
        data.entry(scope).or_default().extend(figured(&[], &figures));
    }
    data
}

fn resource(name: &str, qualifier: Option<&str>) -> Vec<(&'static str, String)> {
    let resource = qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"));
    vec![("FunctionName", name.to_owned()), ("Resource", resource)]
}

fn figured(dimensions: &[(&'static str, String)], figures: &Figures) -> Vec<Datum> {
    let known = Metric::ALL.into_iter().filter(|metric| figures.of(*metric).count > 0);
    let datum = |metric| Datum { metric, dimensions: dimensions.to_vec(), statistics: *figures.of(metric) };
    known.map(datum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Place, Standing};

    fn function(name: &str) -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: name.into() }
    }

    /// Values of the dimensions, and what `of` says of the metric in them.
    fn told(metrics: &Metrics, metric: Metric, of: fn(&Statistics) -> f64) -> Vec<(Vec<String>, f64)> {
        let data = by_scope(metrics.take_recent());
        let mut told: Vec<(Vec<String>, f64)> = data
            .values()
            .flatten()
            .filter(|datum| datum.metric == metric)
            .map(|datum| {
                let values = datum.dimensions.iter().map(|(_, value)| value.clone()).collect();
                (values, of(&datum.statistics))
            })
            .collect();
        told.sort_by(|(a, _), (b, _)| a.cmp(b));
        told
    }

    fn of(values: &[&str], value: f64) -> (Vec<String>, f64) {
        (values.iter().map(|value| (*value).to_owned()).collect(), value)
    }

    #[test]
    fn a_figure_is_told_of_the_version_the_resource_the_function_and_all_functions() {
        let metrics = Metrics::default();
        for invoked in [
            Invoked::leading_to(Some("live"), "1"),
            Invoked::leading_to(Some("live"), "2"),
            Invoked::leading_to(None, "$LATEST"),
        ] {
            metrics.record(&function("f"), &invoked, &[(Metric::Invocations, 1.0)]);
        }
        metrics.record(&function("g"), &Invoked::default(), &[(Metric::Invocations, 1.0)]);
        assert_eq!(
            told(&metrics, Metric::Invocations, |statistics| statistics.sum),
            [
                of(&[], 4.0),
                of(&["f"], 3.0),
                of(&["f", "f"], 1.0),
                of(&["f", "f:live"], 2.0),
                of(&["f", "f:live", "1"], 1.0),
                of(&["f", "f:live", "2"], 1.0),
                of(&["g"], 1.0),
                of(&["g", "g"], 1.0),
            ]
        );
    }

    #[test]
    fn the_level_of_an_account_is_its_own() {
        let metrics = Metrics::default();
        let standing = Standing { unreserved: 1, kept: 0, place: Place::OnDemand };
        let _running = ["f", "g"].map(|name| metrics.begins(&function(name), Invoked::default(), standing));
        assert_eq!(
            told(&metrics, Metric::ConcurrentExecutions, |statistics| statistics.maximum),
            [of(&[], 2.0), of(&["f"], 1.0), of(&["f", "f"], 1.0), of(&["g"], 1.0), of(&["g", "g"], 1.0)]
        );
    }
}
