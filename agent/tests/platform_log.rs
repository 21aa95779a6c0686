//! A whole agent, with the test as its control plane and as its runtime: what the platform logs, and in which order.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lambdock_agent::config::Config;
use lambdock_agent::log::Level;
use lambdock_agent::{Platform, run};
use lambdock_protocol::{
    Assignment, Decoder, Invoke, LogFormat, LogLevel, LogSource, Logging, RuntimeVersion, ShutdownReason,
    ToAgent, ToControlPlane, VERSION,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::timeout;

/// Time after which a test that waits for something has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An address of the loopback that is nobody else's.
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 82, 83, 1)), 9001);

/// Writes a line and lives until somebody opens its pipe for writing.
const BOOTSTRAP: &str = "#!/bin/sh\necho from the init\nread line < end\nexit 3\n";

struct ControlPlane {
    stream: TcpStream,
    buffer: BytesMut,
    decoder: Decoder,
    logs: Vec<String>,
}

impl ControlPlane {
    async fn send(&mut self, message: ToAgent) {
        let encoded = message.encode();
        self.stream.write_all(&encoded.head).await.unwrap();
        self.stream.write_all(&encoded.body).await.unwrap();
    }

    async fn receive(&mut self) -> ToControlPlane {
        loop {
            if let Some(message) = ToControlPlane::decode(&self.decoder, &mut self.buffer).unwrap() {
                return message;
            }
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the agent is gone");
        }
    }

    /// Notes logs until something else is `wanted`.
    async fn until(&mut self, wanted: impl Fn(&ToControlPlane) -> bool) {
        loop {
            match self.receive().await {
                ToControlPlane::Log(log, lines) => {
                    let text = String::from_utf8(lines.to_vec()).unwrap();
                    let told = text.lines().map(|line| match log.source {
                        LogSource::Platform => {
                            let event: Value = serde_json::from_str(line).unwrap();
                            let status = event["record"]["status"].as_str().unwrap_or("-");
                            let error = event["record"]["errorType"].as_str().unwrap_or("-");
                            format!("{} {status} {error}", event["type"].as_str().unwrap())
                        }
                        LogSource::Function | LogSource::Extension => line.to_owned(),
                    });
                    self.logs.extend(told);
                }
                message if wanted(&message) => return,
                _ => {}
            }
        }
    }

    async fn invoke(&mut self, request_id: &str) {
        let invoke = Invoke {
            request_id: request_id.to_owned(),
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            timeout_ms: 60_000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        self.send(ToAgent::Invoke(invoke, Bytes::from("{}"))).await;
    }
}

/// Begins a call of the Runtime API.
async fn call(request: &str) -> TcpStream {
    let mut stream = loop {
        match TcpStream::connect(API).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn next() -> TcpStream {
    call("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n").await
}

async fn answered(stream: &mut TcpStream, status: &str) {
    let mut answer = BytesMut::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "no answer");
    }
    assert!(answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{answer:?}");
}

fn container(root: &Path) {
    for folder in ["etc", "tmp", "var/task"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let bootstrap = root.join("var/task/bootstrap");
    std::fs::write(&bootstrap, BOOTSTRAP).unwrap();
    std::fs::set_permissions(bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    nix::unistd::mkfifo(&root.join("var/task/end"), nix::sys::stat::Mode::S_IRWXU).unwrap();
}

fn assignment() -> Assignment {
    Assignment {
        function_name: "f".into(),
        function_version: "$LATEST".into(),
        memory_size_mb: 128,
        timeout_ms: 60_000,
        user: Some("root".into()),
        payload_limit: 6 << 20,
        logging: Logging {
            format: LogFormat::Json,
            system_level: Some(LogLevel::Debug),
            ..Logging::default()
        },
        runtime_version: Some(RuntimeVersion { version: "v".into(), arn: "a".into() }),
        ..Assignment::default()
    }
}

async fn story(mut control_plane: ControlPlane, root: &Path) -> Vec<String> {
    assert!(matches!(control_plane.receive().await, ToControlPlane::Hello(_)));
    control_plane.send(ToAgent::Welcome { version: VERSION }).await;
    control_plane.send(ToAgent::Assign(Box::new(assignment()))).await;
    // The line of the init has to be out before it is ready.
    while !control_plane.logs.iter().any(|line| line == "from the init") {
        let ToControlPlane::Log(log, lines) = control_plane.receive().await else { panic!("not a log") };
        let text = String::from_utf8(lines.to_vec()).unwrap();
        let shown =
            if log.source == LogSource::Platform { "platform.initStart - -" } else { text.trim_end() };
        control_plane.logs.push(shown.to_owned());
    }
    let mut waiting = next().await;
    control_plane.until(|message| matches!(message, ToControlPlane::Initialized(..))).await;
    control_plane.invoke("r-1").await;
    answered(&mut waiting, "200").await;
    let response =
        "POST /2018-06-01/runtime/invocation/r-1/response HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    answered(&mut call(response).await, "202").await;
    let mut waiting = next().await;
    control_plane.until(|message| matches!(message, ToControlPlane::Done(_))).await;
    control_plane.invoke("r-2").await;
    answered(&mut waiting, "200").await;
    std::fs::write(root.join("var/task/end"), "\n").unwrap();
    control_plane.until(|message| matches!(message, ToControlPlane::Done(_))).await;
    let shutdown = lambdock_protocol::Shutdown { reason: ShutdownReason::Spindown, budget_ms: 0 };
    control_plane.send(ToAgent::Shutdown(shutdown)).await;
    control_plane.logs
}

#[test]
fn a_cold_start_a_success_and_a_crash_are_told_in_awss_order() {
    let root = tempfile::tempdir().unwrap();
    container(root.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let logs = runtime.block_on(LocalSet::new().run_until(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config {
            uplink: listener.local_addr().unwrap().to_string(),
            environment: "e".into(),
            secret: "s".into(),
            log_level: Level::Warn,
        };
        let variables = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let platform =
            Platform { root: root.path().to_owned(), api: API, xray: API, folder: "/".into(), variables };
        let agent = tokio::task::spawn_local(run(config, platform));
        let stream = listener.accept().await.unwrap().0;
        let control_plane =
            ControlPlane { stream, buffer: BytesMut::new(), decoder: Decoder::default(), logs: Vec::new() };
        let logs = timeout(PATIENCE, story(control_plane, root.path())).await.unwrap();
        agent.await.unwrap().unwrap();
        logs
    }));
    assert_eq!(
        logs,
        [
            "platform.initStart - -",
            "from the init",
            "platform.initRuntimeDone success -",
            "platform.initReport success -",
            "platform.start - -",
            "platform.runtimeDone success -",
            "platform.report success -",
            "platform.start - -",
            "platform.runtimeDone error Runtime.ExitError",
            "platform.report error Runtime.ExitError",
        ]
    );
}
