//! Pure: what the platform itself writes: payloads of failures, and log lines.

pub(crate) mod system_log;
mod text;

use serde_json::{Value, json};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an exit status.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// By a signal, because the container had no memory left.
    OutOfMemory,
}

impl Ended {
    /// What is said of an extension that ended so.
    pub(crate) fn of_extension(self) -> String {
        match self {
            Self::Code(0) => "exit code 0".to_owned(),
            Self::Code(code) => format!("exit status {code}"),
            Self::Signal(signal) => format!("signal: {}", signal_name(signal)),
            Self::OutOfMemory => "signal: killed".to_owned(),
        }
    }
}

/// A failure, for the caller and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Such as `Runtime.ExitError`.
    pub error_type: String,
    /// Payload for the caller.
    pub payload: Vec<u8>,
}

impl Failure {
    fn worded(error_type: &str, message: &str) -> Self {
        // AWS's order of members.
        let payload = format!(r#"{{"errorType":{},"errorMessage":{}}}"#, json!(error_type), json!(message));
        Self { error_type: error_type.to_owned(), payload: payload.into_bytes() }
    }

    /// A failure of the invocation `request_id`.
    pub(crate) fn of_request(error_type: &str, request_id: &str, message: &str) -> Self {
        Self::worded(error_type, &format!("RequestId: {request_id} Error: {message}"))
    }

    /// The runtime died.
    pub fn exit(request_id: &str, ended: Ended) -> Self {
        let (error_type, message) = match ended {
            Ended::Code(0) => ("Runtime.ExitError", "Runtime exited without providing a reason".to_owned()),
            Ended::Code(code) => {
                ("Runtime.ExitError", format!("Runtime exited with error: exit status {code}"))
            }
            Ended::Signal(signal) => {
                ("Runtime.ExitError", format!("Runtime exited with error: signal: {}", signal_name(signal)))
            }
            Ended::OutOfMemory => {
                ("Runtime.OutOfMemory", "Runtime exited with error: signal: killed".to_owned())
            }
        };
        Self::of_request(error_type, request_id, &message)
    }

    /// The time was up.
    pub fn timeout(request_id: &str, timeout_ms: u64) -> Self {
        Self::of_request("Sandbox.Timedout", request_id, &timed_out(timeout_ms))
    }

    /// What the log says of it, if it is the platform's to say: a process died, or cannot be started. `None`: the caller
    /// alone is told.
    pub(crate) fn fault(&self, request_id: &str) -> Option<String> {
        let told =
            ["Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Extension.Crash"];
        if !told.contains(&&*self.error_type) {
            return None;
        }
        let payload: Value = serde_json::from_slice(&self.payload).ok()?;
        let message = payload.get("errorMessage")?.as_str()?;
        // A runtime may call its own error anything.
        message.starts_with(&format!("RequestId: {request_id} Error: ")).then_some(())?;
        Some(format!("{message}\n{}\n", self.error_type))
    }

    /// The payload of an error of which nothing but the type is known.
    pub(crate) fn unexplained(error_type: &str) -> Vec<u8> {
        Self::worded(error_type, "").payload
    }

    /// The answer is larger than allowed.
    pub fn too_large(limit: u64) -> Self {
        let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
        // Recorded with the message first.
        let payload =
            format!(r#"{{"errorMessage":{},"errorType":"Function.ResponseSizeTooLarge"}}"#, json!(message));
        Self { error_type: "Function.ResponseSizeTooLarge".to_owned(), payload: payload.into_bytes() }
    }
}

/// What the log says of an invocation whose time was up at `time`.
pub(crate) fn timeout_fault(time: &str, request_id: &str, timeout_ms: u64) -> String {
    format!("{time} {request_id} {}\n\n", timed_out(timeout_ms))
}

fn timed_out(timeout_ms: u64) -> String {
    format!("Task timed out after {}.{:02} seconds", timeout_ms / 1000, timeout_ms % 1000 / 10)
}

/// A signal as Go prints it, which is how AWS's messages have it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// Duration and init in microseconds, billed in whole milliseconds, rounded up. [AWS: billed since August 2025]
pub(crate) fn billed_ms(duration_us: u64, init_us: Option<u64>) -> u64 {
    duration_us.saturating_add(init_us.unwrap_or(0)).div_ceil(1000)
}

/// Bytes of a MB, as Lambda counts.
pub(crate) const MB: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_processes_that_died_and_of_nothing_else() {
        let died = Failure::exit("r-1", Ended::Code(3));
        let fault = "RequestId: r-1 Error: Runtime exited with error: exit status 3\nRuntime.ExitError\n";
        assert_eq!(died.fault("r-1").as_deref(), Some(fault));
        let raised = Failure { error_type: "Function.MyError".into(), payload: b"{}".to_vec() };
        assert_eq!(raised.fault("r-1"), None);
        let pretending =
            Failure { error_type: "Runtime.ExitError".into(), payload: b"{\"errorMessage\":\"x\"}".to_vec() };
        assert_eq!(pretending.fault("r-1"), None);
    }

    #[test]
    fn limits_are_told_with_two_decimals_and_never_rounded_up() {
        for (limit_ms, told) in
            [(3000, "3.00"), (3999, "3.99"), (900_000, "900.00"), (1_200_250, "1200.25"), (7, "0.00")]
        {
            assert_eq!(timed_out(limit_ms), format!("Task timed out after {told} seconds"));
        }
    }

    #[test]
    fn billing_covers_the_init_and_rounds_up() {
        assert_eq!(billed_ms(1001, None), 2);
        assert_eq!(billed_ms(1000, Some(1)), 2);
        assert_eq!(billed_ms(0, None), 0);
    }
}
