//! LocalStack's side: it starts the container, is called back, and invokes.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both::{Protocol, Scenario, Told};
use crate::sandbox::{PATIENCE, Sandbox};
use crate::scripts;

/// `LOCALSTACK_RUNTIME_ID`.
pub(crate) const RUNTIME: &str = "0123456789abcdef0123456789abcdef";

/// Where LocalStack wants to be called back.
const PREFIX: &str = "/_localstack_lambda/the-executor";

/// Default payload limit of LocalStack, in bytes.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// What LocalStack sets, and `more`, which wins; an empty value unsets. `EDGE` in a value is `port`, LocalStack's.
pub(crate) fn variables(port: u16, more: &[(&str, String)]) -> Vec<(OsString, OsString)> {
    let ours = [
        ("LOCALSTACK_RUNTIME_ENDPOINT", format!("http://127.0.0.1:{port}{PREFIX}")),
        ("LOCALSTACK_RUNTIME_ID", RUNTIME.to_owned()),
        ("LOCALSTACK_INIT_LOG_LEVEL", "debug".to_owned()),
        ("LOCALSTACK_FUNCTION_ACCOUNT_ID", "111111111111".to_owned()),
        ("LOCALSTACK_CHMOD_PATHS", r#"[{"path":"/tmp","mode":"0700"}]"#.to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "f".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "30".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("2026/01/02/[$LATEST]{RUNTIME}")),
        ("AWS_ACCESS_KEY_ID", "LSIAQAAAAAAVNCBMPNSG".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_SESSION_TOKEN", "test".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("_HANDLER", "module.handler".to_owned()),
        ("LOCALSTACK_HOSTNAME", "127.0.0.1".to_owned()),
        ("EDGE_PORT", port.to_string()),
        ("HOSTNAME", "container".to_owned()),
        ("HOME", "/root".to_owned()),
        // Calls back to LocalStack do not go through it.
        ("HTTP_PROXY", "http://127.0.0.1:1".to_owned()),
        ("http_proxy", "http://127.0.0.1:1".to_owned()),
    ];
    let mut all: Vec<(&str, String)> = ours.into();
    all.retain(|(name, _)| !more.iter().any(|(known, _)| known == name));
    let edge = port.to_string();
    let more = more.iter().map(|(name, value)| (*name, value.replace("EDGE", &edge)));
    let set = all.into_iter().chain(more).filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| (name.into(), value.into())).collect()
}

/// A function: its files, as LocalStack copies them, and what is set besides.
#[derive(Default)]
pub(crate) struct Function {
    pub(crate) files: Vec<(String, u32, Vec<u8>)>,
    variables: Vec<(&'static str, String)>,
    arguments: Vec<&'static str>,
}

impl Function {
    /// A bootstrap that is a Python script, which has `runtime.py` imported.
    pub(crate) fn python(script: &str) -> Self {
        Self::default().python_at("/var/task/bootstrap", script)
    }

    /// Another file that is such a script.
    pub(crate) fn python_at(self, path: &str, script: &str) -> Self {
        let text = format!(
            "#!/usr/bin/python3 -uS\nimport sys\nsys.path.append('/var/task')\nfrom runtime import *\n{script}"
        );
        let function = self.file(path, 0o755, text);
        if function.files.iter().any(|(path, ..)| path == "/var/task/runtime.py") {
            return function;
        }
        function.file("/var/task/runtime.py", 0o644, scripts::RUNTIME)
    }

    /// With an extension that is such a script, which has the Extensions API besides.
    pub(crate) fn extension(self, name: &str, script: &str) -> Self {
        self.python_at(&format!("/opt/extensions/{name}"), &format!("{}\n{script}", scripts::EXTENSION))
    }

    /// A bootstrap that is a shell script.
    pub(crate) fn shell(script: &str) -> Self {
        Self::default().file("/var/task/bootstrap", 0o755, format!("#!/bin/sh\n{script}"))
    }

    /// With another file.
    pub(crate) fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), mode, content.into()));
        self
    }

    /// With another variable; an empty value unsets it.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// With a command line of the image's.
    pub(crate) fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }
}

/// How LocalStack answers a call.
#[derive(Debug)]
enum Answer {
    Bytes(Vec<u8>),
    HangUp,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub(crate) struct Call {
    /// The first line.
    pub(crate) line: String,
    /// The other lines of the head, in lower case, sorted.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
    answer: mpsc::Sender<Answer>,
}

impl Call {
    /// What is below LocalStack's prefix.
    pub(crate) fn path(&self) -> &str {
        let path = self.line.strip_prefix("POST ").and_then(|line| line.strip_suffix(" HTTP/1.1"));
        path.and_then(|path| path.strip_prefix(PREFIX)).unwrap_or_else(|| panic!("{}", self.line))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The text in the body of a call with logs.
    pub(crate) fn logs(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let members = body.as_object().unwrap();
        assert_eq!(members.len(), 1);
        members["logs"].as_str().unwrap().to_owned()
    }

    /// Answers as LocalStack does.
    pub(crate) fn accept(self) {
        self.answer("202 ACCEPTED", b"");
    }

    /// Answers otherwise.
    pub(crate) fn answer(self, status: &str, body: &[u8]) {
        let head = format!(
            "HTTP/1.1 {status}\r\nserver: TwistedWeb/24.3.0\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
             content-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.answer.send(Answer::Bytes([head.as_bytes(), body].concat())).unwrap();
    }

    /// Does not answer at all.
    pub(crate) fn hang_up(self) {
        self.answer.send(Answer::HangUp).unwrap();
    }
}

/// Takes calls on every connection.
fn serve(listener: TcpListener, calls: mpsc::Sender<Call>) {
    for (number, stream) in listener.incoming().enumerate() {
        let (Ok(stream), calls) = (stream, calls.clone()) else { return };
        std::thread::spawn(move || converse(&stream, number, &calls));
    }
}

/// `None`: the connection has ended.
fn converse(stream: &TcpStream, connection: usize, calls: &mpsc::Sender<Call>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (line, headers, body) = read_message(&mut reader)?;
        let (answer, answers) = mpsc::channel();
        calls.send(Call { line, headers, body, connection, answer }).ok()?;
        match answers.recv().ok()? {
            Answer::Bytes(bytes) => (&*stream).write_all(&bytes).ok()?,
            Answer::HangUp => return stream.shutdown(Shutdown::Both).ok(),
        }
    }
}

/// First line, headers and body.
fn read_message(reader: &mut impl BufRead) -> Option<(String, Vec<String>, Vec<u8>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.strip_suffix("\r\n").unwrap();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let first = lines.remove(0);
    let mut headers: Vec<String> = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
    headers.sort();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((first, headers, body))
}

/// A container, and LocalStack around it.
pub(crate) struct Environment {
    /// Where it runs.
    pub(crate) sandbox: Sandbox,
    calls: mpsc::Receiver<Call>,
    invocations: Cell<u64>,
}

/// What LocalStack was told of an invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `response` or `error`.
    pub(crate) word: String,
    /// The payload.
    pub(crate) payload: String,
    /// The log.
    pub(crate) logs: String,
}

impl Outcome {
    /// The payload of one that has succeeded.
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.word, "response", "{self:?}");
        self.payload
    }

    /// The payload of one that has failed.
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.word, "error", "{self:?}");
        self.payload
    }
}

impl Environment {
    /// Starts a container.
    pub(crate) fn start(function: &Function) -> Self {
        Self::start_where(function, |listener, calls| drop(std::thread::spawn(|| serve(listener, calls))))
    }

    /// Starts one; LocalStack is not there.
    pub(crate) fn abandoned(function: &Function) -> Self {
        Self::start_where(function, |listener, _| drop(listener))
    }

    fn start_where(function: &Function, serve: impl FnOnce(TcpListener, mpsc::Sender<Call>)) -> Self {
        let (sandbox, listener) = Sandbox::with_files(&function.files, &function.arguments, |listener| {
            variables(listener.local_addr().unwrap().port(), &function.variables)
        });
        let (sender, calls) = mpsc::channel();
        serve(listener, sender);
        Self { sandbox, calls, invocations: Cell::new(0) }
    }

    /// Starts a container that gets ready.
    pub(crate) fn ready(function: &Function) -> Self {
        let environment = Self::start(function);
        environment.gets_ready();
        environment
    }

    /// Waits until it is.
    pub(crate) fn gets_ready(&self) {
        let call = self.next();
        assert_eq!((call.path(), call.body.as_slice()), (&*format!("/status/{RUNTIME}/ready"), &b""[..]));
        call.accept();
    }

    /// Waits until it says that it is of no use, and why.
    pub(crate) fn is_of_no_use(&self) -> String {
        let call = self.next();
        assert_eq!(call.path(), format!("/status/{RUNTIME}/error"));
        let text = call.text();
        call.accept();
        text
    }

    /// The next call.
    pub(crate) fn next(&self) -> Call {
        self.calls.recv_timeout(PATIENCE).expect("there is another call")
    }

    /// A call within a short time.
    pub(crate) fn soon(&self, time: Duration) -> Option<Call> {
        self.calls.recv_timeout(time).ok()
    }

    /// Sends a request to the control port on a connection of its own, as LocalStack does; status and body of the
    /// answer.
    pub(crate) fn request(&self, head: &str, body: &[u8]) -> (String, String) {
        Self::request_on(&mut self.connection(), head, body)
    }

    /// A connection to the control port.
    pub(crate) fn connection(&self) -> BufReader<TcpStream> {
        let stream = self.sandbox.connect(9563);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }

    /// Sends a request on a connection that is there.
    pub(crate) fn request_on(reader: &mut BufReader<TcpStream>, head: &str, body: &[u8]) -> (String, String) {
        let head = format!("{head} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
        // One that is refused by its head need not be read.
        let sent = reader.get_mut().write_all(&[head.as_bytes(), body].concat());
        let Some((line, _, body)) = read_message(reader) else { panic!("no answer: {sent:?}") };
        (line.strip_prefix("HTTP/1.1 ").unwrap().to_owned(), String::from_utf8(body).unwrap())
    }

    /// Invokes the function as LocalStack does; the invocation's id.
    pub(crate) fn begin(&self, payload: &str) -> String {
        self.begin_with(payload, json!({}))
    }

    /// The same, with more members.
    pub(crate) fn begin_with(&self, payload: &str, more: Value) -> String {
        let number = self.invocations.get() + 1;
        self.invocations.set(number);
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let mut body = json!({
            "invoke-id": id,
            "invoked-function-arn": "arn:aws:lambda:eu-central-1:111111111111:function:f",
            "payload": payload,
            "trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        });
        let Value::Object(more) = more else { panic!("{more}") };
        body.as_object_mut().unwrap().extend(more);
        let answer = self.request("POST /invoke", body.to_string().as_bytes());
        assert_eq!(answer, ("200 OK".to_owned(), "OK".to_owned()));
        id
    }

    /// The outcome of one that was begun. Checks the order of the calls.
    pub(crate) fn outcome(&self, id: &str) -> Outcome {
        let call = self.next();
        assert_eq!(call.path(), format!("/invocations/{id}/logs"));
        let logs = call.logs();
        call.accept();
        let call = self.next();
        let word = call.path().strip_prefix(&format!("/invocations/{id}/")).unwrap().to_owned();
        let payload = call.text();
        call.accept();
        Outcome { word, payload, logs }
    }

    /// Invokes the function.
    pub(crate) fn invoke(&self, payload: &str) -> Outcome {
        let id = self.begin(payload);
        self.outcome(&id)
    }

    /// The same, and how long it took.
    pub(crate) fn timed(&self, payload: &str) -> (Outcome, Duration) {
        let since = Instant::now();
        (self.invoke(payload), since.elapsed())
    }
}

impl Protocol for Environment {
    fn start(scenario: Scenario) -> Self {
        let Scenario { runtime, extensions, files, variables, timeout } = scenario;
        let mut function = Function::python(&runtime);
        for (name, script) in &extensions {
            function = function.extension(name, script);
        }
        function.files.extend(files);
        function.variables.extend(variables);
        function.variables.push(("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout.as_secs().to_string()));
        Self::start(&function)
    }

    fn initialized(&mut self) -> Result<(), String> {
        let call = self.next();
        let word = call.path().strip_prefix(&format!("/status/{RUNTIME}/")).unwrap().to_owned();
        let text = call.text();
        call.accept();
        match word.as_str() {
            "ready" => Ok(()),
            "error" => Err(text),
            _ => panic!("a status {word}"),
        }
    }

    fn sandbox(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }

    fn begin(&mut self, payload: &str) -> String {
        Self::begin(self, payload)
    }

    fn outcome(&mut self, id: &str) -> Told {
        let Outcome { word, payload, logs } = Self::outcome(self, id);
        let result = match word.as_str() {
            "response" => Ok(payload),
            "error" => Err(payload),
            _ => panic!("a result {word}"),
        };
        Told { id: id.to_owned(), result, log: logs }
    }
}
