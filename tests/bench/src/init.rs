//! Lambdock's init in a container of its own, with the benchmark as its control plane: what it does to an invocation,
//! and nothing else.

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, anyhow};
use lambdock_protocol::Assignment;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    engine::{Container, Engine},
    fixture::{MEMORY_MIB, TIMEOUT_S},
    stopwatch::{LAUNCH, STOPWATCH},
    uplink::{Answer, Link, Uplink},
};

const INSIDE: &str = "/var/rapid/init";
/// AWS's limit, which the emulator has too: 6 MiB and 100 bytes.
const PAYLOAD_LIMIT: u64 = 6 * 1024 * 1024 + 100;

/// The init's binary and the function's unpacked code, both mounted like the emulator's.
#[derive(Debug)]
pub(crate) struct Setup {
    engine: Engine,
    image: String,
    binary: PathBuf,
    code: TempDir,
    uplink: Uplink,
}

/// A started init, whose function waits for events; its container goes with it.
#[derive(Debug)]
pub(crate) struct Init {
    _container: Container,
    pid: u32,
    link: Link,
}

impl Setup {
    /// Unpacks the function, and listens where a container beside the one at address `neighbour` can dial.
    pub(crate) fn new(
        engine: &Engine,
        image: String,
        binary: &Path,
        archive: &[u8],
        neighbour: &str,
    ) -> Result<Self> {
        let binary = binary.canonicalize().with_context(|| {
            format!("the init is missing: `cargo xtask build` puts it at {}", binary.display())
        })?;
        let code = STOPWATCH.unpack(archive)?;
        Ok(Self { engine: engine.clone(), image, binary, code, uplink: Uplink::beside(neighbour)? })
    }

    /// Creates and starts a container, and waits until its runtime asks for an event.
    pub(crate) fn start(&self) -> Result<Init> {
        let container = self.create(&[
            format!("LAMBDOCK_UPLINK={}", self.uplink.address()),
            "LAMBDOCK_ENVIRONMENT_ID=bench".to_owned(),
            "LAMBDOCK_SECRET=bench".to_owned(),
        ])?;
        let link = thread::scope(|scope| -> Result<Link> {
            // The init dials before the engine has said that the container runs.
            let admitted = scope.spawn(|| self.uplink.admit(assignment()));
            self.engine.start(container.id())?;
            let mut link = admitted.join().map_err(|_| anyhow!("the uplink panicked"))??;
            link.initialized()?;
            Ok(link)
        });
        let link = link.with_context(|| {
            let last_words = self.engine.last_words(container.id()).unwrap_or_default();
            format!("the init does not come up; its last words:\n{last_words}")
        })?;
        let pid = self.engine.inspect(container.id())?.pid;
        Ok(Init { _container: container, pid, link })
    }

    /// Where inits dial.
    pub(crate) fn address(&self) -> SocketAddr {
        self.uplink.address()
    }

    /// Waits for one to dial.
    pub(crate) fn dialled(&self) -> Result<TcpStream> {
        self.uplink.dialled()
    }

    /// The engine of its containers.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Creates a container whose init has these variables.
    pub(crate) fn create(&self, variables: &[String]) -> Result<Container> {
        let specification = json!({
            "Image": self.image,
            "Entrypoint": [STOPWATCH.bootstrap, LAUNCH, INSIDE],
            "Cmd": [],
            "WorkingDir": "/var/task",
            "Env": variables,
            "HostConfig": {"Binds": [
                format!("{}:{INSIDE}:ro", self.binary.display()),
                format!("{}:/var/task:ro", self.code.path().display()),
            ]},
        });
        Container::create(&self.engine, specification)
    }
}

impl Init {
    /// Invokes its function with an event.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Result<Answer> {
        self.link.invoke(event)
    }

    /// Process id of the init itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
}

/// As for a function of the same configuration that the control plane runs, but that its code is there already.
fn assignment() -> Assignment {
    Assignment {
        function_name: "bench".to_owned(),
        function_version: "$LATEST".to_owned(),
        account_id: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        memory_size_mb: MEMORY_MIB,
        timeout_ms: u64::from(TIMEOUT_S) * 1000,
        handler: STOPWATCH.handler.to_owned(),
        payload_limit: PAYLOAD_LIMIT,
        ..Assignment::default()
    }
}
