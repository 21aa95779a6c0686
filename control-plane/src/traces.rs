//! Segments of functions' traces, on their way to an X-Ray service elsewhere.
//!
//! Nothing here may hold up an invocation: segments wait in a bounded queue for one task, and what finds no room is
//! dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::signature::{Scope, Unsigned, authorization, hash};
use crate::uplink::{EnvironmentInfo, TraceSink};

/// Batches that wait to be sent.
const BATCHES: usize = 32;

/// Bytes of a batch; those of an agent have ten documents of at most 64 KiB.
const BATCH_BYTES: usize = 1 << 20;

/// Time that the service has to take a batch.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of the service's answer that are read.
const ANSWER_LIMIT: usize = 256 * 1024;

/// The secret of every account here; nobody checks it. (LocalStack)
const SECRET: &str = "test";

/// Sends segments on, to one service for all functions.
#[derive(Debug)]
pub struct Forwarder {
    queue: Option<mpsc::Sender<Job>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    Send { region: String, account: String, documents: Vec<Bytes> },
    Flush(oneshot::Sender<()>),
}

impl Forwarder {
    /// Sends to the service with this base URL; `None`: all segments are dropped. Needs a Tokio runtime around it. A
    /// URL that cannot be used is logged and counts as none.
    pub fn start(endpoint: Option<&str>) -> Self {
        let dropped = Arc::new(AtomicU64::new(0));
        let service = endpoint.and_then(|endpoint| match Service::new(endpoint) {
            Ok(service) => Some(service),
            Err(reason) => {
                warn!(endpoint, reason, "traces go nowhere: the URL for X-Ray cannot be used");
                None
            }
        });
        let queue = service.map(|service| {
            let (sender, jobs) = mpsc::channel(BATCHES);
            tokio::spawn(work(service, jobs, Arc::clone(&dropped)));
            sender
        });
        Self { queue, dropped }
    }

    /// Segments that did not arrive anywhere, until now.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns when everything that was taken until now has been sent, or dropped.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if let Some(queue) = &self.queue
            && queue.send(Job::Flush(done)).await.is_ok()
        {
            // Without an answer the task is gone, and with it all it had.
            let _ = flushed.await;
        }
    }
}

impl TraceSink for Forwarder {
    fn segments(&self, environment: &EnvironmentInfo, documents: Vec<Bytes>) {
        let count = documents.len() as u64;
        let reason = match &self.queue {
            None => "no AWS_ENDPOINT_URL_XRAY or AWS_ENDPOINT_URL is set",
            Some(_) if documents.iter().map(Bytes::len).sum::<usize>() > BATCH_BYTES => "they are too large",
            Some(queue) => {
                let (region, account) = region_and_account(&environment.function_arn);
                match queue.try_send(Job::Send { region, account, documents }) {
                    Ok(()) => return,
                    Err(_) => "too many wait already",
                }
            }
        };
        if self.dropped.fetch_add(count, Ordering::Relaxed) == 0 {
            debug!(function = %environment.function_name, reason, "segments of traces are dropped");
        }
    }
}

/// Pure: out of the function's ARN.
fn region_and_account(arn: &str) -> (String, String) {
    let mut parts = arn.split(':').skip(3).map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

async fn work(service: Service, mut jobs: mpsc::Receiver<Job>, dropped: Arc<AtomicU64>) {
    let mut failing = false;
    while let Some(job) = jobs.recv().await {
        let (region, account, documents) = match job {
            Job::Send { region, account, documents } => (region, account, documents),
            Job::Flush(done) => {
                // Whoever asked may have gone.
                let _ = done.send(());
                continue;
            }
        };
        let sent = timeout(TAKEN_WITHIN, service.put(&region, &account, &documents)).await;
        match sent.unwrap_or_else(|_elapsed| Err("it does not answer".to_owned())) {
            Ok(refused) => {
                if failing {
                    info!(endpoint = %service.url, "X-Ray takes segments again");
                }
                failing = false;
                if refused > 0 {
                    dropped.fetch_add(refused, Ordering::Relaxed);
                    debug!(refused, "X-Ray did not take some segments");
                }
            }
            Err(reason) => {
                dropped.fetch_add(documents.len() as u64, Ordering::Relaxed);
                if failing {
                    debug!(reason, "segments of traces are dropped");
                } else {
                    warn!(endpoint = %service.url, reason, "X-Ray takes no segments; they are dropped until it does");
                }
                failing = true;
            }
        }
    }
}

/// An X-Ray service.
struct Service {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    host: String,
}

impl Service {
    fn new(endpoint: &str) -> Result<Self, String> {
        let url = format!("{}/TraceSegments", endpoint.trim_end_matches('/'));
        let url: Uri = url.parse().map_err(|error| format!("{error}"))?;
        if url.scheme_str() != Some("http") {
            return Err("only http is spoken".to_owned());
        }
        let host = url.authority().ok_or("it names no host")?.to_string();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), url, host })
    }

    /// PutTraceSegments, in the name of a function's account. Returns how many documents were refused.
    /// [AWS: X-Ray API]
    async fn put(&self, region: &str, account: &str, documents: &[Bytes]) -> Result<u64, String> {
        let documents: Vec<_> = documents.iter().map(|document| String::from_utf8_lossy(document)).collect();
        let body = Bytes::from(json!({ "TraceSegmentDocuments": documents }).to_string());
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let kind = "application/json";
        let authorization = authorization(
            // The account is read from the access key, as in calls of the function itself.
            Scope { access_key: account, secret: SECRET, region, service: "xray" },
            Unsigned {
                method: "POST",
                path: self.url.path(),
                query: "",
                headers: &[("content-type", kind), ("host", &self.host), ("x-amz-date", &time)],
                body_hash: &hash(&body),
                time: &time,
            },
        );
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, kind)
            .header("x-amz-date", &time)
            .header(AUTHORIZATION, authorization)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| in_full(&error))?;
        let status = answer.status();
        let answer = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
        let answer = answer.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if status != StatusCode::OK {
            let said: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
            return Err(format!("it answers {status}: {said}"));
        }
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(answer["UnprocessedTraceSegments"].as_array().map_or(0, |refused| refused.len() as u64))
    }
}

/// An error with what caused it: the outermost says little.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
