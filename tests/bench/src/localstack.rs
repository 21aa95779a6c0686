//! Lambdock's init in the place of LocalStack's own, with the benchmark as its LocalStack: it invokes the function at the
//! container's address, and is called back with the log and the result.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    engine::{Container, Running},
    fixture::{MEMORY_MIB, TIMEOUT_S},
    http::{Address, Connection, request},
    init::Setup,
    interruption,
    uplink::Answer,
};

/// Where the init is called.
const PORT: u16 = 9563;
/// Below it the init calls back.
const PREFIX: &str = "/_localstack_lambda/bench";

/// A started init, whose function waits for events; its container goes with it.
#[derive(Debug)]
pub(crate) struct DropIn {
    _container: Container,
    running: Running,
    /// The connection that the init keeps for its calls.
    calls: BufReader<TcpStream>,
    invocations: u64,
}

/// What the init has called us with.
struct Call {
    path: String,
    body: Vec<u8>,
}

impl DropIn {
    /// Creates and starts a container, and waits until the init says that it is ready.
    pub(crate) fn start(setup: &Setup) -> Result<Self> {
        let container = setup.create(&[
            format!("LOCALSTACK_RUNTIME_ENDPOINT=http://{}{PREFIX}", setup.address()),
            "LOCALSTACK_RUNTIME_ID=bench".to_owned(),
            "AWS_REGION=us-east-1".to_owned(),
            "AWS_LAMBDA_FUNCTION_VERSION=$LATEST".to_owned(),
            format!("AWS_LAMBDA_FUNCTION_MEMORY_SIZE={MEMORY_MIB}"),
            format!("AWS_LAMBDA_FUNCTION_TIMEOUT={TIMEOUT_S}"),
        ])?;
        setup.engine().start(container.id())?;
        let calls = BufReader::new(setup.dialled()?);
        let running = setup.engine().inspect(container.id())?;
        let mut init = Self { _container: container, running, calls, invocations: 0 };
        let call = init.take()?;
        let told = String::from_utf8_lossy(&call.body);
        ensure!(call.path == "/status/bench/ready", "the init does not get ready: {} {told}", call.path);
        Ok(init)
    }

    /// Invokes its function with an event, which has to be text.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Result<Answer> {
        interruption::check()?;
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.invocations);
        let body = json!({
            "invoke-id": id,
            "invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:bench",
            "payload": std::str::from_utf8(event).context("LocalStack's events are text")?,
            "trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
        });
        let host = format!("{}:{PORT}", self.running.ip);
        let request = request("POST", "/invoke", &host, &[], body.to_string().as_bytes());
        let begun = Instant::now();
        // LocalStack does not keep it either.
        let mut connection = Connection::open(&Address::Tcp(host)).context("connect to the init")?;
        connection.exchange(&request).context("invoke")?.success("invoke")?;
        let logs = self.take()?;
        ensure!(logs.path == format!("/invocations/{id}/logs"), "{} came first", logs.path);
        let result = self.take()?;
        let took = begun.elapsed();
        if result.path != format!("/invocations/{id}/response") {
            bail!("the function failed: {} {}", result.path, String::from_utf8_lossy(&result.body));
        }
        let logs: Value = serde_json::from_slice(&logs.body).context("the log is no JSON")?;
        let logged = logs["logs"].as_str().map_or(0, str::len);
        Ok(Answer { took, body: result.body, logged })
    }

    /// Process id of the init itself.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid
    }

    /// Takes the next call, as LocalStack does whatever it is.
    fn take(&mut self) -> Result<Call> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.calls.read_line(&mut line).context("hear from the init")? > 0, "the init is gone");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let path = lines.first().and_then(|line| line.split(' ').nth(1)?.strip_prefix(PREFIX));
        let path = path.with_context(|| format!("the init calls {lines:?}"))?.to_owned();
        let length = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.calls.read_exact(&mut body)?;
        self.calls.get_mut().write_all(b"HTTP/1.1 202 ACCEPTED\r\nContent-Length: 0\r\n\r\n")?;
        Ok(Call { path, body })
    }
}
