//! Pure: the extensions of an environment and where each is in its protocol.
//!
//! [AWS: Lambda Extensions API; runtime interface emulator, whose state names and texts these are]

use super::CallId;
use crate::telemetry::schema::Extension as Standing;

/// Extensions that an environment can have, internal ones included. [AWS: quotas]
pub(super) const LIMIT: usize = 10;

/// What an extension is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// `INVOKE`: every invocation.
    Invoke,
    /// `SHUTDOWN`: the environment's end.
    Shutdown,
}

impl Wanted {
    /// Its name on the wire.
    fn name(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// Who runs an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A process of its own, which the init started.
    External,
    /// A thread of the runtime.
    Internal,
}

/// Where an extension is in the protocol. The names are part of error messages and log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Registered,
    /// Waits for an event.
    Ready,
    /// Has an event.
    Running,
    InitError,
    ExitError,
    LaunchError,
    Exited,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::LaunchError => "LaunchError",
            Self::Exited => "Exited",
        }
    }
}

#[derive(Debug)]
struct Extension {
    name: String,
    kind: Kind,
    state: State,
    /// Its identifier, from its registration on.
    id: Option<String>,
    wants: Vec<Wanted>,
    parked: Option<CallId>,
    /// What it said went wrong.
    error_type: Option<String>,
    /// The end is announced, and it wants to know, and has not heard of it.
    owed: bool,
}

/// Why a call is refused: `errorType` and `errorMessage` of a 403.
pub(super) type Refusal = (&'static str, String);

/// All extensions of an environment.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    all: Vec<Extension>,
    closed: bool,
}

const STATE_ERROR: &str = "Extension.InvalidExtensionState";

impl Extensions {
    /// Forgets those that there were; expects `names` to be started and to register.
    pub(super) fn launch(&mut self, names: &[String]) {
        self.all = names.iter().map(|name| Extension::new(name, Kind::External)).collect();
        self.closed = false;
    }

    /// All processes and registrations are gone, and until processes are started again there are no more.
    pub(super) fn forget(&mut self) {
        self.launch(&[]);
        self.close();
    }

    /// No more registrations.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Takes a registration; `id` becomes its identifier.
    pub(super) fn register(&mut self, name: &str, events: &[String], id: String) -> Result<(), Refusal> {
        let external = self.all.iter().position(|one| one.kind == Kind::External && one.name == name);
        let mut wants = Vec::new();
        for event in events {
            let wanted = match event.as_str() {
                "INVOKE" => Wanted::Invoke,
                "SHUTDOWN" if external.is_some() => Wanted::Shutdown,
                "SHUTDOWN" => {
                    let text = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension";
                    return Err(("Extension.InvalidEventType", text.to_owned()));
                }
                other => {
                    return Err(("Extension.InvalidEventType", format!("{other}: ErrorInvalidEventType")));
                }
            };
            if !wants.contains(&wanted) {
                wants.push(wanted);
            }
        }
        let index = match external {
            Some(index) => index,
            None if self.closed => {
                let text = "Extension registration closed already";
                return Err(("Extension.RegistrationClosed", text.to_owned()));
            }
            None if self.all.iter().any(|one| one.name == name) => {
                return Err((STATE_ERROR, "Extension with this name already registered".to_owned()));
            }
            None if self.all.len() >= LIMIT => {
                return Err(("Extension.TooManyExtensions", format!("Extension limit ({LIMIT}) reached")));
            }
            None => {
                self.all.push(Extension::new(name, Kind::Internal));
                self.all.len() - 1
            }
        };
        let extension = &mut self.all[index];
        if extension.state != State::Started {
            return Err(extension.illegal("Registered", name));
        }
        extension.state = State::Registered;
        extension.wants = wants;
        extension.id = Some(id);
        Ok(())
    }

    /// Takes a call for the next event, which waits. `true`: the end is announced already, so it is to be answered
    /// with that.
    pub(super) fn next(&mut self, call: CallId, id: &str) -> Result<bool, Refusal> {
        let extension = self.identified(id).ok_or_else(|| unknown(format!("Unknown extension {id}")))?;
        if !matches!(extension.state, State::Registered | State::Running) {
            return Err(extension.illegal("Ready", id));
        }
        extension.state = State::Ready;
        extension.parked = Some(call);
        // Once: whoever asks again has heard of it, and waits for its end.
        let late = std::mem::take(&mut extension.owed);
        if late {
            extension.parked = None;
            extension.state = State::Running;
        }
        Ok(late)
    }

    /// Takes what an extension says went wrong when it began.
    pub(super) fn init_error(&mut self, id: &str, error_type: String) -> Result<(), Refusal> {
        let extension = self.complaining(id)?;
        match extension.state {
            State::InitError => {}
            State::Registered => {
                extension.state = State::InitError;
                extension.error_type = Some(error_type);
            }
            _ => return Err(extension.illegal("InitError", id)),
        }
        Ok(())
    }

    /// Takes why an extension is about to end.
    pub(super) fn exit_error(&mut self, id: &str, error_type: String) -> Result<(), Refusal> {
        let extension = self.complaining(id)?;
        match extension.state {
            State::ExitError => {}
            State::Registered | State::Ready | State::Running => {
                extension.state = State::ExitError;
                extension.parked = None;
                extension.error_type = Some(error_type);
            }
            _ => return Err(extension.illegal("Exited", id)),
        }
        Ok(())
    }

    /// A process could not be started.
    pub(super) fn not_launched(&mut self, name: &str) {
        if let Some(extension) = self.external(name) {
            extension.state = State::LaunchError;
            extension.error_type = Some("Extension.LaunchError".to_owned());
        }
    }

    /// A process ended. Gives the type of the failure that this is outside of the environment's end.
    pub(super) fn exited(&mut self, name: &str) -> Option<&'static str> {
        let extension = self.external(name)?;
        let before = std::mem::replace(&mut extension.state, State::Exited);
        extension.parked = None;
        Some(match before {
            State::InitError => "Extension.InitError",
            State::ExitError => "Extension.ExitError",
            _ => "Extension.Crash",
        })
    }

    /// What it means that an extension without a process of its own has said it cannot go on: the type of the failure,
    /// and what it said. `None`: it has a process, whose end will tell.
    pub(super) fn failed_inside(&self, name: &str) -> Option<(&'static str, String)> {
        let extension = self.all.iter().find(|one| one.kind == Kind::Internal && one.name == name)?;
        let error_type = match extension.state {
            State::InitError => "Extension.InitError",
            _ => "Extension.ExitError",
        };
        Some((error_type, extension.error_type.clone().unwrap_or_default()))
    }

    /// Whether every process has registered.
    pub(super) fn all_registered(&self) -> bool {
        self.all.iter().all(|one| one.state != State::Started)
    }

    /// Whether all wait for an event.
    pub(super) fn all_ready(&self) -> bool {
        self.all.iter().all(|one| one.state == State::Ready)
    }

    /// The calls to answer with a new invocation.
    pub(super) fn invoke(&mut self) -> Vec<CallId> {
        let mut calls = Vec::new();
        for extension in self.all.iter_mut().filter(|one| one.wants.contains(&Wanted::Invoke)) {
            if extension.state == State::Ready {
                extension.state = State::Running;
                calls.extend(extension.parked.take());
            }
        }
        calls
    }

    /// Whether one still works on the invocation, or has said that it cannot go on.
    pub(super) fn any_busy(&self) -> bool {
        self.all.iter().any(|one| matches!(one.state, State::Running | State::ExitError))
    }

    /// Announces the end. Gives the calls to answer and the names of the processes that are to be killed at once, for
    /// they do not care.
    pub(super) fn announce_end(&mut self) -> (Vec<CallId>, Vec<String>) {
        let mut calls = Vec::new();
        let mut indifferent = Vec::new();
        for extension in self.all.iter_mut().filter(|one| one.lives()) {
            if !extension.wants.contains(&Wanted::Shutdown) {
                indifferent.push(extension.name.clone());
            } else if let Some(call) = extension.parked.take() {
                extension.state = State::Running;
                calls.push(call);
            } else {
                extension.owed = true;
            }
        }
        (calls, indifferent)
    }

    /// Whether a process of an extension is left.
    pub(super) fn any_alive(&self) -> bool {
        self.all.iter().any(Extension::lives)
    }

    /// Whether there is no extension of any kind.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether there is one with a process of its own.
    pub(super) fn any_external(&self) -> bool {
        self.all.iter().any(|one| one.kind == Kind::External)
    }

    /// How each stands.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let standing = |one: &Extension| {
            let mut events: Vec<Wanted> = one.wants.clone();
            events.sort_unstable();
            Standing {
                name: one.name.clone(),
                state: one.state.name().to_owned(),
                events: events.into_iter().map(|event| event.name().to_owned()).collect(),
                error_type: one.error_type.clone(),
            }
        };
        self.all.iter().map(standing).collect()
    }

    /// Name of the extension with this identifier.
    pub(super) fn name_of(&self, id: &str) -> Option<&str> {
        self.all.iter().find(|one| one.id.as_deref() == Some(id)).map(|one| one.name.as_str())
    }

    fn identified(&mut self, id: &str) -> Option<&mut Extension> {
        self.all.iter_mut().find(|one| one.id.as_deref() == Some(id))
    }

    fn complaining(&mut self, id: &str) -> Result<&mut Extension, Refusal> {
        self.identified(id).ok_or_else(|| unknown("Unknown Lambda-Extension-Identifier".to_owned()))
    }

    fn external(&mut self, name: &str) -> Option<&mut Extension> {
        self.all.iter_mut().find(|one| one.kind == Kind::External && one.name == name)
    }
}

impl Extension {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            state: State::Started,
            id: None,
            wants: Vec::new(),
            parked: None,
            error_type: None,
            owed: false,
        }
    }

    fn lives(&self) -> bool {
        self.kind == Kind::External && !matches!(self.state, State::Exited | State::LaunchError)
    }

    fn illegal(&self, target: &str, called: &str) -> Refusal {
        let current = self.state.name();
        let message = format!(
            "State transition from {current} to {target} failed for extension {called}. Error: State transition is not allowed"
        );
        (STATE_ERROR, message)
    }
}

fn unknown(message: String) -> Refusal {
    ("Extension.UnknownExtensionIdentifier", message)
}

#[cfg(test)]
mod tests;
