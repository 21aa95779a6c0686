//! AWS's runtime interface emulator, in a container of the same image, called directly at its address.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    engine::{Container, Engine, Running},
    fixture::{Fixture, MEMORY_MIB, TIMEOUT_S, event},
    http::{self, Address, Connection},
    interruption::wait_until,
    invocation::Invocation,
    stopwatch::{INVOKE_AND_LAUNCH, Times},
};

/// Name of the emulator in the report.
pub(crate) const NAME: &str = "emulator";

const INSIDE: &str = "/usr/local/bin/aws-lambda-rie";
/// How long a start may take.
const STARTED: Duration = Duration::from_secs(20);
const PORT: &str = "8080";
const INVOCATIONS: &str = "/2015-03-31/functions/function/invocations";

/// The emulator's binary, and a function's unpacked code beside it: both are mounted, so nothing is copied when a
/// container starts.
#[derive(Debug)]
pub(crate) struct Setup {
    engine: Engine,
    image: String,
    binary: PathBuf,
    code: TempDir,
    fixture: Fixture,
}

/// A started emulator; its container goes with it.
#[derive(Debug)]
pub(crate) struct Emulator {
    _container: Container,
    running: Running,
}

/// How long the parts of a cold start took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColdStart {
    /// The engine created the container.
    pub(crate) create: Duration,
    /// The engine started it.
    pub(crate) start: Duration,
    /// All of it: the engine's work, the runtime's boot and the first answer.
    pub(crate) total: Duration,
}

impl Setup {
    /// Unpacks the function and looks that everything is there.
    pub(crate) fn new(
        engine: &Engine,
        image: String,
        binary: &Path,
        fixture: Fixture,
        archive: &[u8],
    ) -> Result<Self> {
        engine.require_image(&image)?;
        let binary = binary.canonicalize().with_context(|| {
            format!("the emulator is missing: `cargo xtask images` puts it at {}", binary.display())
        })?;
        let code = fixture.unpack(archive)?;
        Ok(Self { engine: engine.clone(), image, binary, code, fixture })
    }

    /// The image of its containers.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }

    /// Creates and starts a container, and waits until its function has answered once.
    pub(crate) fn start(&self) -> Result<Emulator> {
        persistently(|| {
            let (emulator, _) = self.start_and_invoke(event(100))?;
            Ok(emulator)
        })
    }

    /// One cold invoke, from the engine's first call to the whole answer.
    pub(crate) fn invoke_cold(&self, event: &[u8]) -> Result<ColdStart> {
        persistently(|| {
            let (_, cold) = self.start_and_invoke(event.to_vec())?;
            Ok(cold)
        })
    }

    /// Starts a container that becomes the emulator and is invoked from inside as soon as that listens, because it
    /// starts no runtime before. Gives what the runtime, which has to be the stopwatch's, tells.
    pub(crate) fn launch(&self) -> Result<Times> {
        persistently(|| {
            let container = self.create(&[self.fixture.bootstrap, INVOKE_AND_LAUNCH, PORT, INSIDE])?;
            self.engine.start(container.id())?;
            wait_until("the emulator's runtime tells its times", STARTED, Duration::from_millis(5), || {
                let log = self.engine.last_words(container.id())?;
                Ok(log.lines().find_map(|line| Times::parse(line.as_bytes()).ok()))
            })
        })
    }

    fn start_and_invoke(&self, event: Vec<u8>) -> Result<(Emulator, ColdStart)> {
        let begun = Instant::now();
        let container = self.create(&[INSIDE])?;
        let create = begun.elapsed();
        self.engine.start(container.id())?;
        let start = begun.elapsed() - create;
        let running = self.engine.inspect(container.id())?;
        let mut connection = listening(&running)?;
        let invocation = invocation(&running, event);
        let response = connection.exchange(&invocation.request).context("invoke under the emulator")?;
        let total = begun.elapsed();
        ensure!(
            response.success("invoke").is_ok_and(|answer| answer == invocation.event),
            "the emulator did not answer with the event but with status {}; its last words:\n{}",
            response.head.status,
            self.engine.last_words(container.id())?
        );
        Ok((Emulator { _container: container, running }, ColdStart { create, start, total }))
    }

    fn create(&self, entrypoint: &[&str]) -> Result<Container> {
        let Self { binary, code, fixture, .. } = self;
        let specification = json!({
            "Image": self.image,
            "Entrypoint": entrypoint,
            "Cmd": [fixture.bootstrap],
            "WorkingDir": "/var/task",
            "Env": [
                format!("_HANDLER={}", fixture.handler),
                format!("AWS_LAMBDA_FUNCTION_MEMORY_SIZE={MEMORY_MIB}"),
                format!("AWS_LAMBDA_FUNCTION_TIMEOUT={TIMEOUT_S}"),
            ],
            "HostConfig": {"Binds": [
                format!("{}:{INSIDE}:ro", binary.display()),
                format!("{}:/var/task:ro", code.path().display()),
            ]},
        });
        Container::create(&self.engine, specification)
    }
}

impl Emulator {
    /// Invokes its function with an event.
    pub(crate) fn invocation(&self, event: Vec<u8>) -> Invocation {
        invocation(&self.running, event)
    }

    /// Address of its container.
    pub(crate) fn ip(&self) -> &str {
        &self.running.ip
    }

    /// Process id of the emulator itself.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid
    }
}

/// On a busy machine the emulator now and then answers its first invoke with 502 and no body. That is its own affair
/// and should not end a run: it gets a new container, and only the start that worked counts.
fn persistently<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
    attempt().or_else(|_| attempt()).or_else(|_| attempt())
}

fn host(running: &Running) -> String {
    format!("{}:{PORT}", running.ip)
}

fn invocation(running: &Running, event: Vec<u8>) -> Invocation {
    let host = host(running);
    let request = http::request("POST", INVOCATIONS, &host, &[("Content-Type", "application/json")], &event);
    Invocation { address: Address::Tcp(host), request, event }
}

fn listening(running: &Running) -> Result<Connection> {
    let address = Address::Tcp(host(running));
    wait_until("the emulator listens", STARTED, Duration::from_micros(500), || {
        Ok(Connection::open(&address).ok())
    })
}
