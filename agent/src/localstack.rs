//! LocalStack as the control plane: the protocol of its own init, so that ours can be in its place.
//!
//! LocalStack starts the container with variables that say what the function is ([`Options`]), and is called back: once
//! when the environment is ready or of no use, and twice for every invocation, with its log and with its result. It
//! invokes the function through a port of the container (`control`). Everything behind that is as with our own
//! control plane: the driver sends the same messages, and `interpreter` makes calls of them.
//!
//! [LocalStack: lambda-runtime-init]

mod apart;
mod archives;
mod client;
mod collected;
mod control;
mod endpoint;
mod exchange;
mod interpreter;
mod invocation;
pub mod options;
mod pieces;
mod traces;

use std::path::Path;

use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::client::Client;
pub use self::client::Error;
use self::control::Control;
pub use self::endpoint::{Endpoint, NotHttp};
use self::exchange::Exchange;
use self::interpreter::{Interpreter, courier};
pub use self::options::{Download, Options};
use self::traces::Traces;
use crate::log::error;
use crate::uplink::{self, Receiver, Sender};

/// Messages of the driver that may wait.
const MESSAGES_WAITING: usize = 16;

/// Messages to the driver: an invocation, and the end.
const ORDERS_WAITING: usize = 2;

/// Errands that may wait: a status, the result of an invocation.
const ERRANDS_WAITING: usize = 4;

/// What the interpreter has to be told in the end.
pub(crate) struct Link {
    end: oneshot::Sender<()>,
    interpreter: JoinHandle<Result<(), Error>>,
}

impl Link {
    /// The environment has ended: sends what LocalStack should still know.
    ///
    /// # Errors
    /// LocalStack could not be told that the environment was ready.
    pub(crate) async fn end(self) -> Result<(), Error> {
        // It waits for this.
        let _ = self.end.send(());
        self.interpreter.await.unwrap_or(Ok(()))
    }
}

/// Begins to listen to LocalStack on `control` and gives both ends for the driver.
pub(crate) fn connect(options: &Options, control: TcpListener) -> (Sender, Receiver, Link) {
    let limit = options.assignment.payload_limit;
    let (queue, invocations) = mpsc::channel(control::WAITING);
    tokio::task::spawn_local(Control::new(queue, limit).serve(control));
    let (errands, waiting) = mpsc::channel(ERRANDS_WAITING);
    let (done, reports) = mpsc::channel(ERRANDS_WAITING);
    let client = Client::new(options.endpoint.clone(), HeaderMap::new());
    tokio::task::spawn_local(courier(client, waiting, done));
    let (said, messages) = mpsc::channel(MESSAGES_WAITING);
    let (agent, orders) = mpsc::channel(ORDERS_WAITING);
    let interpreter = Interpreter {
        exchange: Exchange::new(options.id.clone(), limit),
        messages,
        agent,
        invocations,
        errands,
        reports,
        traces: options
            .traces
            .clone()
            .map(|endpoint| Traces::start(endpoint, &options.access_key, &options.assignment.region)),
        wait: options.post_invoke_wait,
    };
    let (end, ended) = oneshot::channel();
    let interpreter = tokio::task::spawn_local(interpreter.run(ended));
    let (sender, receiver) = uplink::interpreted(said, orders);
    (sender, receiver, Link { end, interpreter })
}

/// Fetches code and layers. An error is for people.
pub(crate) async fn fetch(archives: &[Download], root: &Path) -> Result<(), String> {
    for archive in archives {
        archives::fetch(archive, root).await.map_err(|error| {
            error!("{error}");
            error.to_string()
        })?;
    }
    Ok(())
}
