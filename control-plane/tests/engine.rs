//! The pool, the uplink and the executor against a real container engine, with the real init and a runtime image.
//!
//! Run by `cargo xtask test`, which builds the init and the images first.

#![expect(clippy::unwrap_used, reason = "what a test's own tools cannot do fails the test")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock::executor::docker::{
    Docker, Ended, Flags, Hints, InitBinaries, InitBinary, Place, Platforms, Settings, Sources,
};
use lambdock::executor::{
    self, ContainerSpec, Content, EnvironmentId, Executor, FunctionNames, ImageRequest,
};
use lambdock::init_binaries::{AARCH64, X86_64};
use lambdock::pool::{self, Deployment, EnvironmentStatus, InvocationEvent, Phase, Pool};
use lambdock::uplink::{ArchiveSource, EnvironmentInfo, LogSink, TraceSink, Tunnel, TunnelSink, Uplink};
use lambdock_domain::Architecture;
use lambdock_domain::configuration::Tenancy;
use lambdock_domain::function::DeploymentId;
use lambdock_protocol::{Archive, Assignment, Invoke, Log};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use zip::write::SimpleFileOptions;

const IMAGE: &str = "lambdock-test/provided.al2023";

/// Speaks the Runtime API with what every image has: answers each event with itself and its own process id.
const BOOTSTRAP: &str = r#"#!/bin/bash
while true; do
  headers=$(mktemp)
  event=$(curl -sS -L -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i lambda-runtime-aws-request-id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  if [ "$event" = '"sleep"' ]; then sleep 60; fi
  printf '{"event":%s,"operator":"%s","stream":"%s"}' "$event" "$OPERATOR" "$AWS_LAMBDA_LOG_STREAM_NAME" |
    curl -sS -X POST --data-binary @- "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" > /dev/null
done
"#;

struct OneArchive(Mutex<Vec<u8>>);

impl ArchiveSource for OneArchive {
    fn open(&self, _digest: &str) -> io::Result<File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&self.0.lock().unwrap())?;
        file.rewind()?;
        Ok(file)
    }
}

struct Nothing;

impl LogSink for Nothing {
    fn lines(&self, _environment: &EnvironmentInfo, _log: &Log, _lines: &Bytes) {}
}

impl TunnelSink for Nothing {
    fn accept(&self, _environment: &EnvironmentInfo, _stream: Tunnel) {}
}

impl TraceSink for Nothing {
    fn segments(&self, _environment: &EnvironmentInfo, _documents: Vec<Bytes>) {}
}

fn zipped(bootstrap: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    archive.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    archive.write_all(bootstrap.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

fn settings(instance: &str) -> Settings {
    assert!(!X86_64.is_empty(), "built without the init; run cargo xtask test");
    let flags = "-e OPERATOR=me --label suite=engine";
    let sources = Sources { file: &|path| std::fs::read_to_string(path), variable: &|_| None };
    Settings {
        hints: Hints { docker_host: std::env::var("DOCKER_HOST").ok(), ..Hints::default() },
        place: Place::Host,
        hostname: None,
        main_container_name: "lambdock-suite".into(),
        instance: instance.into(),
        networks: vec![],
        flags: Flags::parse(flags, &sources).unwrap(),
        dns: None,
        platforms: Platforms::Honoured,
        ended: Ended::Removed,
        host_from_containers: None,
        image_prefix: String::new(),
        init: InitBinaries {
            x86_64: InitBinary::new(Bytes::from_static(X86_64)),
            aarch64: InitBinary::new(Bytes::from_static(AARCH64)),
        },
    }
}

struct Bench {
    instance: String,
    pool: Pool,
    deployment: Arc<Deployment>,
}

fn bench_with(docker: Docker, instance: String, environment_timeout: Duration) -> Bench {
    let archive = zipped(BOOTSTRAP);
    let size = u64::try_from(archive.len()).unwrap();
    let archives = Arc::new(OneArchive(Mutex::new(archive)));
    let uplink = Uplink::new(None, archives, Arc::new(Nothing), Arc::new(Nothing), Arc::new(Nothing));
    let settings = pool::Settings {
        keep_alive: Duration::from_secs(600),
        environment_timeout,
        parallel_starts: pool::Settings::parallel_starts_here(),
        standby: 0,
        standby_networks: 0,
        code_volumes: true,
        memory_reserve_mb: 0,
    };
    let pool = Pool::new(settings, Arc::new(docker), uplink);
    let assignment = Assignment {
        function_name: "engine_Test".into(),
        function_version: "$LATEST".into(),
        account_id: "000000000000".into(),
        region: "us-east-1".into(),
        memory_size_mb: 256,
        timeout_ms: 20_000,
        init_timeout_ms: Some(10_000),
        handler: "x".into(),
        archives: vec![Archive { digest: "d".into(), size, target: "/var/task".into() }],
        payload_limit: 6 << 20,
        ..Assignment::default()
    };
    let deployment = Deployment {
        id: DeploymentId(Uuid::new_v4().to_string()),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:engine_Test".into(),
        function_name: "engine_Test".into(),
        version: "$LATEST".into(),
        image: ImageRequest { reference: IMAGE.into(), architecture: Architecture::X86_64 },
        memory_size_mb: 256,
        mounts: Vec::new(),
        assignment,
        durable: None,
        tenancy: Tenancy::None,
    };
    Bench { instance, pool, deployment: Arc::new(deployment) }
}

fn bench() -> Bench {
    let instance = Uuid::new_v4().to_string();
    bench_with(Docker::new(settings(&instance)), instance, Duration::from_secs(30))
}

impl Bench {
    async fn start(&self, payload: &'static str) -> Result<pool::Running, pool::Error> {
        let invoke = Invoke {
            request_id: Uuid::new_v4().to_string(),
            invoked_function_arn: self.deployment.function_arn.clone(),
            timeout_ms: 20_000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        self.pool
            .invoke(&self.deployment, invoke, Bytes::from_static(payload.as_bytes()), Arc::new(|_| {}))
            .await
    }

    async fn invoke(&self, payload: &'static str) -> Result<String, String> {
        let running = self.start(payload).await.map_err(|error| error.to_string())?;
        answer(running).await
    }

    fn environments(&self) -> Vec<EnvironmentStatus> {
        self.pool.environments(&self.deployment.id)
    }

    fn containers(&self) -> Vec<String> {
        containers(&self.instance)
    }

    async fn finish(self) {
        self.pool.shutdown(Duration::from_secs(10)).await;
        assert_eq!(self.containers(), Vec::<String>::new(), "containers were left");
    }
}

async fn answer(mut running: pool::Running) -> Result<String, String> {
    let mut body = Vec::new();
    loop {
        match running.next().await.expect("an answer comes first") {
            InvocationEvent::Chunk(chunk) => body.extend_from_slice(&chunk),
            InvocationEvent::ResponseEnd(..) => return Ok(String::from_utf8(body).unwrap()),
            InvocationEvent::Failed(failed, payload) => {
                return Err(format!("{}: {}", failed.error_type, String::from_utf8_lossy(&payload)));
            }
            InvocationEvent::Lost { reason } => return Err(reason),
            InvocationEvent::ResponseStart(_) | InvocationEvent::Done { .. } => {}
        }
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn containers(instance: &str) -> Vec<String> {
    let filter = format!("label=lambdock.instance={instance}");
    docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])
        .lines()
        .map(str::to_owned)
        .collect()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn a_function_runs_in_a_container_made_for_it_and_is_used_again() {
    let bench = bench();
    let first = bench.invoke("1").await.unwrap();
    assert!(first.starts_with(r#"{"event":1,"operator":"me","stream":"20"#), "{first}");
    let second = bench.invoke("2").await.unwrap();
    let stream = |answer: &str| answer.split_once("\"stream\"").unwrap().1.to_owned();
    assert_eq!(stream(&first), stream(&second));
    let [container] = &bench.containers()[..] else { panic!("one container, not {:?}", bench.containers()) };
    let of = |format: &str| docker(&["inspect", "--format", format, container]);
    assert_eq!(of("{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"), "268435456 1024");
    assert_eq!(of("{{.Path}}"), "/var/rapid/init");
    assert_eq!(of(r#"{{index .Config.Labels "suite"}}"#), "engine");
    let id = bench.environments()[0].id;
    assert_eq!(of("{{.Name}}"), format!("/lambdock-suite-lambda-engine-test-{id}"));
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn invocations_at_the_same_time_run_side_by_side_and_all_containers_go_quickly() {
    let bench = bench();
    let answers = futures_util::future::join_all((0..6).map(|_| bench.invoke("1"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(bench.containers().len(), 6);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn a_container_that_is_killed_fails_its_caller_and_the_next_one_gets_a_new_one() {
    let bench = bench();
    let running = bench.start(r#""sleep""#).await.unwrap();
    let container = bench.containers().remove(0);
    docker(&["kill", &container]);
    let reason = timeout(Duration::from_secs(10), answer(running)).await.unwrap().unwrap_err();
    assert!(reason.contains("exit status 137"), "{reason}");
    assert!(bench.invoke("1").await.is_ok());
    eventually("the removal of the dead container", || !bench.containers().contains(&container)).await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn an_idle_container_that_is_killed_is_noticed() {
    let bench = bench();
    assert!(bench.invoke("1").await.is_ok());
    docker(&["kill", &bench.containers()[0]]);
    eventually("the end of the environment", || bench.environments().is_empty()).await;
    assert!(bench.invoke("1").await.is_ok());
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn containers_of_a_control_plane_that_was_killed_are_removed_by_the_next() {
    let instance = Uuid::new_v4().to_string();
    let before = Docker::new(settings(&instance));
    before.start(&spec(IMAGE, Architecture::X86_64)).await.unwrap();
    drop(before);
    let other = Docker::new(settings("another"));
    other.remove_leftovers(&|_| false, &|_| false).await.unwrap();
    assert_eq!(containers(&instance).len(), 1);
    let after = bench_with(Docker::new(settings(&instance)), instance, Duration::from_secs(30));
    assert_eq!(after.pool.remove_leftovers().await.unwrap(), 1);
    after.finish().await;
}

#[tokio::test]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn what_control_planes_left_that_never_come_back_is_removed_once_it_is_nobodys_business() {
    let gone = Uuid::new_v4().to_string();
    let label = |name: &str, value: &str| format!("--label=lambdock.{name}={value}");
    let ended = |labels: &[&str]| {
        let labels = labels.iter().copied();
        let arguments: Vec<&str> =
            ["run", "--detach", "--entrypoint=true"].into_iter().chain(labels).collect();
        let container = docker(&[&arguments[..], &[IMAGE]].concat());
        docker(&["wait", &container]);
        container
    };
    let instance = label("instance", &gone);
    let environment = label("environment", &EnvironmentId::random().to_string());
    let (kept, function) = (label("kept", "1"), label("function", "arn"));
    // A container that filled a volume; one that stood by; one of a function; one that is to be looked at.
    let volume = ended(&[&instance]);
    let standby = ended(&[&instance, &environment]);
    let of_function = ended(&[&instance, &environment, &function]);
    let to_keep = ended(&[&instance, &environment, &kept]);
    let living = docker(&["run", "--detach", "--entrypoint=sleep", &instance, IMAGE, "100"]);
    let nobodys = ended(&[]);
    let other = Docker::new(settings("another-one"));
    other.remove_leftovers(&|_| false, &|_| false).await.unwrap();
    assert_eq!(containers(&gone).len(), 5, "somebody may still look at them");
    // Others that use this engine have looked at what they have lost by then.
    let other = other.with_business(Duration::from_secs(5));
    eventually_removed(&other, &gone, &[&volume, &standby, &of_function]).await;
    let left = containers(&gone);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&to_keep) && left.contains(&living), "{left:?}");
    docker(&["rm", "--force", "--volumes", &to_keep, &living, &nobodys]);
}

async fn eventually_removed(docker: &Docker, instance: &str, those: &[&String]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        docker.remove_leftovers(&|_| false, &|_| false).await.unwrap();
        let left = containers(instance);
        if those.iter().all(|one| !left.contains(one)) {
            return;
        }
        assert!(Instant::now() < deadline, "{left:?} were not removed in time");
        sleep(Duration::from_millis(100)).await;
    }
}

fn spec(reference: &str, architecture: Architecture) -> ContainerSpec {
    ContainerSpec {
        environment: EnvironmentId::random(),
        secret: "s".into(),
        // Nobody listens there.
        uplink: "127.0.0.1:1".into(),
        function: Some(FunctionNames { name: "f".into(), arn: "arn".into() }),
        image: ImageRequest { reference: reference.into(), architecture },
        memory_size_mb: 128,
        mounts: Vec::new(),
        unpacked: Vec::new(),
        network_of: None,
    }
}

#[tokio::test]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn images_that_are_missing_or_for_another_processor_are_told_apart() {
    let docker = Docker::new(settings("images"));
    let prepare = async |reference: &str, architecture| {
        let image = ImageRequest { reference: reference.into(), architecture };
        docker.prepare(&image, &|_| {}).await
    };
    let image = prepare(IMAGE, Architecture::X86_64).await.unwrap();
    assert!(image.id.starts_with("sha256:"), "{image:?}");
    let wrong = prepare(IMAGE, Architecture::Arm64).await.unwrap_err();
    assert!(matches!(wrong, executor::Error::WrongArchitecture { .. }), "{wrong}");
    // A registry that does not exist: neither found nor denied, but not to be reached.
    let missing = prepare("127.0.0.1:1/nothing:here", Architecture::X86_64).await.unwrap_err();
    assert!(matches!(missing, executor::Error::Pull { .. }), "{missing}");
    let started = docker.start(&spec("127.0.0.1:1/nothing:here", Architecture::X86_64)).await.unwrap_err();
    assert!(matches!(started, executor::Error::Pull { .. }), "{started}");
    let nonsense = prepare("Not A Name", Architecture::X86_64).await.unwrap_err();
    assert!(matches!(nonsense, executor::Error::ImageNotFound { .. }), "{nonsense}");
    assert_eq!(containers("images"), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn an_init_volume_that_was_removed_is_filled_again() {
    let docker_a = Docker::new(settings("volume"));
    let mut other_init = settings("volume");
    let tail = Uuid::new_v4();
    // An init of its own, so that no other test uses the volume.
    let binary = InitBinary::new([X86_64, tail.as_bytes()].concat().into());
    other_init.init = InitBinaries { x86_64: binary.clone(), aarch64: binary };
    let docker_b = Docker::new(other_init);
    let container = docker_b.start(&spec(IMAGE, Architecture::X86_64)).await.unwrap();
    let volume = docker(&["inspect", "--format", "{{(index .Mounts 0).Name}}", &container.0]);
    docker_b.stop(&container).await.unwrap();
    // Another control plane may have been quicker: nobody uses it.
    docker(&["volume", "rm", "--force", &volume]);
    let container = docker_b.start(&spec(IMAGE, Architecture::X86_64)).await.unwrap();
    docker_b.stop(&container).await.unwrap();
    // The next control plane with another init tidies up.
    docker_a.remove_leftovers(&|_| false, &|_| false).await.unwrap();
    assert!(!docker(&["volume", "ls", "--quiet"]).contains(&volume));
}

fn volumes(instance: &str) -> Vec<String> {
    let filter = format!("label=lambdock.instance={instance}");
    docker(&["volume", "ls", "--quiet", "--filter", &filter]).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn a_content_is_unpacked_once_and_goes_when_it_is_not_used() {
    let instance = Uuid::new_v4().to_string();
    let archive = zipped(BOOTSTRAP);
    let open = move |digest: &str| {
        if digest != "whole" {
            return Err(io::Error::other("no such archive"));
        }
        OneArchive(Mutex::new(archive.clone())).open(digest)
    };
    let engine = Docker::new(settings(&instance)).with_archives(Arc::new(open));
    let image = ImageRequest { reference: IMAGE.into(), architecture: Architecture::X86_64 };
    let content = |digest: &str| Content { target: "/var/task".into(), archives: vec![digest.to_owned()] };
    let (whole, missing) = (content("whole"), content("missing"));
    let unpacked = futures_util::future::join_all((0..4).map(|_| engine.unpack(&whole, &image))).await;
    let names: Vec<String> = unpacked.into_iter().map(|one| one.unwrap().unwrap().name).collect();
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    let failed = engine.unpack(&missing, &image).await.unwrap_err().to_string();
    assert!(failed.contains("no such archive"), "{failed}");
    assert_eq!(volumes(&instance), [names[0].clone()], "what failed leaves nothing");
    engine.remove_leftovers(&|_| false, &|content| *content == whole).await.unwrap();
    assert_eq!(volumes(&instance).len(), 1);
    docker(&["volume", "rm", &names[0]]);
    let again = engine.unpack(&whole, &image).await.unwrap().unwrap();
    assert_ne!(again.name, names[0]);
    engine.remove_leftovers(&|_| false, &|_| false).await.unwrap();
    assert_eq!(volumes(&instance), Vec::<String>::new());
    assert_eq!(containers(&instance), Vec::<String>::new());
}

/// Stands between us and the engine; requests whose first line contains a word get no answer.
struct Stalling {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn stalling(word: &'static str) -> Stalling {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut engine = UnixStream::connect(engine_socket()).await.unwrap();
                let mut first = vec![0; 64 << 10];
                let read = client.read(&mut first).await.unwrap();
                engine.write_all(&first[..read]).await.unwrap();
                let line =
                    String::from_utf8_lossy(&first[..read]).lines().next().unwrap_or_default().to_owned();
                if line.contains(word) {
                    // The engine does what it was asked, and nobody hears of it.
                    let mut unheard = Vec::new();
                    let _ = engine.read_to_end(&mut unheard).await;
                } else {
                    let _ = copy_bidirectional(&mut client, &mut engine).await;
                }
            });
        }
    });
    Stalling { path, _folder: folder }
}

fn engine_socket() -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").to_owned()
}

fn through(engine: &Path, instance: &str, limit: Duration) -> Docker {
    let mut settings = settings(instance);
    settings.hints = Hints { docker_socket: Some(engine.to_owned()), ..Hints::default() };
    Docker::new(settings).with_request_limit(limit)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn an_engine_that_stops_answering_in_mid_create_costs_an_error_and_no_container() {
    let engine = stalling("/containers/create?name=lambdock-suite").await;
    let instance = Uuid::new_v4().to_string();
    let docker = through(&engine.path, &instance, Duration::from_secs(3));
    let bench = bench_with(docker, instance, Duration::from_secs(1));
    let begun = Instant::now();
    let error = bench.start("1").await.unwrap_err();
    assert!(matches!(error, pool::Error::NotReady { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // The engine has created it all the same.
    eventually("the creation of the container", || !bench.containers().is_empty()).await;
    eventually("its removal", || bench.containers().is_empty()).await;
    bench.finish().await;
}

#[tokio::test]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn an_engine_that_comes_later_is_found_and_one_that_goes_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let docker = through(&path, "later", Duration::from_secs(10));
    let error = docker.describe().await.unwrap_err().to_string();
    assert!(error.contains("Docker not available") && error.contains("DOCKER_HOST"), "{error}");
    std::os::unix::fs::symlink(engine_socket(), &path).unwrap();
    let found = docker.describe().await.unwrap();
    assert!(!found.version.is_empty() && found.api_version.contains('.'), "{found:?}");
    std::fs::remove_file(&path).unwrap();
    let error = docker.start(&spec(IMAGE, Architecture::X86_64)).await.unwrap_err().to_string();
    assert!(error.contains("Docker not available"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a container engine, the init and the images: cargo xtask test"]
async fn twenty_warm_containers_are_gone_within_seconds() {
    let bench = bench();
    let answers = futures_util::future::join_all((0..20).map(|_| bench.invoke("1"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let phases: HashMap<_, _> = bench.environments().into_iter().map(|one| (one.id, one.phase)).collect();
    assert_eq!(phases.len(), 20);
    eventually("the end of all work", || bench.environments().iter().all(|one| one.phase == Phase::Idle))
        .await;
    let begun = Instant::now();
    bench.pool.shutdown(Duration::from_secs(10)).await;
    let took = begun.elapsed();
    println!("20 containers were gone after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(bench.containers(), Vec::<String>::new());
}
