//! The control plane's end of the uplink.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use lambdock_protocol::{
    Archive, Assignment, Decoder, Done, Encoded, Initialized, Invoke, Logging, ResponseEnd, RuntimeVersion,
    Status, ToAgent, ToControlPlane, VERSION,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::both::{Protocol, Scenario, Told};
use crate::sandbox::{PATIENCE, Sandbox, wait_until};
use crate::scripts::{EXTENSION, RUNTIME};

/// Payload limit of AWS, in bytes.
pub(crate) const PAYLOAD_LIMIT: u64 = 6 * 1024 * 1024 + 100;

/// A function to be: its code and what it is told.
pub(crate) struct Function {
    files: Vec<(String, u32, Vec<u8>)>,
    /// Files of the image.
    image: Vec<(String, u32, Vec<u8>)>,
    assignment: Assignment,
    variables: Vec<(OsString, OsString)>,
}

impl Function {
    /// No code at all.
    pub(crate) fn empty() -> Self {
        let assignment = Assignment {
            function_name: "f".into(),
            function_version: "$LATEST".into(),
            account_id: "000000000000".into(),
            region: "us-east-1".into(),
            memory_size_mb: 512,
            timeout_ms: 30_000,
            init_timeout_ms: Some(30_000),
            handler: "module.handler".into(),
            payload_limit: PAYLOAD_LIMIT,
            logging: Logging { group: "/aws/lambda/f".into(), stream: "stream".into(), ..Logging::default() },
            runtime_version: Some(RuntimeVersion { version: "python:3.x".into(), arn: "arn".into() }),
            ..Assignment::default()
        };
        Self { files: Vec::new(), image: Vec::new(), assignment, variables: Vec::new() }
    }

    /// A bootstrap that is a Python script, which has `runtime.py` imported.
    pub(crate) fn python(script: &str) -> Self {
        let bootstrap = format!("#!/usr/bin/python3 -uS\nfrom runtime import *\n{script}");
        Self::empty().file("bootstrap", 0o755, bootstrap).file("runtime.py", 0o644, RUNTIME)
    }

    /// A bootstrap that is a shell script.
    pub(crate) fn shell(script: &str) -> Self {
        Self::empty().file("bootstrap", 0o755, format!("#!/bin/sh\n{script}"))
    }

    /// With another file in its archive.
    pub(crate) fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), mode, content.into()));
        self
    }

    /// With another file in its image.
    pub(crate) fn at(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.image.push((path.to_owned(), mode, content.into()));
        self
    }

    /// With an extension that is a Python script, which has `runtime.py` and `extension.py` imported.
    pub(crate) fn extension(self, name: &str, script: &str) -> Self {
        let text = format!(
            "#!/usr/bin/python3 -uS\nimport sys\nsys.path.append('/opt/library')\nfrom runtime import *\n{EXTENSION}\n{script}"
        );
        self.at(&format!("/opt/extensions/{name}"), 0o755, text).at("/opt/library/runtime.py", 0o644, RUNTIME)
    }

    /// With another assignment.
    pub(crate) fn assigned(mut self, change: impl FnOnce(&mut Assignment)) -> Self {
        change(&mut self.assignment);
        self
    }

    /// With a variable of the container.
    pub(crate) fn variable(self, name: &str, value: &str) -> Self {
        self.raw_variable(name, OsStr::new(value))
    }

    /// The same, for what is no text.
    pub(crate) fn raw_variable(mut self, name: &str, value: &OsStr) -> Self {
        self.variables.push((name.into(), value.to_owned()));
        self
    }

    fn archive(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (path, mode, content) in &self.files {
            zip.start_file(path, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

/// An environment, and the control plane's connection to it.
pub(crate) struct Environment {
    /// Where it runs.
    pub(crate) sandbox: Sandbox,
    stream: TcpStream,
    buffer: BytesMut,
    invocations: u64,
}

/// An invocation from its beginning to `Done`.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Pieces of the response.
    pub(crate) response: Vec<u8>,
    /// The response is complete.
    pub(crate) end: Option<(ResponseEnd, Bytes)>,
    /// There is none: the type of the error and its payload.
    pub(crate) failed: Option<(String, String)>,
    /// Its log, platform's lines included.
    pub(crate) log: Vec<u8>,
    /// Messages of several lines in it.
    pub(crate) messages: Vec<String>,
    /// What was written before it began.
    pub(crate) before: Vec<u8>,
    /// Its end.
    pub(crate) done: Option<Done>,
}

impl Outcome {
    /// The response of one that has succeeded.
    pub(crate) fn succeeded(self) -> Vec<u8> {
        assert_eq!(self.failed, None);
        assert!(self.end.as_ref().is_some_and(|(end, _)| end.error_type.is_none()), "{self:?}");
        assert_eq!(self.done().status, Status::Success);
        self.response
    }

    /// The type and the message of one that has failed.
    pub(crate) fn error(&self) -> (String, String) {
        let (error_type, payload) = self.failed.clone().unwrap();
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["errorType"], error_type);
        (error_type, payload["errorMessage"].as_str().unwrap().to_owned())
    }

    /// Its end.
    pub(crate) fn done(&self) -> &Done {
        self.done.as_ref().unwrap()
    }

    /// Its log as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.log.clone()).unwrap()
    }
}

/// Whether a receiver keeps log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    Kept,
    Dropped,
}

impl Environment {
    /// Starts an init, welcomes it, and makes it the function.
    pub(crate) fn of(function: Function) -> Self {
        let archive = function.archive();
        let mut environment = Self::greeted(function);
        let ToControlPlane::FetchArchive { digest } = environment.next() else {
            panic!("no code is fetched")
        };
        assert_eq!(digest, "code");
        for piece in archive.chunks(64 * 1024) {
            environment.send(&ToAgent::ArchiveChunk { bytes: Bytes::copy_from_slice(piece), last: false });
        }
        environment.send(&ToAgent::ArchiveChunk { bytes: Bytes::new(), last: true });
        environment
    }

    /// Starts an init, welcomes and assigns it; the next is that it asks for the code.
    pub(crate) fn greeted(function: Function) -> Self {
        let size = function.archive().len() as u64;
        let Function { mut assignment, variables, image, .. } = function;
        assignment.archives.push(Archive { digest: "code".into(), size, target: "/var/task".into() });
        let mut environment = Self::waiting(variables, &image);
        environment.send(&ToAgent::Assign(Box::new(assignment)));
        environment
    }

    /// The same, and it has initialized well.
    pub(crate) fn ready(function: Function) -> Self {
        let mut environment = Self::of(function);
        let (initialized, _) = environment.initialized();
        assert_eq!(initialized.status, Status::Success, "{initialized:?}");
        environment
    }

    /// Starts an init that has said who it is, and is not welcomed.
    pub(crate) fn dialling() -> (Sandbox, TcpStream) {
        let Self { sandbox, stream, .. } = Self::greeting(Vec::new(), &[]);
        (sandbox, stream)
    }

    fn waiting(variables: Vec<(OsString, OsString)>, image: &[(String, u32, Vec<u8>)]) -> Self {
        let mut environment = Self::greeting(variables, image);
        environment.send(&ToAgent::Welcome { version: VERSION });
        environment
    }

    /// Starts an init, which has said who it is and is not welcomed yet.
    pub(crate) fn greeting(variables: Vec<(OsString, OsString)>, image: &[(String, u32, Vec<u8>)]) -> Self {
        let (mut sandbox, listener) = Sandbox::with_files(image, &[], |listener| {
            let port = listener.local_addr().unwrap().port();
            let ours = [
                ("LAMBDOCK_UPLINK", format!("127.0.0.1:{port}")),
                ("LAMBDOCK_ENVIRONMENT_ID", "environment-1".to_owned()),
                ("LAMBDOCK_SECRET", "secret".to_owned()),
                ("LOCALSTACK_INIT_LOG_LEVEL", "info".to_owned()),
            ];
            ours.map(|(name, value)| (name.into(), value.into())).into_iter().chain(variables).collect()
        });
        listener.set_nonblocking(true).unwrap();
        let (stream, _) = wait_until("the init dials", || {
            assert_eq!(sandbox.ended(), None, "the init has ended");
            listener.accept().ok()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut environment = Self { sandbox, stream, buffer: BytesMut::new(), invocations: 0 };
        let ToControlPlane::Hello(hello) = environment.next() else { panic!("no greeting") };
        assert_eq!((hello.environment.as_str(), hello.secret.as_str()), ("environment-1", "secret"));
        assert_eq!(hello.versions, [VERSION]);
        environment
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &ToAgent) {
        let Encoded { head, body } = message.encode();
        self.stream.write_all(&head).unwrap();
        self.stream.write_all(&body).unwrap();
    }

    /// Goes away.
    pub(crate) fn hang_up(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// The next message; `None`: the init has closed the connection.
    pub(crate) fn receive(&mut self) -> Option<ToControlPlane> {
        loop {
            if let Some(message) = ToControlPlane::decode(&Decoder::default(), &mut self.buffer).unwrap() {
                return Some(message);
            }
            let mut piece = [0; 64 * 1024];
            let length = self.stream.read(&mut piece).expect("the init said nothing for too long");
            if length == 0 {
                return None;
            }
            self.buffer.extend_from_slice(&piece[..length]);
        }
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> ToControlPlane {
        self.receive().expect("the init has closed the connection")
    }

    /// The end of the init phase, the error's payload, and nothing but log lines before it.
    pub(crate) fn initialized(&mut self) -> (Initialized, String) {
        let (initialized, payload, _) = self.initialized_with_log();
        (initialized, payload)
    }

    /// The same, and these lines.
    pub(crate) fn initialized_with_log(&mut self) -> (Initialized, String, String) {
        let mut log = Vec::new();
        loop {
            match self.next() {
                ToControlPlane::Log(_, lines) => log.extend_from_slice(&lines),
                ToControlPlane::Initialized(initialized, payload) => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    return (initialized, text(&payload), text(&log));
                }
                other => panic!("{other:?} in the init phase"),
            }
        }
    }

    /// Begins an invocation; its request id.
    pub(crate) fn begin(&mut self, payload: &[u8]) -> String {
        self.begin_as(payload, |_| {})
    }

    /// The same with another head.
    pub(crate) fn begin_as(&mut self, payload: &[u8], change: impl FnOnce(&mut Invoke)) -> String {
        self.invocations += 1;
        let mut invoke = Invoke {
            request_id: format!("00000000-0000-4000-8000-{:012}", self.invocations),
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
            timeout_ms: 900_000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        change(&mut invoke);
        let request_id = invoke.request_id.clone();
        self.send(&ToAgent::Invoke(invoke, Bytes::copy_from_slice(payload)));
        request_id
    }

    /// The whole of an invocation that was begun. Checks the order of its messages.
    pub(crate) fn outcome(&mut self, request_id: &str) -> Outcome {
        self.outcome_with(request_id, Lines::Kept)
    }

    /// The same.
    pub(crate) fn outcome_with(&mut self, request_id: &str, lines: Lines) -> Outcome {
        let mut outcome = Outcome::default();
        let mut begun = false;
        loop {
            let told = outcome.end.is_some() || outcome.failed.is_some();
            match self.next() {
                ToControlPlane::Log(_, _) if lines == Lines::Dropped => {}
                ToControlPlane::Log(log, lines) => {
                    assert!(lines.ends_with(b"\n"), "lines are whole");
                    if log.whole {
                        outcome.messages.push(String::from_utf8(lines.to_vec()).unwrap());
                    }
                    match log.request_id {
                        Some(id) => {
                            assert_eq!(id, request_id);
                            outcome.log.extend_from_slice(&lines);
                        }
                        None => {
                            assert!(outcome.log.is_empty(), "{lines:?} belongs to nothing");
                            outcome.before.extend_from_slice(&lines);
                        }
                    }
                }
                ToControlPlane::ResponseStart(start) => {
                    assert!(!begun && !told, "{start:?}");
                    assert_eq!(start.request_id, request_id);
                    begun = true;
                }
                ToControlPlane::ResponseChunk(bytes) => {
                    assert!(begun && !told, "a chunk of no response");
                    outcome.response.extend_from_slice(&bytes);
                }
                ToControlPlane::ResponseEnd(end, error) => {
                    assert!(begun && !told, "{end:?}");
                    assert_eq!(end.request_id, request_id);
                    outcome.end = Some((end, error));
                }
                ToControlPlane::Failed(failed, payload) => {
                    assert!(!told, "{failed:?}");
                    assert_eq!(failed.request_id, request_id);
                    outcome.failed = Some((failed.error_type, String::from_utf8(payload.to_vec()).unwrap()));
                }
                ToControlPlane::Done(done) => {
                    assert!(told, "{done:?}");
                    assert_eq!(done.request_id, request_id);
                    outcome.done = Some(done);
                    return outcome;
                }
                other => panic!("{other:?} in an invocation"),
            }
        }
    }

    /// Runs an invocation.
    pub(crate) fn invoke(&mut self, payload: &[u8]) -> Outcome {
        let request_id = self.begin(payload);
        self.outcome(&request_id)
    }

    /// Runs an invocation; how long it took until its `Done`.
    pub(crate) fn timed(&mut self, payload: &[u8]) -> (Outcome, Duration) {
        let since = Instant::now();
        (self.invoke(payload), since.elapsed())
    }
}

impl Protocol for Environment {
    fn start(scenario: Scenario) -> Self {
        let Scenario { runtime, extensions, files, variables, timeout } = scenario;
        let function = Function::python(&runtime).assigned(|assignment| {
            assignment.timeout_ms = u64::try_from(timeout.as_millis()).unwrap();
            assignment
                .environment
                .extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        });
        let function =
            extensions.iter().fold(function, |function, (name, script)| function.extension(name, script));
        Self::of(
            files.into_iter().fold(function, |function, (path, mode, text)| function.at(&path, mode, text)),
        )
    }

    fn initialized(&mut self) -> Result<(), String> {
        let (initialized, payload) = Self::initialized(self);
        if initialized.status == Status::Success { Ok(()) } else { Err(payload) }
    }

    fn sandbox(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }

    fn begin(&mut self, payload: &str) -> String {
        Self::begin(self, payload.as_bytes())
    }

    fn outcome(&mut self, id: &str) -> Told {
        let outcome = Self::outcome(self, id);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let result = match outcome.failed {
            Some((_, payload)) => Err(payload),
            None => match outcome.end {
                Some((end, payload)) if end.error_type.is_some() => Err(text(payload.to_vec())),
                _ => Ok(text(outcome.response)),
            },
        };
        Told { id: id.to_owned(), result, log: text(outcome.log) }
    }
}
