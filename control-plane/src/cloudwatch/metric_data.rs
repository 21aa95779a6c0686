//! Functions' figures, on to CloudWatch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lambdock_domain::{FunctionId, Scope};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::metrics::{ByQualifier, Figures, Metric, Metrics};
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

/// Sends what has happened to functions; without an upstream, nothing. What is not taken is lost. Clones are the same.
#[derive(Clone)]
pub struct MetricForwarder {
    metrics: Metrics,
    services: Arc<Services>,
    /// Whether somebody has been told that figures are lost.
    told: Arc<AtomicBool>,
}

impl MetricForwarder {
    /// Sends every 10 seconds. Needs a Tokio runtime around it.
    pub fn start(metrics: Metrics, services: Arc<Services>) -> Self {
        let forwarder = Self { metrics, services, told: Arc::default() };
        let working = forwarder.clone();
        tokio::spawn(async move {
            loop {
                sleep(EVERY).await;
                working.flush().await;
            }
        });
        forwarder
    }

    /// Sends what has happened until now.
    pub async fn flush(&self) {
        let recent = self.metrics.take_recent();
        if !self.services.is_named(SERVICE) {
            return;
        }
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for ((account, region), data) in by_scope(recent) {
            let scope = Scope { account, region };
            for data in data.chunks(FIGURES) {
                match self.put(&scope, data, &time).await {
                    Ok(()) => {
                        if self.told.swap(false, Ordering::Relaxed) {
                            info!("CloudWatch takes metrics again");
                        }
                    }
                    Err(error) => {
                        if !self.told.swap(true, Ordering::Relaxed) {
                            warn!(%error, "CloudWatch takes no metrics; they are lost until it does");
                        }
                        return;
                    }
                }
            }
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
    figures: Figures,
}

impl Datum {
    fn write(&self, number: usize, time: &str, parameters: &mut Vec<(String, String)>) {
        let mut put = |name: &str, value: &str| {
            parameters.push((format!("MetricData.member.{number}.{name}"), value.to_owned()));
        };
        let statistics = self.figures.of(self.metric);
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

/// Figures of each account and region: of each function, of each of its resources, and of all functions together.
/// [AWS: Lambda metrics, dimensions]
fn by_scope(recent: Vec<(FunctionId, ByQualifier)>) -> BTreeMap<(String, String), Vec<Datum>> {
    let mut data: BTreeMap<(String, String), Vec<Datum>> = BTreeMap::new();
    let mut all: BTreeMap<(String, String), Figures> = BTreeMap::new();
    for (function, by_qualifier) in recent {
        let FunctionId { scope, name } = function;
        let scope = (scope.account, scope.region);
        let of_scope = data.entry(scope.clone()).or_default();
        let mut together = Figures::default();
        for (qualifier, figures) in by_qualifier {
            together.merge(&figures);
            let resource = qualifier.map_or_else(|| name.clone(), |qualifier| format!("{name}:{qualifier}"));
            of_scope.extend(figured(&[("FunctionName", name.clone()), ("Resource", resource)], &figures));
        }
        of_scope.extend(figured(&[("FunctionName", name)], &together));
        all.entry(scope).or_default().merge(&together);
    }
    for (scope, figures) in all {
        data.entry(scope).or_default().extend(figured(&[], &figures));
    }
    data
}

fn figured(dimensions: &[(&'static str, String)], figures: &Figures) -> Vec<Datum> {
    let known = Metric::ALL.into_iter().filter(|metric| figures.of(*metric).count > 0);
    known.map(|metric| Datum { metric, dimensions: dimensions.to_vec(), figures: figures.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_of_the_resource_the_function_and_all_functions() {
        let metrics = Metrics::default();
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let function = |name: &str| FunctionId { scope: scope.clone(), name: name.into() };
        metrics.record(&function("f"), Some("live"), &[(Metric::Invocations, 1.0)]);
        metrics.record(&function("f"), None, &[(Metric::Invocations, 1.0)]);
        let data = by_scope(metrics.take_recent());
        let told: Vec<(Vec<String>, f64)> = data
            .values()
            .flatten()
            .map(|datum| {
                let values = datum.dimensions.iter().map(|(_, value)| value.clone()).collect();
                (values, datum.figures.of(Metric::Invocations).sum)
            })
            .collect();
        let of = |values: &[&str], sum| (values.iter().map(|value| (*value).to_owned()).collect(), sum);
        let expected: [(Vec<String>, f64); 4] =
            [of(&["f", "f"], 1.0), of(&["f", "f:live"], 1.0), of(&["f"], 2.0), of(&[], 2.0)];
        assert_eq!(told, expected);
    }
}
