use std::io::{Seek, Write};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use lambdock_protocol::{
    Archive, Assignment, Decoder, Done, Failed, Hello, Initialized, Invoke, LogSource, Mode, Purpose,
    ResponseEnd, ResponseStart, Segments, Status, ToAgent, ToControlPlane,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

struct OneArchive(Vec<u8>);

impl ArchiveSource for OneArchive {
    fn open(&self, digest: &str) -> io::Result<std::fs::File> {
        if digest != "d1" {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&self.0)?;
        file.rewind()?;
        Ok(file)
    }
}

struct Collected<T>(Mutex<std_mpsc::Sender<T>>);

impl LogSink for Collected<(String, Bytes)> {
    fn lines(&self, environment: &EnvironmentInfo, _log: &Log, lines: &Bytes) {
        let _ = self.0.lock().unwrap().send((environment.function_name.clone(), lines.clone()));
    }
}

impl TraceSink for Collected<Vec<Bytes>> {
    fn segments(&self, _environment: &EnvironmentInfo, documents: Vec<Bytes>) {
        let _ = self.0.lock().unwrap().send(documents);
    }
}

impl TunnelSink for Collected<Tunnel> {
    fn accept(&self, _environment: &EnvironmentInfo, stream: Tunnel) {
        let _ = self.0.lock().unwrap().send(stream);
    }
}

struct Bench {
    uplink: Uplink,
    address: SocketAddr,
    logs: std_mpsc::Receiver<(String, Bytes)>,
    tunnels: std_mpsc::Receiver<Tunnel>,
    traces: std_mpsc::Receiver<Vec<Bytes>>,
}

async fn bench() -> Bench {
    let (log_sender, logs) = std_mpsc::channel();
    let (tunnel_sender, tunnels) = std_mpsc::channel();
    let (trace_sender, traces) = std_mpsc::channel();
    let archive = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    let uplink = Uplink::new(
        None,
        Arc::new(OneArchive(archive)),
        Arc::new(Collected(Mutex::new(log_sender))),
        Arc::new(Collected(Mutex::new(tunnel_sender))),
        Arc::new(Collected(Mutex::new(trace_sender))),
    );
    let address = uplink.listen(&[[127, 0, 0, 1].into()]).await.unwrap();
    Bench { uplink, address, logs, tunnels, traces }
}

fn info() -> Arc<EnvironmentInfo> {
    Arc::new(EnvironmentInfo {
        id: EnvironmentId::random(),
        function_name: "f".into(),
        function_arn: "arn".into(),
        function_version: "$LATEST".into(),
        log_group: "g".into(),
        log_stream: "s".into(),
    })
}

/// The agent's side, by hand.
struct Agent {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Agent {
    async fn dial(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: BytesMut::new() }
    }

    async fn greet(
        address: SocketAddr,
        id: &EnvironmentId,
        secret: &str,
        purpose: Purpose,
    ) -> (Self, ToAgent) {
        Self::greet_in(vec![1, 7], address, id, secret, purpose).await
    }

    async fn greet_in(
        versions: Vec<u16>,
        address: SocketAddr,
        id: &EnvironmentId,
        secret: &str,
        purpose: Purpose,
    ) -> (Self, ToAgent) {
        let mut agent = Self::dial(address).await;
        let hello = Hello {
            versions,
            environment: id.to_string(),
            secret: secret.to_owned(),
            purpose,
            agent: "test".into(),
        };
        agent.send(ToControlPlane::Hello(hello)).await;
        let answer = agent.hear().await.expect("an answer to the greeting");
        (agent, answer)
    }

    async fn send(&mut self, message: ToControlPlane) {
        let frame = message.encode();
        self.stream.write_all_buf(&mut frame.head.chain(frame.body)).await.unwrap();
    }

    /// The next message; `None`: the connection was closed.
    async fn hear(&mut self) -> Option<ToAgent> {
        loop {
            if let Some(message) = ToAgent::decode(&Decoder::default(), &mut self.buffer).unwrap() {
                return Some(message);
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

struct Nobody;

impl Observer for Nobody {
    fn responded(&self) {}
    fn done(&self) {}
}

async fn admitted(bench: &Bench) -> (Agent, Connection, Registration) {
    let info = info();
    let mut registration = bench.uplink.register(info.id);
    let secret = registration.secret().to_owned();
    let (agent, welcome) = Agent::greet(bench.address, &info.id, &secret, Purpose::Environment).await;
    assert!(matches!(welcome, ToAgent::Welcome { version: 1 }));
    let arrival = registration.arrived().await.unwrap();
    let connection = registration.connect(arrival, Arc::clone(&info));
    (agent, connection, registration)
}

fn invoke(request_id: &str) -> Invoke {
    Invoke {
        request_id: request_id.into(),
        invoked_function_arn: "arn".into(),
        timeout_ms: 3000,
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        tenant_id: None,
        content_type: None,
    }
}

/// For an invocation whose end nobody wants to know.
fn unheard() -> Ended {
    Arc::new(|_| {})
}

fn done(request_id: &str) -> ToControlPlane {
    ToControlPlane::Done(Done {
        request_id: request_id.into(),
        status: Status::Success,
        duration_us: 1,
        billed_ms: 1,
        init_us: None,
        max_memory_bytes: None,
        extensions_us: None,
    })
}

fn log(request_id: Option<&str>) -> Log {
    Log { source: LogSource::Function, time_ms: 1, request_id: request_id.map(str::to_owned), whole: false }
}

#[tokio::test]
async fn who_speaks_no_version_of_ours_is_told_so() {
    let bench = bench().await;
    let info = info();
    let registration = bench.uplink.register(info.id);
    for versions in [vec![], vec![0], vec![2, 9]] {
        let secret = registration.secret();
        let (mut agent, answer) =
            Agent::greet_in(versions, bench.address, &info.id, secret, Purpose::Environment).await;
        let ToAgent::Refused { reason } = answer else { panic!("it is {answer:?}") };
        assert!(reason.starts_with("no common version of the protocol"), "{reason}");
        assert!(agent.hear().await.is_none(), "the connection is closed");
    }
    // Nobody has taken its place.
    let (_agent, answer) =
        Agent::greet(bench.address, &info.id, registration.secret(), Purpose::Environment).await;
    assert!(matches!(answer, ToAgent::Welcome { version: 1 }));
}

#[tokio::test]
async fn only_an_expected_environment_with_its_secret_is_admitted_and_only_once() {
    let bench = bench().await;
    let info = info();
    let registration = bench.uplink.register(info.id);
    let secret = registration.secret().to_owned();
    let refused = |answer: ToAgent| matches!(answer, ToAgent::Refused { .. });
    let greet = |id: EnvironmentId, secret: String| async move {
        Agent::greet(bench.address, &id, &secret, Purpose::Environment).await
    };
    assert!(refused(greet(info.id, format!("{secret}0")).await.1));
    assert!(refused(greet(info.id, secret[1..].to_owned()).await.1));
    assert!(refused(greet(info.id, String::new()).await.1));
    assert!(refused(greet(EnvironmentId::random(), secret.clone()).await.1));
    let (_agent, answer) = greet(info.id, secret.clone()).await;
    assert!(!refused(answer));
    assert!(refused(greet(info.id, secret.clone()).await.1));
    drop(registration);
    assert!(refused(greet(info.id, secret).await.1));
}

#[tokio::test]
async fn a_stranger_cannot_make_us_read_much() {
    let bench = bench().await;
    let mut agent = Agent::dial(bench.address).await;
    agent.stream.write_all(&(1_u32 << 20).to_be_bytes()).await.unwrap();
    assert!(agent.hear().await.is_none());
    let mut agent = Agent::dial(bench.address).await;
    agent.send(done("r")).await;
    assert!(agent.hear().await.is_none());
}

#[tokio::test]
async fn half_open_connections_do_not_keep_others_out() {
    let bench = bench().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Agent::dial(bench.address).await);
    }
    let (_agent, _connection, _registration) = admitted(&bench).await;
}

#[tokio::test]
async fn an_invocation_goes_down_and_its_events_come_up_in_order() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let payload = Bytes::from(vec![7; 3 << 20]);
    let (running, received) =
        tokio::join!(link.invoke(invoke("r1"), payload.clone(), unheard(), || {}), agent.hear());
    let mut running = running.unwrap();
    let Some(ToAgent::Invoke(head, body)) = received else { panic!("an invoke was sent") };
    assert_eq!((head, body), (invoke("r1"), payload));

    let start =
        ResponseStart { request_id: "r1".into(), content_type: None, mode: Mode::Buffered, length: Some(4) };
    let end = ResponseEnd { request_id: "r1".into(), error_type: None };
    agent.send(ToControlPlane::Log(log(Some("r1")), Bytes::from_static(b"START\n"))).await;
    agent.send(ToControlPlane::Log(log(None), Bytes::from_static(b"elsewhere\n"))).await;
    agent.send(ToControlPlane::ResponseStart(start.clone())).await;
    agent.send(ToControlPlane::ResponseChunk(Bytes::from_static(b"ab"))).await;
    agent.send(ToControlPlane::ResponseChunk(Bytes::from_static(b"cd"))).await;
    agent.send(ToControlPlane::ResponseEnd(end.clone(), Bytes::new())).await;
    agent.send(ToControlPlane::Log(log(Some("r1")), Bytes::from_static(b"END\n"))).await;
    agent.send(done("r1")).await;
    drop(agent);

    assert!(matches!(reader.next(&Nobody).await, Heard::Closed(_)));
    assert_eq!(running.next().await, Some(InvocationEvent::ResponseStart(start)));
    assert_eq!(running.next().await, Some(InvocationEvent::Chunk(Bytes::from_static(b"ab"))));
    assert_eq!(running.next().await, Some(InvocationEvent::Chunk(Bytes::from_static(b"cd"))));
    assert_eq!(running.next().await, Some(InvocationEvent::ResponseEnd(end, Bytes::new())));
    let Some(InvocationEvent::Done { log_tail, .. }) = running.next().await else {
        panic!("done comes last")
    };
    assert_eq!(log_tail, "START\nEND\n");
    assert_eq!(running.next().await, None);
    let lines: Vec<_> = bench.logs.try_iter().map(|(_, lines)| lines).collect();
    assert_eq!(lines, ["START\n", "elsewhere\n", "END\n"]);
}

#[tokio::test]
async fn what_was_written_before_an_invocation_is_told_with_it_and_with_no_other() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let platform = Log { source: LogSource::Platform, ..log(None) };
    for (log, lines) in [
        (platform.clone(), "INIT_START Runtime Version: v\tRuntime Version ARN: a\n"),
        (
            platform.clone(),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"type\":\"platform.initStart\",\"record\":{}}\n",
        ),
        (log(None), "INIT_START of my own\n"),
        (platform, "INIT_REPORT Init Duration: 1.00 ms\tPhase: init\tStatus: timeout\n"),
    ] {
        agent.send(ToControlPlane::Log(log, lines.into())).await;
    }
    let mut running = Vec::new();
    for id in ["r1", "r2"] {
        let (begun, _) = tokio::join!(link.invoke(invoke(id), Bytes::new(), unheard(), || {}), agent.hear());
        running.push(begun.unwrap());
        agent.send(ToControlPlane::Log(log(Some(id)), Bytes::from_static(b"START\n"))).await;
        agent.send(done(id)).await;
        agent.send(ToControlPlane::Log(log(None), Bytes::from_static(b"late\n"))).await;
        // So that the invocation is over before the next is begun.
        agent.send(ToControlPlane::Initialized(initialized(), Bytes::new())).await;
        assert!(matches!(reader.next(&Nobody).await, Heard::Initialized(..)));
    }
    let mut tails = Vec::new();
    for running in &mut running {
        let Some(InvocationEvent::Done { log_tail, .. }) = running.next().await else { panic!("it is done") };
        tails.push(log_tail);
    }
    let first =
        "INIT_START of my own\nINIT_REPORT Init Duration: 1.00 ms\tPhase: init\tStatus: timeout\nSTART\n";
    assert_eq!(tails, [first, "late\nSTART\n"]);
}

fn initialized() -> Initialized {
    Initialized { status: Status::Success, duration_us: 1, error_type: None }
}

#[tokio::test]
async fn segments_come_up_at_any_time_and_malformed_ones_end_nothing() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let mut reader = connection.reader;
    let documents = vec![Bytes::from_static(b"{\"id\":1}"), Bytes::from_static(b"{}")];
    let (head, body) = Segments::pack(&documents);
    agent.send(ToControlPlane::Segments(Segments { lengths: vec![9] }, body.clone())).await;
    agent.send(ToControlPlane::Segments(head, body)).await;
    agent.send(ToControlPlane::Log(log(None), Bytes::from_static(b"later\n"))).await;
    drop(agent);
    assert!(matches!(reader.next(&Nobody).await, Heard::Closed(_)));
    assert_eq!(bench.traces.try_iter().collect::<Vec<_>>(), [documents]);
    assert_eq!(bench.logs.try_iter().map(|(_, lines)| lines).collect::<Vec<_>>(), ["later\n"]);
}

#[tokio::test]
async fn a_slow_reader_slows_the_function_and_loses_nothing() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let (running, _) = tokio::join!(link.invoke(invoke("r1"), Bytes::new(), unheard(), || {}), agent.hear());
    let mut running = running.unwrap();
    let chunks = 400_u32;
    let sending = tokio::spawn(async move {
        let start = ResponseStart {
            request_id: "r1".into(),
            content_type: None,
            mode: Mode::Streaming,
            length: None,
        };
        agent.send(ToControlPlane::ResponseStart(start)).await;
        for number in 0..chunks {
            let mut chunk = vec![0; 64 << 10];
            chunk[..4].copy_from_slice(&number.to_be_bytes());
            agent.send(ToControlPlane::ResponseChunk(chunk.into())).await;
        }
        agent.send(done("r1")).await;
        agent
    });
    // Cut off again and again, as by a select: what was read must not be lost.
    while timeout(Duration::from_millis(5), reader.next(&Nobody)).await.is_ok() {}
    assert!(timeout(Duration::from_millis(100), reader.next(&Nobody)).await.is_err());
    assert!(!sending.is_finished(), "25 MB are held somewhere");
    let reading = tokio::spawn(async move { reader.next(&Nobody).await });
    assert!(matches!(running.next().await, Some(InvocationEvent::ResponseStart(_))));
    for number in 0..chunks {
        let Some(InvocationEvent::Chunk(chunk)) = running.next().await else { panic!("chunk {number}") };
        assert_eq!(chunk[..4], number.to_be_bytes());
    }
    assert!(matches!(running.next().await, Some(InvocationEvent::Done { .. })));
    drop(sending.await.unwrap());
    assert!(matches!(reading.await.unwrap(), Heard::Closed(_)));
}

#[tokio::test]
async fn a_caller_that_left_does_no_harm_to_the_next() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let reading = tokio::spawn(async move { reader.next(&Nobody).await });
    drop(link.invoke(invoke("r1"), Bytes::new(), unheard(), || {}).await.unwrap());
    agent.hear().await.unwrap();
    for _ in 0..100 {
        agent.send(ToControlPlane::ResponseChunk(Bytes::from_static(b"unheard"))).await;
    }
    agent.send(done("r1")).await;
    // Messages of an invocation long over are nobody's.
    agent.send(done("r0")).await;
    let mut running = link.invoke(invoke("r2"), Bytes::new(), unheard(), || {}).await.unwrap();
    agent.hear().await.unwrap();
    let failed = Failed { request_id: "r2".into(), error_type: "E".into() };
    agent.send(ToControlPlane::Failed(failed.clone(), Bytes::from_static(b"{}"))).await;
    assert_eq!(running.next().await, Some(InvocationEvent::Failed(failed, Bytes::from_static(b"{}"))));
    drop(agent);
    assert!(matches!(reading.await.unwrap(), Heard::Closed(_)));
}

#[tokio::test]
async fn an_environment_gets_its_own_archives_and_no_others() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let archive = Archive { digest: "d1".into(), size: 2_400_000, target: "/var/task".into() };
    link.assign(Assignment { archives: vec![archive], ..Assignment::default() }).await.unwrap();
    assert!(matches!(agent.hear().await, Some(ToAgent::Assign(_))));
    let reading = tokio::spawn(async move { reader.next(&Nobody).await });
    agent.send(ToControlPlane::FetchArchive { digest: "d1".into() }).await;
    let mut got = Vec::new();
    while let Some(ToAgent::ArchiveChunk { bytes, last }) = agent.hear().await {
        got.extend_from_slice(&bytes);
        if last {
            break;
        }
    }
    let expected: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(got == expected, "{} bytes", got.len());
    agent.send(ToControlPlane::FetchArchive { digest: "d2".into() }).await;
    let Heard::Closed(reason) = reading.await.unwrap() else { panic!("not its own") };
    assert!(reason.contains("d2"), "{reason}");
}

#[tokio::test]
async fn a_lost_connection_fails_the_invocation_in_progress_and_later_ones() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let mut running = link.invoke(invoke("r1"), Bytes::new(), unheard(), || {}).await.unwrap();
    agent.hear().await.unwrap();
    drop(agent);
    let Heard::Closed(_) = reader.next(&Nobody).await else { panic!("it was closed") };
    reader.close("it died");
    assert_eq!(running.next().await, Some(InvocationEvent::Lost { reason: "it died".into() }));
    assert!(link.invoke(invoke("r2"), Bytes::new(), unheard(), || {}).await.is_err());
}

#[tokio::test]
async fn of_an_answer_that_is_cut_off_what_came_is_told_and_then_that_the_rest_is_lost() {
    for mode in [Mode::Buffered, Mode::Streaming] {
        let bench = bench().await;
        let (mut agent, connection, _registration) = admitted(&bench).await;
        let Connection { link, mut reader } = connection;
        let mut running = link.invoke(invoke("r1"), Bytes::new(), unheard(), || {}).await.unwrap();
        agent.hear().await.unwrap();
        let start =
            ResponseStart { request_id: "r1".into(), content_type: None, mode, length: Some(6 << 20) };
        agent.send(ToControlPlane::ResponseStart(start.clone())).await;
        agent.send(ToControlPlane::ResponseChunk(Bytes::from_static(b"half"))).await;
        // Cut in the middle of a frame, of which nothing counts.
        let frame = ToControlPlane::ResponseChunk(vec![7; 64 << 10].into()).encode();
        let sent = [&frame.head[..], &frame.body[..1000]].concat();
        agent.stream.write_all(&sent).await.unwrap();
        drop(agent);
        let Heard::Closed(_) = reader.next(&Nobody).await else { panic!("it was closed") };
        reader.close("it was cut");
        assert_eq!(running.next().await, Some(InvocationEvent::ResponseStart(start)));
        assert_eq!(running.next().await, Some(InvocationEvent::Chunk(Bytes::from_static(b"half"))));
        assert_eq!(running.next().await, Some(InvocationEvent::Lost { reason: "it was cut".into() }));
        assert_eq!(running.next().await, None);
    }
}

#[tokio::test]
async fn how_an_invocation_ended_is_told_when_its_caller_has_gone() {
    let bench = bench().await;
    let (mut agent, connection, _registration) = admitted(&bench).await;
    let Connection { link, mut reader } = connection;
    let (told, ends) = std_mpsc::channel();
    let told = Mutex::new(told);
    let ended: Ended = Arc::new(move |done| told.lock().unwrap().send(done.request_id.clone()).unwrap());
    drop(link.invoke(invoke("r1"), Bytes::new(), ended, || {}).await.unwrap());
    agent.hear().await.unwrap();
    agent.send(done("r1")).await;
    drop(agent);
    assert!(matches!(reader.next(&Nobody).await, Heard::Closed(_)));
    assert_eq!(ends.try_iter().collect::<Vec<_>>(), ["r1"]);
}

#[tokio::test]
async fn a_tunnel_is_a_plain_stream_of_bytes() {
    let bench = bench().await;
    let (_agent, _connection, registration) = admitted(&bench).await;
    let mut client = TcpStream::connect(bench.address).await.unwrap();
    let hello = Hello {
        versions: vec![1],
        environment: registration.id.to_string(),
        secret: registration.secret().to_owned(),
        purpose: Purpose::Gateway,
        agent: String::new(),
    };
    // The request may come in one piece with the greeting.
    let frame = ToControlPlane::Hello(hello).encode();
    client.write_all(&[&frame.head[..], b"GET / HTTP/1.1"].concat()).await.unwrap();
    let welcome = ToAgent::Welcome { version: 1 }.encode();
    let mut answer = vec![0; welcome.len()];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, welcome.head);
    let mut tunnel = tokio::task::spawn_blocking(move || bench.tunnels.recv().unwrap()).await.unwrap();
    let mut request = [0; 14];
    tunnel.read_exact(&mut request[..5]).await.unwrap();
    tunnel.read_exact(&mut request[5..]).await.unwrap();
    assert_eq!(&request, b"GET / HTTP/1.1");
    tunnel.write_all(b"200").await.unwrap();
    drop(tunnel);
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "200");
}
