//! The Telemetry API and its predecessor, the Logs API: what the platform, the function and the extensions tell,
//! delivered to extensions that subscribe to it.
//!
//! ```text
//! driver ── records ─┐                   ┌─ buffer (pure) ── delivery ─▶ extension, on the loopback
//! pumps ─── lines ───┴─▶ Telemetry (hub) ┼─ …
//! api ───── subscriptions ──▶            └─ …
//! ```
//!
//! Subscribing is possible in the init phase. What was told before is kept, within bounds, and told to each new
//! subscriber. [AWS: Lambda Telemetry API]

mod buffer;
mod delivery;
mod early;
pub(crate) mod measure;
pub mod schema;
mod subscriber;
pub mod subscription;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

use early::Early;
use schema::{Record, line_event};
use subscriber::Subscriber;
use subscription::{Api, Kind, Subscription};

/// Why an extension cannot subscribe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `errorType`.
    pub error_type: &'static str,
    /// `errorMessage`.
    pub message: String,
}

impl Refusal {
    /// The body of the answer.
    pub fn body(&self) -> String {
        json!({ "errorMessage": self.message, "errorType": self.error_type }).to_string()
    }

    fn invalid(api: Api, message: String) -> Self {
        let error_type = match api {
            Api::Telemetry => "ValidationError",
            Api::Logs => "Logs.ValidationError",
        };
        Self { status: 400, error_type, message }
    }

    /// What an extension is told where there are to be none. Taken for an answer that all is well. [AWS: runtime interface
    /// emulator]
    pub fn not_supported(api: Api) -> Self {
        let error_type = match api {
            Api::Telemetry => "Telemetry.NotSupported",
            Api::Logs => "Logs.NotSupported",
        };
        Self { status: 202, error_type, message: format!("{} is not supported", api.name()) }
    }

    fn closed(api: Api) -> Self {
        let error_type = match api {
            Api::Telemetry => "Telemetry.SubscriptionClosed",
            Api::Logs => "Logs.SubscriptionClosed",
        };
        Self { status: 403, error_type, message: format!("{} subscription is closed already", api.name()) }
    }
}

/// The hub: everything that is told goes in, subscribers get their share. Shared by `Rc`; never waits for a
/// subscriber.
#[derive(Debug)]
pub struct Telemetry {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    /// What was told before; `None`: it is too late to subscribe.
    early: Option<Early>,
    subscribers: Vec<Subscriber>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// A hub that can be subscribed to.
    pub fn new() -> Self {
        Self { state: RefCell::new(State { early: Some(Early::default()), subscribers: Vec::new() }) }
    }

    /// Whether lines of `kind` are of use to anybody.
    pub fn wants(&self, kind: Kind) -> bool {
        let state = self.state.borrow();
        state.early.is_some() || state.subscribers.iter().any(|subscriber| subscriber.wants(kind, None))
    }

    /// Tells what the platform has to tell; `time` as in its event.
    pub fn publish(&self, record: &Record, time: &str) {
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        if let Some(early) = &mut state.early {
            early.record(record, time);
        }
        for subscriber in &state.subscribers {
            subscriber.record(record, time, now);
        }
    }

    /// Tells of a line that a process wrote, without its newline. `extension` names the one that wrote it; `None`: the
    /// runtime or its children did. A line whose `object` is true is a JSON object and stays one.
    ///
    /// An extension does not get its own lines: one that writes whenever it gets something would never end.
    pub fn line(&self, extension: Option<&Rc<str>>, line: &[u8], object: bool, time: &str) {
        let mut state = self.state.borrow_mut();
        let kind = if extension.is_some() { Kind::Extension } else { Kind::Function };
        let from = extension.map(|name| &**name);
        let room = state.early.as_mut().is_some_and(|early| early.has_room(kind, line.len()));
        if !room && !state.subscribers.iter().any(|subscriber| subscriber.wants(kind, from)) {
            return;
        }
        let event = line_event(kind, time, line, object);
        let now = Instant::now();
        if room && let Some(early) = &mut state.early {
            early.line(kind, extension, &event);
        }
        for subscriber in state.subscribers.iter().filter(|subscriber| subscriber.wants(kind, from)) {
            subscriber.event(event.clone(), now);
        }
    }

    /// Subscribes the extension `name` with the body of its PUT. Returns the record of the new subscription, which is
    /// then to be published; `None`: it had subscribed before, and nothing changes. [AWS: subscriptions are idempotent]
    ///
    /// # Errors
    /// The answer to the extension: the init phase is over, the body is not valid, nobody listens at a TCP
    /// destination, or the extension uses the other API already.
    pub async fn subscribe(&self, api: Api, name: &str, body: &[u8]) -> Result<Option<Record>, Refusal> {
        if self.state.borrow().early.is_none() {
            return Err(Refusal::closed(api));
        }
        let subscription = Subscription::parse(api, body).map_err(|faults| Refusal::invalid(api, faults))?;
        if self.known(api, name)? {
            return Ok(None);
        }
        let record = schema::Subscription {
            name: name.to_owned(),
            state: "Subscribed",
            types: subscription.types.clone(),
        };
        let route = delivery::Route::open(subscription.destination.clone())
            .await
            .map_err(|error| Refusal::invalid(api, format!("nobody listens at the destination: {error}")))?;
        // Something may have happened while we connected.
        if self.known(api, name)? {
            return Ok(None);
        }
        let mut state = self.state.borrow_mut();
        let Some(early) = &state.early else { return Err(Refusal::closed(api)) };
        let subscriber = Subscriber::start(name, subscription, route);
        early.replay(&subscriber, Instant::now());
        state.subscribers.push(subscriber);
        Ok(Some(match api {
            Api::Telemetry => Record::TelemetrySubscription(record),
            Api::Logs => Record::LogsSubscription(record),
        }))
    }

    fn known(&self, api: Api, name: &str) -> Result<bool, Refusal> {
        let state = self.state.borrow();
        match state.subscribers.iter().find(|subscriber| subscriber.name() == name).map(Subscriber::api) {
            None => Ok(false),
            Some(used) if used == api => Ok(true),
            Some(used) => {
                Err(Refusal::invalid(api, format!("the extension has subscribed to the {}", used.name())))
            }
        }
    }

    /// The init phase is over: nobody can subscribe any more, and what was kept for later subscribers is forgotten.
    pub fn close(&self) {
        self.state.borrow_mut().early = None;
    }

    /// Lets nothing wait for its batch to fill. [AWS: logs are flushed if an input stream is closed]
    pub fn hurry(&self) {
        for subscriber in &self.state.borrow().subscribers {
            subscriber.hurry();
        }
    }

    /// Waits until everything that was told has arrived or was given up, `within` a time at most. Returns whether that
    /// was enough.
    pub async fn flush(&self, within: Duration) -> bool {
        self.hurry();
        let settled: Vec<_> = self.state.borrow().subscribers.iter().map(Subscriber::settled).collect();
        let all = async {
            for settled in settled {
                settled.await;
            }
        };
        timeout(within, all).await.is_ok()
    }

    /// Forgets all subscriptions, with what has not been delivered; subscribing is possible again.
    pub fn reset(&self) {
        let old = self.state.replace(State { early: Some(Early::default()), subscribers: Vec::new() });
        drop(old);
    }
}
