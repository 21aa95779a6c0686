//! A control plane that is nothing but its end of an uplink, for an init that is measured alone. Blocking, like the
//! client that measures the emulator.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use lambdock_protocol::{
    Assignment, Decoder, Encoded, Initialized, Invoke, LogSource, Status, ToAgent, ToControlPlane, VERSION,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::{fixture::TIMEOUT_S, interruption};

/// How long a started container may take to dial.
const DIALLED_WITHIN: Duration = Duration::from_secs(20);
/// Longer than any answer that is still worth measuring.
const PATIENCE: Duration = Duration::from_secs(120);
/// Milliseconds between two looks whether the run is to end.
const LOOK: u16 = 200;
/// Room to read into, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// Where inits dial.
#[derive(Debug)]
pub(crate) struct Uplink {
    listener: TcpListener,
    address: SocketAddr,
}

/// The connection of one init.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    decoder: Decoder,
    buffer: BytesMut,
    room: Vec<u8>,
    invocations: u64,
}

/// What an invocation brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// From the first byte sent to the last one of the answer received.
    pub(crate) took: Duration,
    /// The answer.
    pub(crate) body: Vec<u8>,
    /// Bytes that the function wrote to its log.
    pub(crate) logged: usize,
}

impl Uplink {
    /// Listens where containers on the network of the one at address `neighbour` reach us.
    pub(crate) fn beside(neighbour: &str) -> Result<Self> {
        let towards = || -> io::Result<SocketAddr> {
            // Sends nothing: the kernel only says which address of ours leads there.
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect((neighbour, 9))?;
            socket.local_addr()
        };
        let ip = towards().with_context(|| format!("no way to the container at {neighbour}"))?.ip();
        let listener = TcpListener::bind((ip, 0)).with_context(|| format!("cannot listen on {ip}"))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for an init to dial; its connection.
    pub(crate) fn dialled(&self) -> Result<TcpStream> {
        self.wait()?;
        let (stream, _) = self.listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The same, and tells it what to become.
    pub(crate) fn admit(&self, assignment: Assignment) -> Result<Link> {
        let mut link = Link::over(self.dialled()?);
        match link.receive()? {
            ToControlPlane::Hello(hello) => ensure!(
                hello.versions.contains(&VERSION),
                "the init speaks {:?}, not version {VERSION}",
                hello.versions
            ),
            other => bail!("the init began with {other:?}"),
        }
        link.send(&ToAgent::Welcome { version: VERSION })?;
        link.send(&ToAgent::Assign(Box::new(assignment)))?;
        Ok(link)
    }

    /// Until somebody dials.
    fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            interruption::check()?;
            let mut listened = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
            match poll(&mut listened, PollTimeout::from(LOOK)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error).context("wait for the init"),
            }
            let patience = DIALLED_WITHIN.as_secs();
            ensure!(begun.elapsed() < DIALLED_WITHIN, "the init dials: not within {patience} s");
        }
    }
}

impl Link {
    fn over(stream: TcpStream) -> Self {
        let (decoder, buffer) = (Decoder::default(), BytesMut::new());
        Self { stream, decoder, buffer, room: vec![0; READ_BYTES], invocations: 0 }
    }

    /// Waits until the runtime is there.
    pub(crate) fn initialized(&mut self) -> Result<()> {
        loop {
            match self.receive()? {
                ToControlPlane::Initialized(Initialized { status: Status::Success, .. }, _) => return Ok(()),
                ToControlPlane::Initialized(failed, error) => {
                    bail!("the runtime does not start: {failed:?}: {}", String::from_utf8_lossy(&error))
                }
                ToControlPlane::Unusable { reason } => bail!("the init cannot serve: {reason}"),
                _ => {}
            }
        }
    }

    /// Invokes once; returns when the init can take the next invocation.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Result<Answer> {
        interruption::check()?;
        self.invocations += 1;
        let invoke = Invoke {
            request_id: format!("00000000-0000-4000-8000-{:012x}", self.invocations),
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned(),
            timeout_ms: u64::from(TIMEOUT_S) * 1000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        let frame = whole(&ToAgent::Invoke(invoke, Bytes::copy_from_slice(event)));
        let (mut chunks, mut logged, mut took) = (Vec::new(), 0, None);
        let begun = Instant::now();
        self.stream.write_all(&frame).context("send an event to the init")?;
        loop {
            match self.receive()? {
                ToControlPlane::ResponseChunk(chunk) => chunks.push(chunk),
                ToControlPlane::ResponseEnd(end, error) => {
                    took = Some(begun.elapsed());
                    let error = (end.error_type, String::from_utf8_lossy(&error));
                    ensure!(error.0.is_none(), "the function failed: {error:?}");
                }
                ToControlPlane::Failed(failed, payload) => {
                    bail!("the function failed: {failed:?}: {}", String::from_utf8_lossy(&payload))
                }
                ToControlPlane::Log(log, lines) if log.source == LogSource::Function => logged += lines.len(),
                ToControlPlane::Done(_) => {
                    let took = took.context("the init is done without an answer")?;
                    return Ok(Answer { took, body: chunks.concat(), logged });
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, message: &ToAgent) -> io::Result<()> {
        self.stream.write_all(&whole(message))
    }

    fn receive(&mut self) -> Result<ToControlPlane> {
        loop {
            if let Some(message) = ToControlPlane::decode(&self.decoder, &mut self.buffer)? {
                return Ok(message);
            }
            let read = self.stream.read(&mut self.room).context("hear from the init")?;
            ensure!(read > 0, "the init closed the connection");
            self.buffer.extend_from_slice(&self.room[..read]);
        }
    }
}

/// A message as one piece of memory.
fn whole(message: &ToAgent) -> Vec<u8> {
    let Encoded { head, body } = message.encode();
    [head, body].concat()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use lambdock_protocol::{Done, Hello, Log, Mode, Purpose, ResponseEnd, ResponseStart};

    use super::*;

    /// An init at the other end of a real connection.
    struct Agent {
        stream: TcpStream,
        buffer: BytesMut,
    }

    impl Agent {
        fn dial(address: SocketAddr) -> Self {
            Self { stream: TcpStream::connect(address).unwrap(), buffer: BytesMut::new() }
        }

        fn say(&mut self, message: &ToControlPlane) {
            let Encoded { head, body } = message.encode();
            self.stream.write_all(&[head, body].concat()).unwrap();
        }

        fn hear(&mut self) -> ToAgent {
            loop {
                if let Some(message) = ToAgent::decode(&Decoder::default(), &mut self.buffer).unwrap() {
                    return message;
                }
                let mut room = [0; 1024];
                let read = self.stream.read(&mut room).unwrap();
                assert!(read > 0, "the connection is closed");
                self.buffer.extend_from_slice(&room[..read]);
            }
        }

        fn greet(&mut self, versions: &[u16]) {
            self.say(&ToControlPlane::Hello(Hello {
                versions: versions.to_vec(),
                environment: "e".to_owned(),
                secret: "s".to_owned(),
                purpose: Purpose::Environment,
                agent: "0".to_owned(),
            }));
        }
    }

    #[test]
    fn an_init_is_assigned_and_what_it_answers_is_put_together() {
        let uplink = Uplink::beside("127.0.0.1").unwrap();
        let address = uplink.address();
        let agent = thread::spawn(move || {
            let mut agent = Agent::dial(address);
            agent.greet(&[VERSION]);
            assert!(matches!(agent.hear(), ToAgent::Welcome { version: VERSION }));
            assert!(matches!(agent.hear(), ToAgent::Assign(assigned) if assigned.function_name == "f"));
            let (status, duration_us) = (Status::Success, 1);
            let initialized = Initialized { status, duration_us, error_type: None };
            agent.say(&ToControlPlane::Initialized(initialized, Bytes::new()));
            let ToAgent::Invoke(Invoke { request_id, .. }, event) = agent.hear() else {
                panic!("no invocation")
            };
            let log = Log { source: LogSource::Function, time_ms: 0, request_id: None, whole: false };
            agent.say(&ToControlPlane::Log(log, Bytes::from_static(b"line\n")));
            agent.say(&ToControlPlane::ResponseStart(ResponseStart {
                request_id: request_id.clone(),
                content_type: None,
                mode: Mode::Buffered,
                length: None,
            }));
            agent.say(&ToControlPlane::ResponseChunk(event.slice(..3)));
            agent.say(&ToControlPlane::ResponseChunk(event.slice(3..)));
            let end = ResponseEnd { request_id: request_id.clone(), error_type: None };
            agent.say(&ToControlPlane::ResponseEnd(end, Bytes::new()));
            agent.say(&ToControlPlane::Done(Done {
                request_id,
                status,
                duration_us,
                billed_ms: 1,
                init_us: None,
                max_memory_bytes: None,
                extensions_us: None,
            }));
        });
        let mut link =
            uplink.admit(Assignment { function_name: "f".to_owned(), ..Assignment::default() }).unwrap();
        link.initialized().unwrap();
        let answer = link.invoke(b"\"event\"").unwrap();
        assert_eq!((answer.body.as_slice(), answer.logged), (&b"\"event\""[..], 5));
        agent.join().unwrap();
        assert!(link.invoke(b"{}").is_err(), "nobody is there any more");
    }

    #[test]
    fn an_init_of_another_version_is_not_measured() {
        let uplink = Uplink::beside("127.0.0.1").unwrap();
        let mut agent = Agent::dial(uplink.address());
        agent.greet(&[VERSION + 1]);
        let refused = uplink.admit(Assignment::default()).unwrap_err();
        assert!(refused.to_string().contains("not version"), "{refused}");
    }
}
