use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::{Buf, BytesMut};
use futures_util::future::BoxFuture;
use lambdock_domain::Architecture;
use lambdock_protocol::{
    Archive, Decoder, Done, Failed, Hello, Log, LogSource, Purpose, ResponseEnd, ResponseStart, Status,
    ToAgent, ToControlPlane,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::executor::{
    ContainerId, ContainerSpec, EngineDescription, FunctionNames, ImagePlace, Memory, PostMortem,
    PreparedImage, Progress, Reach, ResolvedImage, Unpacked,
};
use crate::uplink::{ArchiveSource, EnvironmentInfo, LogSink, TraceSink, Tunnel, TunnelSink};

struct Nothing;

impl ArchiveSource for Nothing {
    fn open(&self, _digest: &str) -> std::io::Result<std::fs::File> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl LogSink for Nothing {
    fn lines(&self, _environment: &EnvironmentInfo, _log: &Log, _lines: &Bytes) {}
}

impl TunnelSink for Nothing {
    fn accept(&self, _environment: &EnvironmentInfo, _stream: Tunnel) {}
}

impl TraceSink for Nothing {
    fn segments(&self, _environment: &EnvironmentInfo, _documents: Vec<Bytes>) {}
}

/// How containers of this executor fare. Agents run in this process and speak the protocol over TCP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fare {
    Well,
    /// The engine refuses.
    Refused,
    /// They start and nobody dials in.
    Silent,
    /// They end before they dial in.
    Stillborn,
    /// Their agent says that they cannot serve.
    Unusable,
    /// Their init fails, which does not keep them from serving.
    InitFails,
    /// Their init takes longer than an environment has time to be ready.
    InitTakesLong,
}

#[derive(Default)]
struct Counts {
    running: AtomicUsize,
    started: AtomicUsize,
    /// Of these, for a function.
    needed: AtomicUsize,
    starting: AtomicUsize,
    most_starting: AtomicUsize,
}

struct Sandboxes {
    fare: Fare,
    counts: Arc<Counts>,
    /// Lets invocations with the payload `wait` end.
    release: Arc<Notify>,
    agents: Mutex<HashMap<String, JoinHandle<()>>>,
    deaths: Mutex<Option<mpsc::Sender<Death>>>,
    variables: BTreeMap<String, String>,
    available_memory_mb: Mutex<Option<u64>>,
    may_start_ahead: AtomicBool,
    /// Contents that were unpacked for all; `None`: that fails.
    unpacked: Mutex<Option<Vec<Content>>>,
    /// Digests of what each environment was sent.
    sent: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Sandboxes {
    fn new(fare: Fare) -> Arc<Self> {
        Arc::new(Self {
            fare,
            counts: Arc::default(),
            release: Arc::default(),
            agents: Mutex::default(),
            deaths: Mutex::default(),
            variables: [("OPERATOR".to_owned(), "1".to_owned())].into(),
            available_memory_mb: Mutex::default(),
            may_start_ahead: AtomicBool::new(true),
            unpacked: Mutex::new(Some(Vec::new())),
            sent: Arc::default(),
        })
    }

    fn started(&self) -> usize {
        self.counts.started.load(Ordering::SeqCst)
    }

    async fn none_is_left(&self) {
        eventually(|| self.counts.running.load(Ordering::SeqCst) == 0).await;
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it should have happened by now");
}

impl Executor for Sandboxes {
    fn describe(&self) -> BoxFuture<'_, Result<EngineDescription, executor::Error>> {
        Box::pin(async { Err(executor::Error::Unavailable("none".into())) })
    }

    fn reach(&self) -> BoxFuture<'_, Result<Reach, executor::Error>> {
        Box::pin(async { Ok(Reach { bind: vec![[127, 0, 0, 1].into()], host: "127.0.0.1".into() }) })
    }

    fn prepare<'a>(
        &'a self,
        _image: &'a ImageRequest,
        _progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<PreparedImage, executor::Error>> {
        Box::pin(async { Ok(PreparedImage::default()) })
    }

    fn resolve<'a>(
        &'a self,
        image: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<ResolvedImage, executor::Error>> {
        let resolved = ResolvedImage { digest: "sha256:0".to_owned(), reference: image.reference.clone() };
        Box::pin(async { Ok(resolved) })
    }

    fn name<'a>(
        &'a self,
        _image: &'a ResolvedImage,
        _name: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<(), executor::Error>> {
        Box::pin(async { Ok(()) })
    }

    fn look_up<'a>(&'a self, _image: &'a ImageRequest) -> BoxFuture<'a, Result<ImagePlace, executor::Error>> {
        Box::pin(async { Ok(ImagePlace::Engine) })
    }

    fn may_start_ahead(&self) -> bool {
        self.may_start_ahead.load(Ordering::SeqCst)
    }

    fn available_memory_mb(&self) -> Option<u64> {
        *self.available_memory_mb.lock().unwrap()
    }

    fn dedicate<'a>(
        &'a self,
        _container: &'a ContainerId,
        _environment: EnvironmentId,
        _function: &'a FunctionNames,
        _memory: Memory,
    ) -> BoxFuture<'a, Result<(), executor::Error>> {
        Box::pin(async { Ok(()) })
    }

    fn unpack<'a>(
        &'a self,
        content: &'a Content,
        _image: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<Option<Unpacked>, executor::Error>> {
        Box::pin(async {
            let refused = executor::Error::Refused { action: "unpack", message: "no".into() };
            self.unpacked.lock().unwrap().as_mut().ok_or(refused)?.push(content.clone());
            Ok(Some(Unpacked { name: content.archives.concat(), target: content.target.clone() }))
        })
    }

    fn start<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId, executor::Error>> {
        Box::pin(async {
            let starting = self.counts.starting.fetch_add(1, Ordering::SeqCst) + 1;
            self.counts.most_starting.fetch_max(starting, Ordering::SeqCst);
            sleep(Duration::from_millis(5)).await;
            self.counts.starting.fetch_sub(1, Ordering::SeqCst);
            if self.fare == Fare::Refused {
                return Err(executor::Error::Refused { action: "create a container", message: "no".into() });
            }
            self.counts.running.fetch_add(1, Ordering::SeqCst);
            self.counts.started.fetch_add(1, Ordering::SeqCst);
            self.counts.needed.fetch_add(usize::from(spec.function.is_some()), Ordering::SeqCst);
            let death = Death { environment: spec.environment, exit_code: Some(3) };
            if self.fare == Fare::Stillborn {
                let deaths = self.deaths.lock().unwrap().clone().expect("deaths are listened for");
                deaths.send(death).await.unwrap();
            } else if self.fare != Fare::Silent {
                let agent = Agent::dial(spec).await;
                let sent = Arc::clone(&self.sent);
                let running = tokio::spawn(agent.run(self.fare, Arc::clone(&self.release), sent));
                self.agents.lock().unwrap().insert(spec.environment.to_string(), running);
            }
            Ok(ContainerId(spec.environment.to_string()))
        })
    }

    fn post_mortem<'a>(&'a self, _container: &'a ContainerId) -> BoxFuture<'a, PostMortem> {
        Box::pin(async {
            PostMortem { exit_code: Some(3), output: "exec format error\n".into(), ..PostMortem::default() }
        })
    }

    fn stop<'a>(&'a self, container: &'a ContainerId) -> BoxFuture<'a, Result<(), executor::Error>> {
        Box::pin(async {
            if let Some(agent) = self.agents.lock().unwrap().remove(&container.0) {
                agent.abort();
            }
            self.counts.running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    }

    fn watch(&self, deaths: mpsc::Sender<Death>) -> BoxFuture<'_, ()> {
        *self.deaths.lock().unwrap() = Some(deaths);
        Box::pin(std::future::pending())
    }

    fn remove_leftovers<'a>(
        &'a self,
        _known: &'a (dyn Fn(EnvironmentId) -> bool + Send + Sync),
        used: &'a (dyn Fn(&Content) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<usize, executor::Error>> {
        if let Some(unpacked) = self.unpacked.lock().unwrap().as_mut() {
            unpacked.retain(used);
        }
        Box::pin(async { Ok(0) })
    }

    fn variables(&self) -> BTreeMap<String, String> {
        self.variables.clone()
    }

    fn user(&self) -> Option<String> {
        Some("1000".to_owned())
    }
}

/// The in-container side, as little as is needed of it.
struct Agent {
    stream: TcpStream,
    buffer: BytesMut,
    id: String,
}

impl Agent {
    async fn dial(spec: &ContainerSpec) -> Self {
        let stream = TcpStream::connect(&spec.uplink).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut agent = Self { stream, buffer: BytesMut::new(), id: spec.environment.to_string() };
        let hello = Hello {
            versions: vec![1],
            environment: agent.id.clone(),
            secret: spec.secret.clone(),
            purpose: Purpose::Environment,
            agent: String::new(),
        };
        agent.say(ToControlPlane::Hello(hello)).await;
        agent
    }

    async fn say(&mut self, message: ToControlPlane) {
        let frame = message.encode();
        // A control plane that has gone is noticed when it is listened to.
        let _ = self.stream.write_all_buf(&mut frame.head.chain(frame.body)).await;
    }

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

    async fn run(mut self, fare: Fare, release: Arc<Notify>, sent: Arc<Mutex<Vec<Vec<String>>>>) {
        while let Some(message) = self.hear().await {
            match message {
                ToAgent::Assign(assignment) => {
                    let digests = assignment.archives.iter().map(|archive| archive.digest.clone()).collect();
                    sent.lock().unwrap().push(digests);
                    assert_eq!(assignment.environment["OPERATOR"], "1");
                    assert_eq!(assignment.user.as_deref(), Some("1000"));
                    assert_eq!(
                        assignment.environment["AWS_LAMBDA_LOG_STREAM_NAME"],
                        assignment.logging.stream
                    );
                    assert!(assignment.logging.stream.ends_with(&format!("/[$LATEST]{}", self.id)));
                    if fare == Fare::InitTakesLong {
                        sleep(BRIEF * 2).await;
                    }
                    self.say(match fare {
                        Fare::Unusable => ToControlPlane::Unusable { reason: "not a zip".into() },
                        Fare::InitFails => initialized(Status::Error),
                        _ => initialized(Status::Success),
                    })
                    .await;
                }
                ToAgent::Invoke(invoke, payload) => {
                    let lives = self.work(invoke.request_id, payload, &release).await;
                    if !lives {
                        return;
                    }
                }
                ToAgent::Shutdown(_) => return,
                _ => {}
            }
        }
    }

    async fn work(&mut self, request_id: String, payload: Bytes, release: &Notify) -> bool {
        match &payload[..] {
            b"die" => return false,
            b"wait" => release.notified().await,
            b"fail" => {
                let failed = Failed { request_id: request_id.clone(), error_type: "E".into() };
                self.say(ToControlPlane::Failed(failed, Bytes::from_static(b"{}"))).await;
                self.say(done(request_id)).await;
                return true;
            }
            _ => {}
        }
        let id = self.id.clone();
        let start = ResponseStart {
            request_id: request_id.clone(),
            content_type: None,
            mode: Default::default(),
            length: None,
        };
        let log = Log {
            source: LogSource::Platform,
            time_ms: 0,
            request_id: Some(request_id.clone()),
            whole: false,
        };
        self.say(ToControlPlane::Log(log, Bytes::from_static(b"START\n"))).await;
        self.say(ToControlPlane::ResponseStart(start)).await;
        self.say(ToControlPlane::ResponseChunk(id.into())).await;
        let end = ResponseEnd { request_id: request_id.clone(), error_type: None };
        self.say(ToControlPlane::ResponseEnd(end, Bytes::new())).await;
        if payload == "linger" {
            sleep(Duration::from_millis(10)).await;
        }
        self.say(done(request_id)).await;
        true
    }
}

fn initialized(status: Status) -> ToControlPlane {
    ToControlPlane::Initialized(Initialized { status, duration_us: 1, error_type: None }, Bytes::new())
}

fn done(request_id: String) -> ToControlPlane {
    ToControlPlane::Done(Done {
        request_id,
        status: Status::Success,
        duration_us: 1,
        billed_ms: 1,
        init_us: None,
        max_memory_bytes: None,
        extensions_us: None,
    })
}

fn deployment(id: &str) -> Arc<Deployment> {
    Arc::new(Deployment {
        id: DeploymentId(id.into()),
        function_arn: "arn".into(),
        function_name: "f".into(),
        version: "$LATEST".into(),
        image: ImageRequest { reference: "i".into(), architecture: Architecture::X86_64 },
        memory_size_mb: 128,
        mounts: Vec::new(),
        assignment: Assignment { timeout_ms: 3000, ..Assignment::default() },
        durable: None,
        tenancy: Tenancy::None,
    })
}

fn pool(sandboxes: &Arc<Sandboxes>, keep_alive: Duration) -> Pool {
    pool_with(sandboxes, keep_alive, 0)
}

fn pool_with(sandboxes: &Arc<Sandboxes>, keep_alive: Duration, standby: usize) -> Pool {
    let uplink =
        Uplink::new(None, Arc::new(Nothing), Arc::new(Nothing), Arc::new(Nothing), Arc::new(Nothing));
    let settings = Settings {
        keep_alive,
        environment_timeout: match sandboxes.fare {
            Fare::Silent | Fare::InitTakesLong => BRIEF,
            _ => KEEP,
        },
        parallel_starts: NonZeroUsize::new(4).unwrap(),
        standby,
        standby_networks: 0,
        code_volumes: true,
        memory_reserve_mb: 256,
    };
    Pool::new(settings, sandboxes.clone(), uplink)
}

const KEEP: Duration = Duration::from_secs(600);

/// For environments that are not ready in time.
const BRIEF: Duration = Duration::from_millis(300);

fn an_invoke() -> Invoke {
    Invoke {
        request_id: uuid::Uuid::new_v4().to_string(),
        invoked_function_arn: "arn".into(),
        timeout_ms: 3000,
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        tenant_id: None,
        content_type: None,
    }
}

async fn start(pool: &Pool, deployment: &Arc<Deployment>, payload: &'static str) -> Result<Running, Error> {
    pool.invoke(deployment, an_invoke(), Bytes::from_static(payload.as_bytes()), Arc::new(|_| {})).await
}

/// The answer, which is the id of the environment; returns as soon as there is one, like a caller.
async fn answer(running: &mut Running) -> Result<String, String> {
    loop {
        match running.next().await {
            Some(InvocationEvent::Chunk(chunk)) => return Ok(String::from_utf8(chunk.to_vec()).unwrap()),
            Some(InvocationEvent::Failed(failed, _)) => return Err(failed.error_type),
            Some(InvocationEvent::Lost { reason }) => return Err(reason),
            Some(_) => {}
            None => return Err("nothing".into()),
        }
    }
}

async fn invoke(pool: &Pool, deployment: &Arc<Deployment>, payload: &'static str) -> Result<String, String> {
    let mut running = start(pool, deployment, payload).await.map_err(|error| error.to_string())?;
    let answer = answer(&mut running).await;
    // Up to the end of the answer, as a caller reads.
    while !matches!(running.next().await, Some(InvocationEvent::ResponseEnd(..)) | None) {}
    answer
}

#[tokio::test]
async fn a_client_that_calls_again_at_once_meets_the_same_environment() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let first = invoke(&pool, &deployment, "linger").await.unwrap();
    for _ in 0..30 {
        assert_eq!(invoke(&pool, &deployment, "linger").await.unwrap(), first);
    }
    assert_eq!(sandboxes.started(), 1);
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn as_many_environments_as_invocations_at_the_same_time_and_starts_are_bounded() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let calls = (0..20).map(|_| start(&pool, &deployment, "wait"));
    let running: Vec<_> =
        futures_util::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(sandboxes.started(), 20);
    assert!(sandboxes.counts.most_starting.load(Ordering::SeqCst) <= 4);
    let mut seen: Vec<_> = running.iter().map(|running| running.environment().id).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20);
    eventually(|| {
        sandboxes.release.notify_waiters();
        pool.environments(&deployment.id).iter().all(|environment| environment.phase == Phase::Idle)
    })
    .await;
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn an_environment_that_dies_fails_its_caller_with_the_cause_and_is_replaced() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let reason = invoke(&pool, &deployment, "die").await.unwrap_err();
    assert!(reason.contains("exit status 3") && reason.contains("exec format error"), "{reason}");
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    assert_eq!(sandboxes.started(), 2);
    eventually(|| sandboxes.counts.running.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_disturb_the_environment() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    drop(start(&pool, &deployment, "linger").await.unwrap());
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    // One that leaves before it has an environment leaves it to the next.
    drop(tokio::time::timeout(Duration::from_millis(1), start(&pool, &self::deployment("e"), "")).await);
    eventually(|| {
        let other = pool.environments(&DeploymentId("e".into()));
        other.len() == 1 && other.iter().all(|environment| environment.phase == Phase::Idle)
    })
    .await;
}

#[tokio::test]
async fn what_keeps_an_environment_from_starting_is_told_and_no_container_is_left() {
    for (fare, words) in [
        (Fare::Refused, "refused to create a container: no"),
        (Fare::Silent, "its init has not dialled in"),
        (Fare::Stillborn, "exit status 3, its output ends with: exec format error"),
        (Fare::Unusable, "not a zip"),
    ] {
        let sandboxes = Sandboxes::new(fare);
        let pool = pool(&sandboxes, KEEP);
        eventually(|| sandboxes.deaths.lock().unwrap().is_some()).await;
        let error = start(&pool, &deployment("d"), "").await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        sandboxes.none_is_left().await;
    }
}

#[tokio::test]
async fn a_failed_init_does_not_keep_an_environment_from_serving() {
    let sandboxes = Sandboxes::new(Fare::InitFails);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    let environments = pool.environments(&deployment.id);
    let (outcome, _) = environments[0].initialized.as_ref().expect("it is ready");
    assert_eq!(outcome.status, Status::Error);
}

#[tokio::test]
async fn an_init_phase_has_the_time_that_is_given_to_it() {
    let sandboxes = Sandboxes::new(Fare::InitTakesLong);
    let pool = pool(&sandboxes, KEEP);
    let with_limit = |id: &str, init_timeout_ms| {
        let mut deployment = Deployment::clone(&deployment(id));
        deployment.assignment.init_timeout_ms = Some(init_timeout_ms);
        Arc::new(deployment)
    };
    let usual = with_limit("usual", INIT_LIMIT_MS);
    let error = start(&pool, &usual, "").await.unwrap_err().to_string();
    assert!(error.contains("its init dialled in and sets the function up"), "{error}");
    assert!(invoke(&pool, &with_limit("long", long_init_limit_ms(3000)), "").await.is_ok());
    // Provisioned concurrency has it, whatever an environment on demand has.
    pool.provision(&usual, order(1, 1));
    eventually(|| pool.provisioned(&usual.id).is_some_and(|provision| provision.ready == Some(1))).await;
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_stood_by_and_hangs_does_not_make_anybody_wait_twice() {
    let sandboxes = Sandboxes::new(Fare::InitTakesLong);
    let pool = pool_with(&sandboxes, KEEP, 1);
    let deployment = deployment("d");
    pool.expect(&deployment.image, "sha256:1", 128);
    eventually(|| pool.shared.standbys.are_ready(1)).await;
    assert!(matches!(start(&pool, &deployment, "").await, Err(Error::NotReady { limit: BRIEF, .. })));
    assert_eq!(sandboxes.counts.needed.load(Ordering::SeqCst), 0, "no other one was started for it");
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

fn order(environments: usize, placed: i64) -> Order {
    Order { environments, placed: Timestamp(placed) }
}

#[tokio::test]
async fn what_is_provisioned_is_there_before_anybody_asks() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, Duration::ZERO);
    let deployment = deployment("d");
    assert_eq!(pool.provisioned(&deployment.id), None);
    pool.provision(&deployment, order(2, 1));
    let ready = Some(Provision { order: order(2, 1), ready: Some(2) });
    eventually(|| pool.provisioned(&deployment.id) == ready).await;
    pool.provision(&deployment, order(2, 1));
    let first = invoke(&pool, &deployment, "").await.unwrap();
    assert!(!first.is_empty());
    eventually(|| pool.environments(&deployment.id).iter().all(|one| one.phase == Phase::Idle)).await;
    assert_eq!((sandboxes.started(), pool.provisioned(&deployment.id)), (2, ready));
    pool.unprovision(&deployment.id);
    assert_eq!(pool.provisioned(&deployment.id), None);
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn provisioning_fails_with_the_init_or_the_start_and_is_tried_again_when_ordered_again() {
    for fare in [Fare::InitFails, Fare::Refused] {
        let sandboxes = Sandboxes::new(fare);
        let pool = pool(&sandboxes, KEEP);
        let deployment = deployment("d");
        for placed in [1, 2] {
            pool.provision(&deployment, order(1, placed));
            let failed = Some(Provision { order: order(1, placed), ready: None });
            eventually(|| pool.provisioned(&deployment.id) == failed).await;
            sandboxes.none_is_left().await;
        }
    }
}

#[tokio::test]
async fn without_keep_alive_every_invocation_has_a_new_environment() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, Duration::ZERO);
    let deployment = deployment("d");
    let first = invoke(&pool, &deployment, "").await.unwrap();
    assert_ne!(invoke(&pool, &deployment, "").await.unwrap(), first);
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn an_environment_that_is_not_needed_ends_after_its_keep_alive() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, Duration::from_millis(60));
    assert!(invoke(&pool, &deployment("d"), "").await.is_ok());
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn a_retired_deployment_finishes_what_it_does_and_keeps_nothing() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let mut waiting = start(&pool, &deployment, "wait").await.unwrap();
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    eventually(|| pool.environments(&deployment.id).iter().any(|one| one.phase == Phase::Idle)).await;
    pool.retire(&deployment.id);
    eventually(|| sandboxes.counts.running.load(Ordering::SeqCst) == 1).await;
    // Whoever found the deployment just before is still served.
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    sandboxes.release.notify_waiters();
    assert!(answer(&mut waiting).await.is_ok());
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn shutting_down_lets_invocations_finish_and_takes_no_new_ones() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let mut waiting = start(&pool, &deployment, "wait").await.unwrap();
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    let stopping = tokio::spawn({
        let pool = pool.clone();
        async move { pool.shutdown(Duration::from_secs(5)).await }
    });
    eventually(|| sandboxes.counts.running.load(Ordering::SeqCst) == 1).await;
    assert!(matches!(start(&pool, &deployment, "").await, Err(Error::ShuttingDown)));
    sandboxes.release.notify_waiters();
    assert!(answer(&mut waiting).await.is_ok());
    stopping.await.unwrap();
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_period_is_ended() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let mut waiting = start(&pool, &deployment("d"), "wait").await.unwrap();
    pool.shutdown(Duration::from_millis(50)).await;
    assert!(answer(&mut waiting).await.unwrap_err().contains("shutting down"));
    sandboxes.none_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_at_once_are_all_answered() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployments: Vec<_> = (0..4).map(|n| deployment(&n.to_string())).collect();
    let callers: Vec<_> = (0..16)
        .map(|n| {
            let (pool, deployment) = (pool.clone(), Arc::clone(&deployments[n % 4]));
            tokio::spawn(async move {
                for turn in 0..200 {
                    let payload = if turn % 50 == 49 { "fail" } else { "" };
                    let answered = invoke(&pool, &deployment, payload).await;
                    assert_eq!(answered.is_err(), payload == "fail");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(sandboxes.started() <= 20, "{} environments for 16 callers", sandboxes.started());
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_stands_by_takes_the_first_invocation_and_is_replaced() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool_with(&sandboxes, KEEP, 1);
    let deployment = deployment("d");
    pool.expect(&deployment.image, "sha256:1", 128);
    let standing_by = || sandboxes.agents.lock().unwrap().keys().cloned().collect::<Vec<_>>();
    eventually(|| standing_by().len() == 1 && pool.shared.standbys.are_ready(1)).await;
    let before = standing_by();
    assert_eq!(invoke(&pool, &deployment, "x").await.unwrap(), before[0]);
    eventually(|| sandboxes.started() == 2 && pool.shared.standbys.are_ready(1)).await;
    assert_eq!(invoke(&pool, &deployment, "x").await.unwrap(), before[0], "it is free and warm");
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn when_memory_is_short_only_what_is_needed_or_provisioned_stays() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool_with(&sandboxes, KEEP, 1);
    let (provisioned, working, free) = (deployment("p"), deployment("w"), deployment("f"));
    pool.provision(&provisioned, order(1, 1));
    let mut at_work = start(&pool, &working, "wait").await.unwrap();
    assert!(invoke(&pool, &free, "").await.is_ok());
    let census = || {
        let Census { idle, busy, standby, .. } = pool.census();
        (idle, busy, standby)
    };
    eventually(|| census() == (2, 1, 1)).await;
    *sandboxes.available_memory_mb.lock().unwrap() = Some(255);
    eventually(|| census() == (1, 1, 0)).await;
    eventually(|| sandboxes.counts.running.load(Ordering::SeqCst) == 2).await;
    assert_eq!(pool.environments(&free.id).len(), 0);
    assert!(invoke(&pool, &free, "").await.is_ok(), "it is started again");
    sandboxes.release.notify_waiters();
    assert!(answer(&mut at_work).await.is_ok());
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_died_while_it_stood_by_costs_no_invocation() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool_with(&sandboxes, KEEP, 1);
    let deployment = deployment("d");
    pool.expect(&deployment.image, "sha256:1", 128);
    eventually(|| pool.shared.standbys.are_ready(1)).await;
    for agent in sandboxes.agents.lock().unwrap().values() {
        agent.abort();
    }
    invoke(&pool, &deployment, "x").await.unwrap();
    pool.shutdown(Duration::from_secs(5)).await;
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn what_stands_by_ends_when_it_is_of_no_use_though_no_other_may_start() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool_with(&sandboxes, KEEP, 1);
    pool.expect(&deployment("d").image, "sha256:1", 128);
    eventually(|| pool.shared.standbys.are_ready(1)).await;
    sandboxes.may_start_ahead.store(false, Ordering::SeqCst);
    pool.renew_standbys();
    sandboxes.none_is_left().await;
    sandboxes.may_start_ahead.store(true, Ordering::SeqCst);
    eventually(|| pool.shared.standbys.are_ready(1)).await;
    pool.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_image_that_does_not_start_is_not_tried_for_ever() {
    let sandboxes = Sandboxes::new(Fare::Refused);
    let pool = pool_with(&sandboxes, KEEP, 3);
    pool.expect(&deployment("d").image, "sha256:1", 128);
    eventually(|| pool.shared.standbys.is_settled()).await;
    assert!(!pool.shared.standbys.are_ready(1));
    pool.shutdown(Duration::from_secs(5)).await;
}

/// A deployment with a layer and code of so many megabytes.
fn deployment_of(layer_mb: u64, code_mb: u64) -> Arc<Deployment> {
    let archive = |digest: &str, mb: u64, target: &str| Archive {
        digest: digest.to_owned(),
        size: mb << 20,
        target: target.to_owned(),
    };
    let mut one = Deployment::clone(&deployment("d"));
    one.assignment.archives = vec![archive("layer", layer_mb, "/opt"), archive("code", code_mb, "/var/task")];
    Arc::new(one)
}

#[tokio::test]
async fn what_is_unpacked_for_all_is_not_sent_and_goes_with_its_deployment() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment_of(2, 0);
    assert!(invoke(&pool, &deployment, "").await.is_ok());
    assert_eq!(*sandboxes.sent.lock().unwrap(), [["code"]]);
    pool.remove_leftovers().await.unwrap();
    let unpacked = || sandboxes.unpacked.lock().unwrap().clone().unwrap();
    assert_eq!(unpacked(), [Content { target: "/opt".into(), archives: vec!["layer".into()] }]);
    pool.retire(&deployment.id);
    eventually(|| unpacked().is_empty()).await;
}

#[tokio::test]
async fn what_cannot_be_unpacked_for_all_is_sent() {
    let sandboxes = Sandboxes::new(Fare::Well);
    *sandboxes.unpacked.lock().unwrap() = None;
    let pool = pool(&sandboxes, KEEP);
    assert!(invoke(&pool, &deployment_of(2, 2), "").await.is_ok());
    assert_eq!(*sandboxes.sent.lock().unwrap(), [["layer", "code"]]);
}

#[tokio::test]
async fn code_volumes_can_be_turned_off() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let settings = pool.shared.settings.get();
    pool.adjust(Settings { code_volumes: false, ..Settings::clone(&settings) });
    assert!(invoke(&pool, &deployment_of(2, 2), "").await.is_ok());
    assert_eq!(*sandboxes.sent.lock().unwrap(), [["layer", "code"]]);
}

#[tokio::test]
async fn much_code_gets_a_container_of_its_own_and_little_one_that_stands_by() {
    for (code_mb, digests, started) in [(1, &["layer", "code"][..], 2), (20, &[], 2)] {
        let sandboxes = Sandboxes::new(Fare::Well);
        let pool = pool_with(&sandboxes, KEEP, 1);
        let deployment = deployment_of(2, code_mb);
        pool.expect(&deployment.image, "sha256:1", 128);
        eventually(|| pool.shared.standbys.are_ready(1)).await;
        assert!(invoke(&pool, &deployment, "").await.is_ok());
        assert_eq!(*sandboxes.sent.lock().unwrap(), [digests]);
        eventually(|| sandboxes.started() == started && pool.shared.standbys.are_ready(1)).await;
        pool.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn archives_are_needed_while_environments_start() {
    let sandboxes = Sandboxes::new(Fare::Silent);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment_of(0, 0);
    let (failed, needed) = tokio::join!(start(&pool, &deployment, ""), async {
        eventually(|| sandboxes.started() == 1).await;
        ["layer", "code", "other"].map(|digest| pool.is_starting_with(digest))
    });
    assert!(failed.is_err());
    assert_eq!(needed, [true, true, false]);
    eventually(|| !pool.is_starting_with("code")).await;
}

#[tokio::test]
async fn tenants_have_environments_of_their_own_and_go_with_their_deployment() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, KEEP);
    let deployment = deployment("d");
    let run = async |tenant: &str| {
        let invoke = Invoke { tenant_id: Some(tenant.to_owned()), ..an_invoke() };
        let mut running = pool.invoke(&deployment, invoke, Bytes::new(), Arc::new(|_| {})).await.unwrap();
        let answered = answer(&mut running).await.unwrap();
        while !matches!(running.next().await, Some(InvocationEvent::ResponseEnd(..)) | None) {}
        answered
    };
    let (blue, green) = (run("blue").await, run("green").await);
    assert_ne!(blue, green);
    assert_eq!((run("blue").await, run("green").await), (blue, green));
    assert_eq!(pool.environments(&deployment.id).len(), 2);
    pool.retire(&deployment.id);
    sandboxes.none_is_left().await;
}

#[tokio::test]
async fn tenants_without_environments_are_forgotten() {
    let sandboxes = Sandboxes::new(Fare::Well);
    let pool = pool(&sandboxes, Duration::from_millis(60));
    let deployment = deployment("d");
    let invoke = Invoke { tenant_id: Some("blue".into()), ..an_invoke() };
    drop(pool.invoke(&deployment, invoke, Bytes::new(), Arc::new(|_| {})).await.unwrap());
    let is_known = || pool.shared.groups().find(&deployment.id, Some("blue")).is_some();
    assert!(is_known());
    eventually(|| !is_known()).await;
    sandboxes.none_is_left().await;
}
