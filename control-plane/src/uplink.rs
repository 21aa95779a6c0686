//! The control plane's end of the uplink: environments dial in, prove who they are, and are spoken with.
//!
//! Nobody is admitted who was not registered before: each environment has an id and a secret of its own. The secret
//! opens one control connection, and any number (within bounds) of tunnels to the public API.

mod admission;
mod link;
mod tail;
mod tunnel;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lambdock_protocol::Log;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};
use uuid::Uuid;

pub use admission::Arrival;
pub use link::{Connection, Ended, Heard, InvocationEvent, Link, Lost, Observer, Reader, Running};
pub use tunnel::Tunnel;

use crate::executor::EnvironmentId;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// Its id.
    pub id: EnvironmentId,
    /// Name of its function.
    pub function_name: String,
    /// ARN of the function's version.
    pub function_arn: String,
    /// `$LATEST` or a number.
    pub function_version: String,
    /// Log group of the function.
    pub log_group: String,
    /// Log stream of this environment.
    pub log_stream: String,
}

/// Where environments get their code from.
pub trait ArchiveSource: Send + Sync + 'static {
    /// The archive with the SHA-256 `digest`, in lower-case hex. Called on a thread that may block.
    ///
    /// # Errors
    /// There is no such archive, or it cannot be read.
    fn open(&self, digest: &str) -> io::Result<std::fs::File>;
}

/// Where lines of environments go.
pub trait LogSink: Send + Sync + 'static {
    /// Takes whole lines as they were written. Must not block.
    fn lines(&self, environment: &EnvironmentInfo, log: &Log, lines: &Bytes);
}

/// Who serves clients inside of containers that want the public API.
pub trait TunnelSink: Send + Sync + 'static {
    /// Takes a connection. Must not block.
    fn accept(&self, environment: &EnvironmentInfo, stream: Tunnel);
}

/// Where segments of traces go.
pub trait TraceSink: Send + Sync + 'static {
    /// Takes segment documents that a function has sent to its X-Ray daemon. Must not block.
    fn segments(&self, environment: &EnvironmentInfo, documents: Vec<Bytes>);
}

/// Connections that have not said who they are, at most. More wait in the kernel's queue.
const MAX_STRANGERS: usize = 256;

/// Tunnels that one environment may have open.
const MAX_TUNNELS: usize = 256;

/// An environment that is or will be connected.
struct Expected {
    secret: String,
    /// Once it is known whose environment it is.
    info: Option<Arc<EnvironmentInfo>>,
    /// Taken by the first control connection.
    arrival: Option<oneshot::Sender<Arrival>>,
    tunnels: Arc<Semaphore>,
}

struct Shared {
    fixed: Option<SocketAddr>,
    archives: Arc<dyn ArchiveSource>,
    logs: Arc<dyn LogSink>,
    tunnels: Arc<dyn TunnelSink>,
    traces: Arc<dyn TraceSink>,
    expected: Mutex<HashMap<EnvironmentId, Expected>>,
    strangers: Arc<Semaphore>,
    listening: tokio::sync::Mutex<HashMap<Vec<IpAddr>, SocketAddr>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The listening side. Clones are the same uplink.
#[derive(Clone)]
pub struct Uplink {
    shared: Arc<Shared>,
}

impl Uplink {
    /// An uplink that does not listen yet. `fixed`: the address the operator wants it on.
    pub fn new(
        fixed: Option<SocketAddr>,
        archives: Arc<dyn ArchiveSource>,
        logs: Arc<dyn LogSink>,
        tunnels: Arc<dyn TunnelSink>,
        traces: Arc<dyn TraceSink>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                fixed,
                archives,
                logs,
                tunnels,
                traces,
                expected: Mutex::default(),
                strangers: Arc::new(Semaphore::new(MAX_STRANGERS)),
                listening: tokio::sync::Mutex::default(),
                stop: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// Listens on the first of `addresses` that this machine has, and goes on listening there; asked again, it
    /// gives the same answer. The operator's fixed address goes before all of them.
    ///
    /// # Errors
    /// None of them can be bound.
    pub async fn listen(&self, addresses: &[IpAddr]) -> io::Result<SocketAddr> {
        let candidates: Vec<SocketAddr> = match self.shared.fixed {
            Some(fixed) => vec![fixed],
            None => addresses.iter().map(|ip| SocketAddr::new(*ip, 0)).collect(),
        };
        let key: Vec<IpAddr> = candidates.iter().map(SocketAddr::ip).collect();
        let mut listening = self.shared.listening.lock().await;
        if let Some(address) = listening.get(&key) {
            return Ok(*address);
        }
        let (listener, address) = bind_first(&candidates).await?;
        info!(%address, "function containers can dial in");
        listening.insert(key, address);
        let accepting = admission::accept(Arc::clone(&self.shared), listener);
        self.shared.tasks.spawn(accepting);
        Ok(address)
    }

    /// Expects an environment. It is admitted from now on, until the registration is dropped.
    pub fn register(&self, id: EnvironmentId) -> Registration {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let (sender, arrival) = oneshot::channel();
        let expected = Expected {
            secret: secret.clone(),
            info: None,
            arrival: Some(sender),
            tunnels: Arc::new(Semaphore::new(MAX_TUNNELS)),
        };
        self.shared.expected().insert(id, expected);
        Registration { shared: Arc::clone(&self.shared), id, secret, arrival }
    }

    /// Admits nobody any more. Connections that were admitted are not touched.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Shared {
    fn expected(&self) -> std::sync::MutexGuard<'_, HashMap<EnvironmentId, Expected>> {
        // Entries are inserted and removed whole: a panic elsewhere leaves nothing half done.
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bind_first(candidates: &[SocketAddr]) -> io::Result<(TcpListener, SocketAddr)> {
    let mut failure =
        io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to listen on for the uplink");
    for address in candidates {
        let bound = match TcpListener::bind(address).await {
            Ok(listener) => listener.local_addr().map(|local| (listener, local)),
            Err(error) => Err(error),
        };
        match bound {
            Ok(bound) => return Ok(bound),
            Err(error) => {
                debug!(%address, %error, "the uplink cannot listen here");
                let message = format!(
                    "the uplink cannot listen on {address}: {error}; set LAMBDOCK_UPLINK_LISTEN to an address of this machine that containers reach"
                );
                failure = io::Error::new(error.kind(), message);
            }
        }
    }
    Err(failure)
}

/// The right of one environment to connect; dropped, it is gone.
pub struct Registration {
    shared: Arc<Shared>,
    id: EnvironmentId,
    secret: String,
    arrival: oneshot::Receiver<Arrival>,
}

impl Registration {
    /// What the container has to know.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Waits for the environment's control connection. `None`: it came and was lost while it was being welcomed, and
    /// since a secret works once, nobody else comes.
    pub async fn arrived(&mut self) -> Option<Arrival> {
        (&mut self.arrival).await.ok()
    }

    /// Says whose environment it is, from when on its connections are good for something. `info` has the id that was
    /// registered.
    pub fn connect(&self, arrival: Arrival, info: Arc<EnvironmentInfo>) -> Connection {
        if let Some(expected) = self.shared.expected().get_mut(&self.id) {
            expected.info = Some(Arc::clone(&info));
        }
        arrival.connect(info)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.expected().remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
