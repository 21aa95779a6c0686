//! What becomes of events after an attempt, and of those who are to hear of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use lambdock_domain::event_invoke::EventInvokeConfig;
use lambdock_domain::{FunctionId, FunctionReference, Qualifier, Scope, Timestamp, VersionName};
use tracing::{debug, info, warn};

use super::attempt::{Attempt, attempt};
use super::delivery::{self, Failure};
use super::journal::Change;
use super::queue::Number;
use super::record::{self, Outcome, Response};
use super::schedule::{self, Condition, Failed, Limits, Next};
use super::work::{Delivery, Event, Item, Message, Result as Ended, Work};
use super::{Place, Shared, count};
use crate::ambient::{new_id, now};
use crate::invoke::{self, LATEST, trace};
use crate::metrics::Metric;
use crate::store::{self, Resources};

/// Settings of what was invoked, as they are when they are needed.
struct Chosen {
    limits: Limits,
    on_success: Option<String>,
    on_failure: Option<String>,
    dead_letter: Option<String>,
}

/// How an attempt without success ended.
struct Ending<'a> {
    condition: Condition,
    version: &'a str,
    /// The function's error.
    response: Option<&'a [u8]>,
    code: u16,
    reason: &'a str,
}

/// The least that `MaximumEventAgeInSeconds` can be. [AWS: PutFunctionEventInvokeConfig]
const LEAST_AGE_MS: i64 = 60_000;

impl Shared {
    /// Runs a function for an event, once.
    pub(super) async fn run(&self, place: Place<'_>, number: Number, event: Event, payload: Bytes) {
        if now().0.saturating_sub(event.accepted.0) >= LEAST_AGE_MS && self.is_too_old(&event).await {
            let ending = Ending {
                condition: Condition::EventAgeExceeded,
                version: event.qualifier.as_deref().unwrap_or(LATEST),
                response: None,
                code: 429,
                reason: "Rate Exceeded.",
            };
            return self.give_up(&place, number, &event, &payload, ending).await;
        }
        // AWS has it from the event's arrival until the function runs.
        let age = Duration::from_millis(now().0.abs_diff(event.accepted.0));
        let attempted = attempt(&self.invoker, &self.executions, &event, payload.clone()).await;
        if let Attempt::Answered { .. } = &attempted {
            self.tally(&event.function, Metric::AsyncEventAge, age.as_secs_f64() * 1000.0);
        }
        match attempted {
            Attempt::Interrupted => {}
            Attempt::Gone => {
                let dropped = count(&self.counters.dropped);
                self.tally(&event.function, Metric::AsyncEventsDropped, 1.0);
                info!(dropped, "an event is dropped: what it was for is gone");
                self.settle(&place, number, vec![Change::Remove(number)]).await;
            }
            Attempt::Answered { version, answer } if answer.outcome == invoke::Outcome::Success => {
                self.succeed(&place, number, &event, &payload, &version, &answer.payload).await;
            }
            Attempt::Answered { version, answer } => {
                let reason = record::error_message(&answer.payload);
                debug!(reason, "an event has failed");
                let condition = match self.after(Failed::Function, &event, &version).await {
                    Ok(condition) => condition,
                    Err((event, due)) => {
                        return self.postpone(&place, number, due, Work::Event(*event)).await;
                    }
                };
                let response = Some(&answer.payload[..]);
                let ending = Ending { condition, version: &version, response, code: 200, reason: &reason };
                self.give_up(&place, number, &event, &payload, ending).await;
            }
            // What ends with the process was not tried.
            Attempt::Refused { .. } if self.closing.is_cancelled() => {}
            Attempt::Refused { failed, code, reason } => {
                let place = if failed == Failed::Throttled {
                    let item = Item { work: Work::Event(event.clone()), body: payload.clone() };
                    match place.give_back(number, item) {
                        Ok(()) => return,
                        Err(place) => place,
                    }
                } else {
                    place
                };
                let version = event.qualifier.as_deref().unwrap_or(LATEST);
                let condition = match self.after(failed, &event, version).await {
                    Ok(condition) => condition,
                    Err((event, due)) => {
                        if failed == Failed::System && self.may_warn() {
                            warn!(reason, "an event could not be run; it is tried again");
                        }
                        return self.postpone(&place, number, due, Work::Event(*event)).await;
                    }
                };
                let ending = Ending { condition, version, response: None, code, reason: &reason };
                self.give_up(&place, number, &event, &payload, ending).await;
            }
        }
    }

    async fn is_too_old(&self, event: &Event) -> bool {
        let version = event.qualifier.as_deref().unwrap_or(LATEST);
        let chosen = self.chosen(event, version).await;
        chosen.is_ok_and(|chosen| schedule::is_too_old(event, chosen.limits, now()))
    }

    /// Why an event is given up after an attempt.
    ///
    /// # Errors
    /// It is not, but tried again, as this, then.
    async fn after(
        &self,
        failed: Failed,
        event: &Event,
        version: &str,
    ) -> Result<Condition, (Box<Event>, Timestamp)> {
        // Without its settings it is tried again as AWS does without any.
        let limits =
            self.chosen(event, version).await.map_or_else(|_| Limits::of(None), |chosen| chosen.limits);
        match schedule::after(failed, event, limits, self.settings.get().retry_base, now()) {
            Next::GivenUp(condition) => Ok(condition),
            Next::Again { event, due } => Err((event, due)),
        }
    }

    async fn succeed(
        &self,
        place: &Place<'_>,
        number: Number,
        event: &Event,
        payload: &[u8],
        version: &str,
        answer: &[u8],
    ) {
        let Ok(chosen) = self.chosen(event, version).await else { return self.try_later(place, number) };
        let mut changes = vec![Change::Remove(number)];
        if let Some(target) = chosen.on_success {
            let response = Some(Response { version, payload: answer, failed: false });
            changes.push(self.record(event, payload, Condition::Success, version, response, target));
        }
        self.settle(place, number, changes).await;
    }

    async fn give_up(
        &self,
        place: &Place<'_>,
        number: Number,
        event: &Event,
        payload: &Bytes,
        ending: Ending<'_>,
    ) {
        let Ending { condition, version, response, code, reason } = ending;
        let Ok(chosen) = self.chosen(event, version).await else { return self.try_later(place, number) };
        let dropped = count(&self.counters.dropped);
        self.tally(&event.function, Metric::AsyncEventsDropped, 1.0);
        if condition == Condition::RecursiveInvocation {
            count(&self.counters.recursive);
            self.tally(&event.function, Metric::RecursiveInvocationsDropped, 1.0);
        }
        info!(condition = condition.as_str(), reason, dropped, "an event is given up");
        let mut changes = vec![Change::Remove(number)];
        if let Some(target) = chosen.on_failure {
            let response = response.map(|payload| Response { version, payload, failed: true });
            changes.push(self.record(event, payload, condition, version, response, target));
        }
        if let Some(target) = chosen.dead_letter {
            let message = Message::DeadLetter {
                request_id: event.request_id.clone(),
                error_code: code,
                error_message: record::error_message(reason.as_bytes()),
            };
            changes.push(self.delivery(event, target, message, payload.clone()));
        }
        self.settle(place, number, changes).await;
    }

    /// The record of an event's end, on its way to a destination.
    fn record(
        &self,
        event: &Event,
        payload: &[u8],
        condition: Condition,
        version: &str,
        response: Option<Response<'_>>,
        target: String,
    ) -> Change {
        let function_arn = event.function.qualified_arn(version);
        let now = now();
        let outcome = Outcome { event, payload, condition, function_arn: &function_arn, response, now };
        let body = record::record(outcome, delivery::limit(&target));
        if let Some(next) = function(&target) {
            let (function, qualifier) = next;
            let trace = trace::enter(&event.trace, &event.function).header;
            let (failures, refusals) = (0, 0);
            let event =
                Event { request_id: new_id(), function, qualifier, trace, accepted: now, failures, refusals };
            self.tally(&event.function, Metric::AsyncEventsReceived, 1.0);
            let item = Item { work: Work::Event(event), body };
            self.counters.received.fetch_add(1, Ordering::Relaxed);
            return Change::Add { number: self.journal.number(), due: now, item };
        }
        let result = if condition == Condition::Success { Ended::Success } else { Ended::Failure };
        self.delivery(event, target, Message::Record { result, function_arn, time: now }, body)
    }

    fn delivery(&self, event: &Event, target: String, message: Message, body: Bytes) -> Change {
        let function = event.function.clone();
        let trace = trace::enter(&event.trace, &event.function).header;
        let work = Work::Delivery(Delivery { target, function, trace, message, failures: 0 });
        Change::Add { number: self.journal.number(), due: now(), item: Item { work, body } }
    }

    /// What is set for the qualifier that was invoked, and for the version that ran.
    async fn chosen(&self, event: &Event, version: &str) -> Result<Chosen, store::Error> {
        let (function, version) = (event.function.clone(), version.to_owned());
        let qualifier = event.qualifier.clone().unwrap_or_else(|| LATEST.to_owned());
        let read = move |resources: &Resources<'_>| {
            let config: Option<EventInvokeConfig> = resources.attached(&function, &qualifier)?;
            let limits = Limits::of(config.as_ref());
            let dead_letter = dead_letter(resources, &function, &version)?;
            let config = config.unwrap_or_default();
            Ok::<_, store::Error>(Chosen {
                limits,
                on_success: config.on_success,
                on_failure: config.on_failure,
                dead_letter,
            })
        };
        let chosen = self.store.transact(read).await;
        chosen.inspect_err(|error| tracing::error!(%error, "the settings of a function cannot be read"))
    }

    /// Tells a destination, once.
    pub(super) async fn tell(&self, place: &Place<'_>, number: Number, delivery: Delivery, body: Bytes) {
        let sent = tokio::select! {
            sent = delivery::send(&self.services, &delivery, &body) => sent,
            // It is told after the next start.
            () = self.closing.cancelled() => return,
        };
        let failures = delivery.failures + 1;
        let reason = match sent {
            Ok(()) => return self.settle(place, number, vec![Change::Remove(number)]).await,
            Err(Failure::Final(reason)) => reason,
            Err(Failure::Passing(reason)) => match schedule::delivery_due(failures, now()) {
                None => reason,
                Some(due) => {
                    if delivery.failures == 0 && self.may_warn() {
                        warn!(
                            target = delivery.target,
                            reason, "a destination was not told; it is tried again"
                        );
                    }
                    let delivery = Delivery { failures, ..delivery };
                    return self.postpone(place, number, due, Work::Delivery(delivery)).await;
                }
            },
        };
        let (counter, metric) = match delivery.message {
            Message::Record { .. } => {
                (&self.counters.destination_failures, Metric::DestinationDeliveryFailures)
            }
            Message::DeadLetter { .. } => (&self.counters.dead_letter_errors, Metric::DeadLetterErrors),
        };
        let lost = count(counter);
        self.tally(&delivery.function, metric, 1.0);
        let function = delivery.function.arn();
        warn!(target = delivery.target, function.arn = function, reason, lost, "a destination is not told");
        self.settle(place, number, vec![Change::Remove(number)]).await;
    }
}

/// The function that an ARN names, with its qualifier.
fn function(target: &str) -> Option<(FunctionId, Option<String>)> {
    if delivery::service(target) != "lambda" {
        return None;
    }
    let reference = FunctionReference::parse(target)?;
    let scope = Scope { account: reference.account?, region: reference.region? };
    Some((FunctionId { scope, name: reference.name }, reference.qualifier))
}

/// `DeadLetterConfig` of a version, or of what an alias leads to first of all.
fn dead_letter(
    resources: &Resources<'_>,
    function: &FunctionId,
    version: &str,
) -> Result<Option<String>, store::Error> {
    let view = resources.view(function);
    let configuration = match Qualifier::parse(version) {
        Qualifier::Number(number) => {
            view.version(VersionName::Number(number))?.map(|version| version.version.configuration)
        }
        Qualifier::LatestPublished => {
            view.version(VersionName::LatestPublished)?.map(|version| version.version.configuration)
        }
        Qualifier::Alias(name) => match view.alias(&name)? {
            Some(alias) => return dead_letter(resources, function, &alias.target.to_string()),
            None => None,
        },
        Qualifier::Latest | Qualifier::Nothing(_) => {
            view.function()?.map(|function| function.latest.configuration)
        }
    };
    Ok(configuration.and_then(|configuration| configuration.dead_letter_target))
}
