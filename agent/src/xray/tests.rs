use std::cell::RefCell;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::*;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A daemon on an address of its own, and what it delivers.
struct Bench {
    xray: Xray,
    address: SocketAddr,
    sdk: UdpSocket,
    batches: Rc<RefCell<Vec<Vec<Bytes>>>>,
    delivered: Rc<Notify>,
}

impl Bench {
    async fn new() -> Self {
        // Whoever gets the port in between makes the test fail loudly, and has to want it for both.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (batches, delivered) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Notify::new()));
        let (into, tell) = (Rc::clone(&batches), Rc::clone(&delivered));
        let settings = Settings { address, region: "us-east-1".into(), account: "000000000000".into() };
        let xray = Xray::start(settings, async move |batch| {
            into.borrow_mut().push(batch);
            tell.notify_one();
        })
        .await;
        let sdk = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sdk.connect(address).await.unwrap();
        Self { xray, address, sdk, batches, delivered }
    }

    async fn send(&self, document: &str) {
        let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{document}");
        assert_eq!(self.sdk.send(datagram.as_bytes()).await.unwrap(), datagram.len());
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches.borrow().iter().map(Vec::len).collect()
    }

    async fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }
}

#[tokio::test]
async fn segments_are_delivered_in_batches_and_the_rest_after_a_while() {
    LocalSet::new()
        .run_until(async {
            let bench = Bench::new().await;
            for number in 0..12 {
                bench.send(&format!("{{\"id\":\"{number}\"}}")).await;
            }
            while bench.sizes().iter().sum::<usize>() < 12 {
                timeout(LIMIT, bench.delivered.notified()).await.unwrap();
            }
            assert!(bench.sizes().len() > 1 && bench.sizes().iter().all(|size| *size <= 10));
            let all: Vec<Bytes> = bench.batches.borrow().concat();
            let expected: Vec<String> = (0..12).map(|number| format!("{{\"id\":\"{number}\"}}")).collect();
            assert_eq!(all, expected);
        })
        .await;
}

#[tokio::test]
async fn a_flush_delivers_what_is_there_and_what_is_no_segment_harms_nobody() {
    LocalSet::new()
        .run_until(async {
            let bench = Bench::new().await;
            bench.xray.flush().await;
            assert_eq!(bench.sizes(), [] as [usize; 0]);
            bench.sdk.send(b"no header").await.unwrap();
            bench.sdk.send(b"").await.unwrap();
            let large = format!("{{\"id\":\"{}\"}}", "x".repeat(60_000));
            bench.send(&large).await;
            bench.send("{}").await;
            bench.xray.flush().await;
            assert_eq!(*bench.batches.borrow(), [[Bytes::from(large), Bytes::from("{}")]]);
        })
        .await;
}

#[tokio::test]
async fn sampling_is_answered_over_http() {
    LocalSet::new()
        .run_until(async {
            let bench = Bench::new().await;
            let answer = bench.post("/GetSamplingRules", "{}").await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"RuleName\":\"Default\""),
                "{answer}"
            );
            let body = r#"{"SamplingStatisticsDocuments":[{"RuleName":"Default"}]}"#;
            let answer = bench.post("/SamplingTargets", body).await;
            assert!(
                answer.contains("\"ReservoirQuotaTTL\":") && answer.contains("application/json"),
                "{answer}"
            );
            let answer = bench.post("/SamplingTargets", &"x".repeat(QUESTION_LIMIT + 1)).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        })
        .await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_no_reason_to_fail() {
    LocalSet::new()
        .run_until(async {
            let first = Bench::new().await;
            let settings = Settings {
                address: first.address,
                region: "us-east-1".into(),
                account: "000000000000".into(),
            };
            let second = Xray::start(settings, async |_| panic!("it hears nothing")).await;
            first.send("{}").await;
            timeout(LIMIT, second.flush()).await.unwrap();
            first.xray.flush().await;
            assert_eq!(first.sizes(), [1]);
        })
        .await;
}
