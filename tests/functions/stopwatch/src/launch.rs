//! Becomes another program, and leaves a note of when that was.

use std::{
    env,
    error::Error,
    net::TcpStream,
    os::unix::process::CommandExt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{clock, http, runtime};

/// Variable with the time of the exec, in nanoseconds of the clock.
pub const LAUNCHED: &str = "STOPWATCH_LAUNCHED_NS";

const INVOCATIONS: &str = "/2015-03-31/functions/function/invocations";
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_micros(100);

/// Becomes `program`; returns only where that fails.
pub fn launch(program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let error = Command::new(program).args(arguments).env(LAUNCHED, clock::now().to_string()).exec();
    Err(format!("cannot become {program}: {error}").into())
}

/// The same, while a process of its own invokes at `port`.
pub fn invoke_and_launch(port: &str, program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    // Nobody waits for it: it has ended long before the container does.
    drop(Command::new(env::current_exe()?).args(["invoke", port]).spawn()?);
    launch(program, arguments)
}

/// Asks a function of ours for its times as soon as somebody listens at `port`; prints the answer.
pub fn invoke(port: &str) -> Result<(), Box<dyn Error>> {
    let host = format!("127.0.0.1:{port}");
    let mut connection = http::Connection::over(connected(&host)?)?;
    let event = format!("{}\"", runtime::TIMES);
    let request = http::request("POST", INVOCATIONS, &host, event.as_bytes());
    let mut answer = Vec::new();
    connection.exchange(&request, &mut answer)?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn connected(host: &str) -> std::io::Result<TcpStream> {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(host) {
            Err(_) if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
            connected => return connected,
        }
    }
}
