//! Segments of traces, on to LocalStack's X-Ray.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use lambdock_protocol::Segments;
use serde_json::json;
use tokio::sync::mpsc;

use super::client::Client;
use super::endpoint::Endpoint;
use super::pieces::Pieces;
use crate::log::debug;

/// Batches that wait for the one that is being sent; more are lost.
const WAITING: usize = 4;

/// Where batches go.
#[derive(Debug)]
pub(super) struct Traces(mpsc::Sender<Bytes>);

impl Traces {
    /// Sends batches to `endpoint` as those of whoever has `access_key` in `region`.
    pub(super) fn start(endpoint: Endpoint, access_key: &str, region: &str) -> Self {
        let (sender, mut batches) = mpsc::channel(WAITING);
        let mut client = Client::new(endpoint, headers(access_key, region));
        tokio::task::spawn_local(async move {
            while let Some(batch) = batches.recv().await {
                match client.post("/TraceSegments", &Pieces::from(batch)).await {
                    Ok(status) => debug!("a batch of segments was answered with {status}"),
                    Err(error) => debug!("a batch of segments is lost: {error}"),
                }
            }
        });
        Self(sender)
    }

    /// Sends a batch when those before it are sent.
    pub(super) fn send(&self, head: &Segments, body: Bytes) {
        let Some(documents) = head.unpack(body) else { return };
        let documents: Vec<_> = documents.iter().map(|document| String::from_utf8_lossy(document)).collect();
        let batch = json!({ "TraceSegmentDocuments": documents }).to_string();
        if self.0.try_send(batch.into()).is_err() {
            debug!("a batch of segments is lost: others wait already");
        }
    }
}

/// LocalStack finds service, account and region in the scope of the credentials, and verifies no signature.
/// [LocalStack: services are told apart by the credential scope]
fn headers(access_key: &str, region: &str) -> HeaderMap {
    let scope = format!("{access_key}/19700101/{region}/xray/aws4_request");
    let value = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let value = HeaderValue::try_from(value).ok();
    value.map(|value| (AUTHORIZATION, value)).into_iter().collect()
}
