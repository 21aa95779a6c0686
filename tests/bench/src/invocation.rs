//! One invocation, made again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    http::{Address, Connection, Response},
    interruption,
};

/// Whom to ask, what to send, and the echo to expect.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// Where the endpoint listens.
    pub(crate) address: Address,
    /// The whole request.
    pub(crate) request: Vec<u8>,
    /// What the answer has to equal: the event, or nothing where it is accepted for later.
    pub(crate) event: Vec<u8>,
}

/// A client that keeps its connection.
pub(crate) struct Caller {
    invocation: Invocation,
    connection: Option<Connection>,
}

/// What an invocation brought, besides the event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// From the first byte sent to the last one received; connecting counts where the endpoint closed the connection.
    pub(crate) took: Duration,
    /// The end of the function's log, where it was asked for.
    pub(crate) log: String,
}

impl Caller {
    /// A client that has not connected yet.
    pub(crate) fn new(invocation: Invocation) -> Self {
        Self { invocation, connection: None }
    }

    /// Invokes once and waits for the answer.
    ///
    /// # Errors
    /// Where the answer is not the event.
    pub(crate) fn call(&mut self) -> Result<Answer> {
        let ((), answer) = self.exchange(verify)?;
        Ok(answer)
    }

    /// The same for a function that answers otherwise: how long it took, and what `read` made of the answer.
    pub(crate) fn ask<T>(&mut self, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<(Duration, T)> {
        let (read, answer) = self.exchange(|response, _| read(response.success("invoke")?))?;
        Ok((answer.took, read))
    }

    fn exchange<T>(&mut self, read: impl FnOnce(&Response<'_>, &[u8]) -> Result<T>) -> Result<(T, Answer)> {
        interruption::check()?;
        let Invocation { address, request, event } = &self.invocation;
        let begun = Instant::now();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(address).with_context(|| format!("connect to {address:?}"))?,
        };
        let response = connection.exchange(request).context("invoke")?;
        let took = begun.elapsed();
        let read = read(&response, event)?;
        let log =
            response.head.header("x-amz-log-result").map(|log| BASE64_STANDARD.decode(log)).transpose()?;
        if !response.closes() {
            self.connection = Some(connection);
        }
        let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
        Ok((read, Answer { took, log }))
    }

    /// Sends the invocation and does not wait.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let Invocation { address, request, .. } = &self.invocation;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(address).with_context(|| format!("connect to {address:?}"))?,
        };
        connection.send(request).context("invoke")?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Reads the answer to what [`Caller::begin`] sent.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let mut connection = self.connection.take().context("nothing was sent")?;
        let response = connection.receive().context("invoke")?;
        verify(&response, &self.invocation.event)?;
        if !response.closes() {
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// The connection, where there is one.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Invokes `times` times, without a look at how long it takes.
    pub(crate) fn warm_up(&mut self, times: usize) -> Result<()> {
        (0..times).try_for_each(|_| self.call().map(drop))
    }
}

fn verify(response: &Response<'_>, event: &[u8]) -> Result<()> {
    let body = response.success("invoke")?;
    let shown = || String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
    ensure!(response.head.header("x-amz-function-error").is_none(), "the function failed: {}", shown());
    ensure!(body.trim_ascii() == event, "the function did not answer with its event: {}", shown());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread::{self, JoinHandle},
    };

    use super::*;
    use crate::http;

    /// A server that gives each connection the answers listed for it; says how many connections came.
    fn serve(connections: Vec<Vec<&'static str>>) -> (Invocation, JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let event = b"\"event\"".to_vec();
        let request = http::request("POST", "/", &host, &[], &event);
        let length = request.len();
        let server = thread::spawn(move || {
            for answers in &connections {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    stream.read_exact(&mut vec![0; length]).unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
            connections.len()
        });
        (Invocation { address: Address::Tcp(host), request, event }, server)
    }

    const ECHO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\"event\"\n";
    const CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n\"event\"";

    #[test]
    fn the_connection_is_kept_until_the_endpoint_closes_it() {
        let (invocation, server) = serve(vec![vec![ECHO, ECHO, CLOSE], vec![ECHO]]);
        Caller::new(invocation).warm_up(4).unwrap();
        assert_eq!(server.join().unwrap(), 2);
    }

    #[test]
    fn the_end_of_the_log_comes_with_the_answer() {
        let logged = "HTTP/1.1 200 OK\r\nX-Amz-Log-Result: RU5ECg==\r\nContent-Length: 7\r\n\r\n\"event\"";
        let (invocation, server) = serve(vec![vec![logged]]);
        assert_eq!(Caller::new(invocation).call().unwrap().log, "END\n");
        server.join().unwrap();
    }

    #[test]
    fn only_the_event_itself_is_an_answer() {
        for (answer, complaint) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "did not answer with its event: {}"),
            ("HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno", "status 502: no"),
            ("HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\nContent-Length: 1\r\n\r\n1", "failed: 1"),
        ] {
            let (invocation, server) = serve(vec![vec![answer]]);
            let error = Caller::new(invocation).call().unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
            server.join().unwrap();
        }
    }
}
