//! Subscribers on the loopback get what is told, in batches, or are left behind without harm.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::rc::Rc;
use std::time::Duration;

use lambdock_agent::telemetry::Telemetry;
use lambdock_agent::telemetry::schema::{DurationMetrics, End, InitReport, Micros, Phase, Record, Start};
use lambdock_agent::telemetry::subscription::Api;
use lambdock_protocol::{InitializationType, Status};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

const TIME: &str = "2026-01-02T03:04:05.678Z";

/// Time after which a test that waits for something has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any test.
const NEVER_DUE: u64 = 30_000;

fn run_local(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(LocalSet::new().run_until(async { tokio::time::timeout(PATIENCE, test()).await.unwrap() }));
}

fn start(id: &str) -> Record {
    Record::Start(Start { request_id: id.into(), version: None, function_arn: None, tracing: None })
}

fn init_report() -> Record {
    Record::InitReport(InitReport {
        initialization_type: InitializationType::OnDemand,
        phase: Phase::Init,
        status: Status::Success,
        error_type: None,
        metrics: DurationMetrics { duration: Micros(1) },
        tracing: None,
    })
}

fn body(types: &[&str], timeout_ms: u64, destination: &Value) -> Vec<u8> {
    json!({
        "schemaVersion": "2022-12-13", "types": types, "destination": destination,
        "buffering": { "maxItems": 1000, "timeoutMs": timeout_ms },
    })
    .to_string()
    .into_bytes()
}

/// An extension that listens.
struct Listener {
    listener: TcpListener,
    port: u16,
}

impl Listener {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    fn http(&self) -> Value {
        json!({ "protocol": "HTTP", "URI": format!("http://sandbox.localdomain:{}/told?a", self.port) })
    }

    fn tcp(&self) -> Value {
        json!({ "protocol": "TCP", "port": self.port })
    }

    async fn accept(&self) -> BufReader<TcpStream> {
        BufReader::new(self.listener.accept().await.unwrap().0)
    }

    async fn lines(&self) -> Lines<BufReader<TcpStream>> {
        self.accept().await.lines()
    }
}

/// Reads a request: its head and its events.
async fn request(stream: &mut BufReader<TcpStream>) -> (String, Vec<Value>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "the connection ended after {head:?}");
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

async fn answer(stream: &mut BufReader<TcpStream>, status: &str) {
    stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok").as_bytes()).await.unwrap();
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn a_batch_is_posted_when_its_time_is_up_over_one_connection() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let subscribed = telemetry
            .subscribe(Api::Telemetry, "ext", &body(&["platform", "function"], 25, &listener.http()))
            .await;
        let record = subscribed.unwrap().unwrap();
        assert!(matches!(record, Record::TelemetrySubscription(_)));
        telemetry.publish(&start("r-1"), TIME);
        telemetry.line(None, b"hello", false, TIME);
        telemetry.line(Some(&Rc::from("other")), b"not asked for", false, TIME);
        let mut stream = listener.accept().await;
        let (head, events) = request(&mut stream).await;
        assert!(head.starts_with("POST /told?a HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("host: sandbox.localdomain:{}\r\n", listener.port)), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        assert_eq!(types(&events), ["platform.start", "function"]);
        assert_eq!(events[1], json!({ "time": TIME, "type": "function", "record": "hello" }));
        answer(&mut stream, "200 OK").await;
        telemetry.line(None, br#"{"a":1}"#, true, TIME);
        let (_, events) = request(&mut stream).await;
        assert_eq!(events, [json!({ "time": TIME, "type": "function", "record": { "a": 1 } })]);
    });
}

#[test]
fn what_was_told_before_is_told_to_each_new_subscriber() {
    run_local(async || {
        let (telemetry, first, second) = (Telemetry::new(), Listener::new().await, Listener::new().await);
        telemetry.publish(&init_report(), TIME);
        telemetry.line(Some(&Rc::from("ext-1")), b"I am up", false, TIME);
        for (name, listener) in [("ext-1", &first), ("ext-2", &second)] {
            let body = body(&["platform", "extension"], 25, &listener.tcp());
            let record = telemetry.subscribe(Api::Telemetry, name, &body).await.unwrap().unwrap();
            telemetry.publish(&record, TIME);
        }
        let (mut first, mut second) = (first.lines().await, second.lines().await);
        let next = async |lines: &mut Lines<BufReader<TcpStream>>| {
            let event: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
            (event["type"].as_str().unwrap().to_owned(), event["record"].clone())
        };
        // Nobody gets lines of its own.
        assert_eq!(next(&mut first).await.0, "platform.initReport");
        assert_eq!(next(&mut first).await.1["name"], "ext-1");
        assert_eq!(next(&mut first).await.1["name"], "ext-2");
        assert_eq!(next(&mut second).await.0, "platform.initReport");
        assert_eq!(next(&mut second).await, ("extension".to_owned(), json!("I am up")));
        assert_eq!(next(&mut second).await.1["name"], "ext-1");
        assert_eq!(next(&mut second).await.1["name"], "ext-2");
    });
}

#[test]
fn a_full_batch_leaves_at_once() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let body = body(&["function"], NEVER_DUE, &listener.http());
        telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap();
        for number in 0..1001 {
            telemetry.line(None, number.to_string().as_bytes(), false, TIME);
        }
        let mut stream = listener.accept().await;
        let (_, events) = request(&mut stream).await;
        assert_eq!(events.len(), 1000);
        assert_eq!(events[999]["record"], "999");
        answer(&mut stream, "200 OK").await;
        // The rest is not due, unless somebody is in a hurry.
        let (flushed, rest) = tokio::join!(telemetry.flush(PATIENCE), async {
            let rest = request(&mut stream).await.1;
            answer(&mut stream, "200 OK").await;
            rest
        });
        assert!(flushed);
        assert_eq!(types(&rest), ["function"]);
        assert_eq!(rest[0]["record"], "1000");
    });
}

#[test]
fn subscribing_again_changes_nothing_and_the_other_api_is_refused() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let body = body(&["platform"], 25, &listener.http());
        assert!(telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap().is_some());
        assert!(telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap().is_none());
        let logs = json!({ "types": ["platform"], "destination": listener.http() }).to_string();
        let refusal = telemetry.subscribe(Api::Logs, "ext", logs.as_bytes()).await.unwrap_err();
        assert_eq!((refusal.status, refusal.error_type), (400, "Logs.ValidationError"));
        telemetry.publish(&start("r-1"), TIME);
        let mut stream = listener.accept().await;
        assert_eq!(types(&request(&mut stream).await.1), ["platform.start"]);
    });
}

#[test]
fn after_the_init_phase_it_is_too_late_until_a_reset() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let body = body(&["platform"], 25, &listener.http());
        telemetry.close();
        for (api, error_type, message) in [
            (Api::Telemetry, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already"),
            (Api::Logs, "Logs.SubscriptionClosed", "Logs API subscription is closed already"),
        ] {
            let refusal = telemetry.subscribe(api, "ext", &body).await.unwrap_err();
            assert_eq!((refusal.status, refusal.error_type, &*refusal.message), (403, error_type, message));
            let expected = json!({ "errorMessage": message, "errorType": error_type });
            assert_eq!(serde_json::from_str::<Value>(&refusal.body()).unwrap(), expected);
        }
        telemetry.reset();
        assert!(telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap().is_some());
    });
}

#[test]
fn a_reset_ends_subscriptions() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        telemetry.subscribe(Api::Telemetry, "ext", &body(&["platform"], 25, &listener.tcp())).await.unwrap();
        telemetry.reset();
        let mut lines = listener.lines().await;
        assert_eq!(lines.next_line().await.unwrap(), None, "the connection is closed");
    });
}

#[test]
fn a_tcp_destination_has_to_listen_already() {
    run_local(async || {
        let telemetry = Telemetry::new();
        let destination = Listener::new().await.tcp();
        let body = body(&["platform"], 25, &destination);
        let refusal = telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap_err();
        assert_eq!((refusal.status, refusal.error_type), (400, "ValidationError"));
    });
}

#[test]
fn a_listener_that_fails_is_asked_again() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let body = body(&["function"], 25, &listener.http());
        telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap();
        telemetry.line(None, b"hello", false, TIME);
        drop(listener.accept().await);
        let mut stream = listener.accept().await;
        let first = request(&mut stream).await.1;
        answer(&mut stream, "500 Oh no").await;
        let mut stream = listener.accept().await;
        assert_eq!(request(&mut stream).await.1, first);
        answer(&mut stream, "204 No Content").await;
        assert!(telemetry.flush(PATIENCE).await);
    });
}

#[test]
fn a_listener_that_never_answers_harms_nothing_and_learns_what_it_missed() {
    const LINES: usize = 20_000;
    run_local(async || {
        let (telemetry, silent, lively) = (Telemetry::new(), Listener::new().await, Listener::new().await);
        for (name, destination) in [("silent", silent.http()), ("lively", lively.http())] {
            let body = body(&["platform", "function"], NEVER_DUE, &destination);
            telemetry.subscribe(Api::Telemetry, name, &body).await.unwrap();
        }
        telemetry.close();
        let mut sent = 0;
        let mut fill = |lines: usize| {
            for _ in 0..lines {
                telemetry.line(None, format!("line {sent}").as_bytes(), false, TIME);
                sent += 1;
            }
        };
        // Its first batch is on its way and will not be answered for now.
        fill(1000);
        let mut stuck = silent.accept().await;
        assert_eq!(request(&mut stuck).await.1.len(), 1000);
        fill(LINES);
        assert!(!telemetry.flush(Duration::from_millis(50)).await, "who does not answer is not waited for");
        // The other one has been served meanwhile: it gets its latest.
        let mut stream = lively.accept().await;
        assert_eq!(request(&mut stream).await.1.len(), 1000);
        answer(&mut stream, "200 OK").await;
        let (_, events) = request(&mut stream).await;
        assert_eq!(events[0]["type"], "platform.logsDropped");
        assert_eq!(events[0]["record"]["droppedRecords"], LINES - 1000);
        // Once the slow one answers, it is told of the gap and gets what came last.
        answer(&mut stuck, "200 OK").await;
        let (_, events) = request(&mut stuck).await;
        let loss = &events[0]["record"];
        assert_eq!(events[0]["type"], "platform.logsDropped");
        assert_eq!(loss["droppedRecords"], LINES - 1000);
        assert!(loss["droppedBytes"].as_u64().unwrap() > 1_000_000);
        assert_eq!(
            loss["reason"],
            "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
        );
        assert_eq!(events.last().unwrap()["record"], format!("line {}", 1000 + LINES - 1));
    });
}

#[test]
fn logs_api_schemas_differ_in_runtimedone_and_telemetry_has_no_end() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        let logs = json!({
            "types": ["platform"], "buffering": { "timeoutMs": 25 },
            "destination": {
                "protocol": "HTTP", "URI": format!("http://sandbox:{}", listener.port), "method": "PUT",
            },
        });
        let record =
            telemetry.subscribe(Api::Logs, "ext", logs.to_string().as_bytes()).await.unwrap().unwrap();
        telemetry.publish(&record, TIME);
        telemetry.publish(&init_report(), TIME);
        telemetry.publish(&start("r-1"), TIME);
        telemetry.publish(&Record::End(End { request_id: "r-1".into() }), TIME);
        let mut stream = listener.accept().await;
        let (head, events) = request(&mut stream).await;
        assert!(head.starts_with("PUT / HTTP/1.1\r\n"), "{head}");
        assert_eq!(types(&events), ["platform.logsSubscription", "platform.start", "platform.end"]);
    });
}

#[test]
fn what_does_not_fit_before_a_subscription_is_told_as_a_loss() {
    run_local(async || {
        let (telemetry, listener) = (Telemetry::new(), Listener::new().await);
        for _ in 0..100 {
            telemetry.line(None, &[b'x'; 10_000], false, TIME);
        }
        telemetry.publish(&init_report(), TIME);
        let body = body(&["platform", "function"], 25, &listener.http());
        telemetry.subscribe(Api::Telemetry, "ext", &body).await.unwrap();
        let mut stream = listener.accept().await;
        let (_, events) = request(&mut stream).await;
        let kept = events.iter().filter(|event| event["type"] == "function").count();
        assert_eq!(events[0]["type"], "platform.logsDropped");
        assert_eq!(events[0]["record"]["droppedRecords"], 100 - kept);
        assert!(kept > 20 && kept * 10_000 < 256 * 1024, "{kept}");
        assert_eq!(events.last().unwrap()["type"], "platform.initReport");
    });
}
