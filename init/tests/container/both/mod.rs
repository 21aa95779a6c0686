//! What is the same whoever the control plane is: each scenario is played with Lambdock's protocol and with LocalStack's.

mod endurance;
mod extension_calls;
mod extension_ends;
mod processes;
mod runtime_calls;
mod shutdown;

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, wait_until};

/// Makes a test of each generic function, for either protocol.
macro_rules! under_both {
    ($($scenario:ident),* $(,)?) => {
        mod uplink {
            $(#[test] fn $scenario() { super::$scenario::<crate::uplink::control_plane::Environment>(); })*
        }
        mod localstack {
            $(#[test] fn $scenario() { super::$scenario::<crate::localstack::peer::Environment>(); })*
        }
    };
}
use under_both;

/// A runtime that answers each event with itself.
const ECHO: &str = "serve(lambda event: event.body)";

/// A function, as far as both control planes can have it.
pub(crate) struct Scenario {
    /// The bootstrap: a script that has the Runtime API.
    pub(crate) runtime: String,
    /// Names and scripts, which have the Extensions API besides.
    pub(crate) extensions: Vec<(String, String)>,
    /// Files of the image: absolute path, mode, content.
    pub(crate) files: Vec<(String, u32, Vec<u8>)>,
    /// Variables of the function.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The function's own, in whole seconds.
    pub(crate) timeout: Duration,
}

impl Scenario {
    fn of(runtime: &str) -> Self {
        Self {
            runtime: runtime.to_owned(),
            extensions: Vec::new(),
            files: Vec::new(),
            variables: Vec::new(),
            timeout: Duration::from_secs(30),
        }
    }

    fn extension(mut self, name: &str, script: &str) -> Self {
        self.extensions.push((name.to_owned(), script.to_owned()));
        self
    }

    fn file(mut self, path: &str, mode: u32, content: &str) -> Self {
        self.files.push((path.to_owned(), mode, content.into()));
        self
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Duration::from_secs(seconds);
        self
    }
}

/// What a control plane was told of an invocation.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its request id.
    pub(crate) id: String,
    /// The response, or the payload of the error.
    pub(crate) result: Result<String, String>,
    /// Its log.
    pub(crate) log: String,
}

impl Told {
    fn succeeded(self) -> String {
        self.result.unwrap()
    }

    /// Type and message of its error.
    fn error(&self) -> (String, String) {
        let error: Value = serde_json::from_str(self.result.as_ref().unwrap_err()).unwrap();
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("errorType"), text("errorMessage"))
    }
}

/// A control plane, and a container of its own.
pub(crate) trait Protocol: Sized {
    /// Starts a container.
    fn start(scenario: Scenario) -> Self;

    /// Waits for the end of the init phase; the payload of its error.
    fn initialized(&mut self) -> Result<(), String>;

    /// The container.
    fn sandbox(&mut self) -> &mut Sandbox;

    /// Invokes the function; the request id.
    fn begin(&mut self, payload: &str) -> String;

    /// What was told of that until it was over.
    fn outcome(&mut self, id: &str) -> Told;

    /// Starts a container that gets ready.
    fn ready(scenario: Scenario) -> Self {
        let mut environment = Self::start(scenario);
        environment.initialized().unwrap();
        environment
    }

    /// Invokes the function, and waits.
    fn invoke(&mut self, payload: &str) -> Told {
        let id = self.begin(payload);
        self.outcome(&id)
    }

    /// What processes have written, when a line of it begins so.
    fn written(&mut self, beginning: &str) -> String {
        wait_until("it is written", || {
            let text = String::from_utf8(self.sandbox().stdout()).unwrap();
            text.lines().any(|line| line.starts_with(beginning)).then_some(text)
        })
    }

    /// The rest of the first line that begins so, as JSON.
    fn noted(&mut self, beginning: &str) -> Value {
        let text = self.written(beginning);
        serde_json::from_str(text.lines().find_map(|line| line.strip_prefix(beginning)).unwrap()).unwrap()
    }
}
