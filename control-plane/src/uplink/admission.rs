//! Connections that come in: whose they are, and whether they may stay.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use lambdock_protocol::{Decoder, Encoded, Hello, Purpose, ToAgent, ToControlPlane, VERSION};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::link::{Connection, Services};
use super::{EnvironmentInfo, Shared, Tunnel};
use crate::executor::EnvironmentId;

/// Time from being accepted until the greeting is complete.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// How often a silent connection is tried: lost after some 25 seconds.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(10))
    .with_interval(Duration::from_secs(5))
    .with_retries(3);

/// What was sent has to be acknowledged by the other machine within this time, or the connection is lost. Whoever only
/// reads slowly acknowledges.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Largest greeting in bytes.
const HELLO_LIMIT: usize = 4096;

/// Versions of the protocol that we speak, the one we like best first.
const VERSIONS: &[u16] = &[VERSION];

/// Accepts connections until the uplink stops.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let stop = shared.stop.clone();
    loop {
        let Ok(permit) = Arc::clone(&shared.strangers).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                let stop = stop.clone();
                shared.tasks.clone().spawn(async move {
                    let greeting = timeout(HELLO_DEADLINE, greet(&shared, stream));
                    tokio::select! {
                        greeted = greeting => match greeted {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => debug!(%peer, %error, "a connection to the uplink was not admitted"),
                            Err(_elapsed) => debug!(%peer, "a connection to the uplink did not say who it is in time"),
                        },
                        () = stop.cancelled() => {}
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, mostly: connections that end make room.
                warn!(%error, "the uplink cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The control connection of an environment that has been welcomed and not been told yet what it is.
pub struct Arrival {
    stream: TcpStream,
    early: BytesMut,
    services: Services,
}

impl Arrival {
    pub(super) fn connect(self, info: Arc<EnvironmentInfo>) -> Connection {
        Connection::new(self.stream, self.early, info, self.services)
    }
}

/// Whom a greeting belongs to.
enum Admitted {
    Environment(oneshot::Sender<Arrival>),
    Gateway(Arc<EnvironmentInfo>, OwnedSemaphorePermit),
}

async fn greet(shared: &Arc<Shared>, mut stream: TcpStream) -> io::Result<()> {
    // Frames are written whole; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    // A container whose network is gone says nothing more, not even that it ends.
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    let mut buffer = BytesMut::with_capacity(1024);
    let hello = read_hello(&mut stream, &mut buffer).await?;
    let admitted = choose_version(&hello.versions).and_then(|version| Ok((version, shared.admit(&hello)?)));
    let (version, admitted) = match admitted {
        Ok(admitted) => admitted,
        Err(reason) => {
            warn!(environment.id = hello.environment, reason, "a connection to the uplink was refused");
            write(&mut stream, ToAgent::Refused { reason: reason.to_owned() }.encode()).await?;
            return stream.shutdown().await;
        }
    };
    write(&mut stream, ToAgent::Welcome { version }.encode()).await?;
    match admitted {
        Admitted::Environment(arrival) => {
            debug!(environment.id = hello.environment, agent = hello.agent, "an environment dialled in");
            let services = Services {
                archives: Arc::clone(&shared.archives),
                logs: Arc::clone(&shared.logs),
                traces: Arc::clone(&shared.traces),
            };
            if arrival.send(Arrival { stream, early: buffer, services }).is_err() {
                debug!("nobody waits for the environment any more");
            }
        }
        Admitted::Gateway(info, permit) => {
            shared.tunnels.accept(&info, Tunnel::new(stream, buffer, permit));
        }
    }
    Ok(())
}

async fn read_hello(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Hello> {
    let decoder = Decoder::with_limit(HELLO_LIMIT);
    loop {
        match ToControlPlane::decode(&decoder, buffer).map_err(io::Error::other)? {
            Some(ToControlPlane::Hello(hello)) => return Ok(hello),
            Some(_) => return Err(io::Error::other("the first message was not a greeting")),
            None => {}
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn write(stream: &mut TcpStream, frame: Encoded) -> io::Result<()> {
    stream.write_all_buf(&mut frame.head.chain(frame.body)).await
}

fn choose_version(offered: &[u16]) -> Result<u16, &'static str> {
    VERSIONS
        .iter()
        .find(|version| offered.contains(version))
        .copied()
        .ok_or("no common version of the protocol; the init in the container is not of this Lambdock")
}

impl Shared {
    fn admit(&self, hello: &Hello) -> Result<Admitted, &'static str> {
        const STRANGER: &str = "no such environment, or not its secret";
        let id = EnvironmentId::parse(&hello.environment).ok_or(STRANGER)?;
        let mut expected = self.expected();
        let entry = expected.get_mut(&id).ok_or(STRANGER)?;
        if !same(entry.secret.as_bytes(), hello.secret.as_bytes()) {
            return Err(STRANGER);
        }
        match hello.purpose {
            Purpose::Environment => {
                let arrival = entry.arrival.take().ok_or("the environment has a connection already")?;
                Ok(Admitted::Environment(arrival))
            }
            Purpose::Gateway => {
                let info = entry.info.clone().ok_or("the environment is nobody's yet")?;
                let permit = Arc::clone(&entry.tunnels).try_acquire_owned();
                Ok(Admitted::Gateway(info, permit.map_err(|_| "too many connections to the public API")?))
            }
        }
    }
}

/// Compares secrets in a time that does not tell where they differ.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let difference = ours.iter().zip(theirs).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    ours.len() == theirs.len() && black_box(difference) == 0
}
