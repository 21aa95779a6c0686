use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::executor::EnvironmentId;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// An X-Ray service that keeps what it is told.
struct XRay {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<(Parts, Value)>>>,
    /// One permit lets one request be answered.
    answers: Arc<Semaphore>,
}

impl XRay {
    async fn start(permits: usize, status: StatusCode, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Semaphore::new(permits));
        let (kept, gate) = (Arc::clone(&requests), Arc::clone(&answers));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, gate) = (Arc::clone(&kept), Arc::clone(&gate));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (kept, gate) = (Arc::clone(&kept), Arc::clone(&gate));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        kept.lock().unwrap().push((parts, serde_json::from_slice(&body).unwrap()));
                        gate.acquire().await.unwrap().forget();
                        let mut response = Response::new(Full::new(Bytes::from_static(answer.as_bytes())));
                        *response.status_mut() = status;
                        Ok::<_, Infallible>(response)
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, requests, answers }
    }

    fn forwarder(&self) -> Forwarder {
        Forwarder::start(Some(&format!("http://{}/", self.address)))
    }

    fn documents(&self) -> Vec<Value> {
        self.requests.lock().unwrap().iter().map(|(_, body)| body["TraceSegmentDocuments"].clone()).collect()
    }
}

fn environment() -> EnvironmentInfo {
    EnvironmentInfo {
        id: EnvironmentId::random(),
        function_name: "f".into(),
        function_arn: "arn:aws:lambda:eu-west-1:123456789012:function:f".into(),
        function_version: "$LATEST".into(),
        log_group: "g".into(),
        log_stream: "s".into(),
    }
}

async fn flush(forwarder: &Forwarder) {
    timeout(LIMIT, forwarder.flush()).await.expect("all is sent");
}

#[tokio::test]
async fn segments_are_put_in_the_name_of_the_functions_account_and_region() {
    let xray = XRay::start(9, StatusCode::OK, r#"{"UnprocessedTraceSegments": []}"#).await;
    let forwarder = xray.forwarder();
    forwarder.segments(&environment(), vec!["{\"id\":\"1\"}".into(), "ü".into()]);
    forwarder.segments(&environment(), vec!["{\"id\":\"3\"}".into()]);
    flush(&forwarder).await;
    assert_eq!(xray.documents(), [json!(["{\"id\":\"1\"}", "ü"]), json!(["{\"id\":\"3\"}"])]);
    let requests = xray.requests.lock().unwrap();
    let (parts, _) = &requests[0];
    let header = |name: &str| parts.headers[name].to_str().unwrap();
    assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", "/TraceSegments"));
    let date = &header("x-amz-date")[..8];
    let credential = format!("AWS4-HMAC-SHA256 Credential=123456789012/{date}/eu-west-1/xray/aws4_request, ");
    assert!(header("authorization").starts_with(&credential), "{}", header("authorization"));
    assert_eq!((header("host"), forwarder.dropped()), (xray.address.to_string().as_str(), 0));
}

#[tokio::test]
async fn without_a_service_segments_are_counted() {
    for endpoint in [None, Some("https://xray.us-east-1.amazonaws.com"), Some("not a url")] {
        let forwarder = Forwarder::start(endpoint);
        forwarder.segments(&environment(), vec!["{}".into(), "{}".into()]);
        flush(&forwarder).await;
        assert_eq!(forwarder.dropped(), 2, "{endpoint:?}");
    }
}

#[tokio::test]
async fn what_the_service_does_not_take_is_counted_and_the_next_is_tried() {
    let refusing = XRay::start(9, StatusCode::FORBIDDEN, "no").await;
    let forwarder = refusing.forwarder();
    forwarder.segments(&environment(), vec!["{}".into(), "{}".into()]);
    forwarder.segments(&environment(), vec!["{}".into()]);
    flush(&forwarder).await;
    assert_eq!((refusing.documents().len(), forwarder.dropped()), (2, 3));

    let choosy = XRay::start(9, StatusCode::OK, r#"{"UnprocessedTraceSegments": [{"Id": "1"}]}"#).await;
    let forwarder = choosy.forwarder();
    forwarder.segments(&environment(), vec!["{}".into(), "{}".into()]);
    flush(&forwarder).await;
    assert_eq!(forwarder.dropped(), 1);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let forwarder = Forwarder::start(Some(&format!("http://{nobody}")));
    forwarder.segments(&environment(), vec!["{}".into()]);
    flush(&forwarder).await;
    assert_eq!(forwarder.dropped(), 1);
}

#[tokio::test]
async fn a_service_that_is_slow_holds_up_nobody_and_fills_no_memory() {
    let slow = XRay::start(0, StatusCode::OK, "{}").await;
    let forwarder = slow.forwarder();
    let batches = 5 * BATCHES;
    for _ in 0..batches {
        forwarder.segments(&environment(), vec!["{}".into()]);
    }
    forwarder.segments(&environment(), vec![Bytes::from(vec![b' '; BATCH_BYTES + 1])]);
    // One is being sent at most, the others wait.
    assert!(forwarder.dropped() >= (batches - BATCHES) as u64, "{}", forwarder.dropped());
    slow.answers.add_permits(batches);
    flush(&forwarder).await;
    assert_eq!(slow.documents().len() as u64 + forwarder.dropped(), batches as u64 + 1);
}
