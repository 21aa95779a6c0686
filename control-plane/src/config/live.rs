//! Settings that change while Lambdock runs, as LocalStack's `/_localstack/config` has it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tracing::info;

use super::shown::shown;
use super::{Config, Environment, VARIABLES};

/// What can be changed; everything else holds from one start to the next.
pub const ADJUSTABLE: &[&str] = &[
    "BUCKET_MARKER_LOCAL",
    "LAMBDA_DISABLE_AWS_ENDPOINT_URL",
    "LAMBDA_DOCKER_DNS",
    "LAMBDA_DOCKER_FLAGS",
    "LAMBDA_DOCKER_NETWORK",
    "LAMBDA_IGNORE_ARCHITECTURE",
    "LAMBDA_INIT_USER",
    "LAMBDA_KEEPALIVE_MS",
    "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED",
    "LAMBDA_LIMITS_CODE_SIZE_ZIPPED",
    "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS",
    "LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE",
    "LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES",
    "LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES",
    "LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY",
    "LAMBDA_LIMITS_TOTAL_CODE_SIZE",
    "LAMBDA_RETRY_BASE_DELAY",
    "LAMBDA_RETRY_BASE_DELAY_SECONDS",
    "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT",
    "LAMBDA_RUNTIME_VALIDATION",
    "LAMBDA_SYNCHRONOUS_CREATE",
    "LAMBDOCK_CODE_VOLUMES",
    "LAMBDOCK_EVENT_CONCURRENCY",
    "LAMBDOCK_RESERVED_VARIABLES",
    "LOCALSTACK_INIT_LOG_LEVEL",
];

/// Why a setting is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `ENABLE_CONFIG_UPDATES` is not set.
    #[error("settings can be changed only where ENABLE_CONFIG_UPDATES=1 is set")]
    Disabled,
    /// No setting has that name.
    #[error("Lambdock has no setting {0:?}")]
    Unknown(String),
    /// It can be set at a start only.
    #[error("{0} can be set only when Lambdock starts")]
    Fixed(String),
    /// The value cannot be used.
    #[error("{0}")]
    Value(String),
}

type Apply = Box<dyn Fn(&Config, &Config) -> Result<(), String> + Send + Sync>;

struct State {
    changed: BTreeMap<String, String>,
    config: Config,
}

/// The settings as they are now.
pub struct Live {
    environment: Environment,
    in_container: bool,
    apply: Apply,
    state: Mutex<State>,
}

impl Live {
    /// `config` has been read from `environment`. `apply` is given the settings as they were and as they are to be,
    /// and makes them effective, or says why it cannot.
    pub fn new(
        config: Config,
        in_container: bool,
        environment: Environment,
        apply: impl Fn(&Config, &Config) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            environment,
            in_container,
            apply: Box::new(apply),
            state: Mutex::new(State { changed: BTreeMap::new(), config }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All settings by their names, in JSON's types.
    pub fn shown(&self) -> Map<String, Value> {
        shown(&self.state().config)
    }

    /// Whether settings may be changed.
    pub fn is_open(&self) -> bool {
        self.state().config.config_updates
    }

    /// Whether everything may be told about this process.
    pub fn is_debugging(&self) -> bool {
        self.state().config.debug
    }

    /// Changes one setting, and gives its value. Null changes nothing. (LocalStack)
    ///
    /// # Errors
    /// It stays as it is.
    pub fn change(&self, variable: &str, value: &Value) -> Result<Value, Refusal> {
        let mut state = self.state();
        if !state.config.config_updates {
            return Err(Refusal::Disabled);
        }
        let Some(variable) = VARIABLES.iter().find(|known| known.name == variable) else {
            return Err(Refusal::Unknown(variable.to_owned()));
        };
        let name = variable.name;
        if !value.is_null() {
            if !ADJUSTABLE.contains(&name) {
                return Err(Refusal::Fixed(name.to_owned()));
            }
            let text = text(value).ok_or_else(|| Refusal::Value(format!("{name} has no such values")))?;
            let mut changed = state.changed.clone();
            changed.insert(name.to_owned(), text);
            let config = self.read(&changed)?;
            (self.apply)(&state.config, &config).map_err(Refusal::Value)?;
            info!(variable = name, %value, "a setting is changed");
            *state = State { changed, config };
        }
        Ok(shown(&state.config).remove(name).unwrap_or_default())
    }

    fn read(&self, changed: &BTreeMap<String, String>) -> Result<Config, Refusal> {
        let mut environment = self.environment.clone();
        for (name, value) in changed {
            // Whichever of its names is looked at first.
            environment
                .extend([name.clone(), format!("LOCALSTACK_{name}")].map(|name| (name, value.clone())));
        }
        Config::read(&environment, self.in_container).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Refusal::Value(faults.join("; "))
        })
    }
}

/// A value as a variable of the environment would have it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(truth) => Some(u8::from(*truth).to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            // Clients with one kind of numbers send whole ones as 5.0.
            Some(number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn live(open: bool) -> (Live, Arc<Mutex<Vec<u128>>>) {
        let open = if open { "1" } else { "" };
        let environment =
            Environment::from([("ENABLE_CONFIG_UPDATES", open), ("LOCALSTACK_LAMBDA_KEEPALIVE_MS", "7")]);
        let applied = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&applied);
        let config = Config::read(&environment, false).unwrap();
        let live = Live::new(config, false, environment, move |_, config| {
            if config.docker_flags == "bad" {
                return Err("no such flag".to_owned());
            }
            seen.lock().unwrap().push(config.keep_alive.as_millis());
            Ok(())
        });
        (live, applied)
    }

    #[test]
    fn a_change_is_effective_and_told() {
        let (live, applied) = live(true);
        assert_eq!(live.change("LAMBDA_KEEPALIVE_MS", &json!(5.0)), Ok(json!(5)));
        assert_eq!(live.change("LAMBDA_SYNCHRONOUS_CREATE", &json!(true)), Ok(json!(true)));
        assert_eq!(live.change("LAMBDA_KEEPALIVE_MS", &Value::Null), Ok(json!(5)));
        assert_eq!(*applied.lock().unwrap(), [5, 5]);
        assert_eq!(live.shown()["LAMBDA_KEEPALIVE_MS"], 5);
    }

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        let (live, applied) = live(true);
        for (variable, value) in [
            ("LAMBDA_KEEPALIVE_MS", json!("ten")),
            ("LAMBDA_KEEPALIVE_MS", json!([])),
            ("LAMBDA_DOCKER_FLAGS", json!("bad")),
            ("GATEWAY_LISTEN", json!("0.0.0.0")),
            ("FOO", json!("BAZ")),
        ] {
            assert!(live.change(variable, &value).is_err(), "{variable}");
        }
        assert_eq!((applied.lock().unwrap().len(), &live.shown()["LAMBDA_KEEPALIVE_MS"]), (0, &json!(7)));
    }

    #[test]
    fn nothing_is_changed_unless_that_is_allowed() {
        let (live, _) = live(false);
        assert_eq!(live.change("LAMBDA_KEEPALIVE_MS", &json!(5)), Err(Refusal::Disabled));
    }

    #[test]
    fn what_can_be_changed_is_in_the_table() {
        assert!(ADJUSTABLE.iter().all(|name| VARIABLES.iter().any(|variable| variable.name == *name)));
    }
}
