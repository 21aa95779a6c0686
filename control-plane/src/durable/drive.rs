//! The task of one durable execution, and of each function that it invokes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lambdock_domain::durable::{Chained, ChainedEnd, ErrorObject, Execution, Input, Next, Output, Parent};
use lambdock_domain::{FunctionId, FunctionReference, Timestamp};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{Entry, Error, Shared, Start, envelope};
use crate::ambient::{new_id, now};
use crate::invoke::{self, LATEST, LogType, Outcome, Request};
use crate::pool;

/// Time until a function is tried again that has no execution left.
const AGAIN: Duration = Duration::from_secs(1);

/// What one look at an execution has found to do.
enum Step {
    Invoke(String, Input),
    Sleep(Option<Timestamp>),
    Ended,
}

/// Sees an execution through to its end. Boxed, for it may begin others.
pub(super) fn drive(shared: Arc<Shared>, entry: Arc<Entry>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let follow = follow(&shared, &entry);
        if shared.stopping.clone().run_until_cancelled(follow).await.is_some() {
            tell_parent(&shared, &entry).await;
        }
    })
}

async fn follow(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    loop {
        let (step, begun) = shared.look(entry).await;
        for (operation, chained) in begun {
            let chained = chain(Arc::clone(shared), Arc::clone(entry), operation, chained);
            shared.invocations.spawn(chained);
        }
        match step {
            Step::Invoke(request_id, input) => {
                let running = run(Arc::clone(shared), Arc::clone(entry), request_id, input);
                shared.invocations.spawn(running);
            }
            Step::Sleep(until) => {
                let sleeping = async {
                    match until {
                        Some(until) => sleep(left(until)).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = entry.changed.notified() => {}
                    () = sleeping => {}
                }
            }
            Step::Ended => return,
        }
    }
}

fn step(execution: &mut Execution) -> (Step, Vec<(String, Chained)>) {
    let now = now();
    let step = match execution.next(now) {
        Next::Invoke => {
            let request_id = new_id();
            let input = execution.begin(&request_id, now);
            Step::Invoke(request_id, input)
        }
        Next::Wait(until) => Step::Sleep(until),
        Next::Ended => Step::Ended,
    };
    (step, execution.dispatch())
}

/// Time until then; never quite none, so that a clock that is behind does not make us spin.
fn left(until: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(until.0 - now().0).unwrap_or_default().max(1))
}

impl Shared {
    /// What there is to do. Nothing is written where nothing has changed.
    async fn look(&self, entry: &Entry) -> (Step, Vec<(String, Chained)>) {
        let (found, written) = {
            let mut execution = entry.lock();
            let found = step(&mut execution);
            let changed = execution.has_unsaved() || matches!(found.0, Step::Invoke(..));
            if execution.head().end().is_some() {
                entry.ended.send_replace(true);
            }
            (found, changed.then(|| self.take(entry, &mut execution)).flatten())
        };
        if let Some(written) = written
            && let Err(error) = written.await.unwrap_or(Err(Error::Closed))
        {
            // It is written with the next change; what was found to do is done all the same.
            entry.lock().save_all();
            warn!(execution = entry.arn, %error, "a durable execution is not kept");
        }
        found
    }
}

/// Invokes the function once.
async fn run(shared: Arc<Shared>, entry: Arc<Entry>, request_id: String, input: Input) {
    let event = envelope::event(&entry.arn, &request_id, &input);
    let target = entry.look(|execution| {
        let head = execution.head();
        let (function, qualifier) = (head.function.clone(), head.version.clone());
        Invocation {
            function,
            qualifier,
            request_id,
            trace: head.trace.clone(),
            tenant: head.tenant.clone(),
            event,
        }
    });
    let output = match invoke(&shared, target).await {
        Invoked::Succeeded(answer) => envelope::output(&answer),
        Invoked::Failed(answer) => Output::Broken(envelope::function_error(&answer)),
        Invoked::Missing(error) => Output::Refused(error),
        Invoked::Throttled => Output::Throttled,
        Invoked::Broken(error) => Output::Broken(error),
        // It begins anew at the next start.
        Invoked::Closing => return,
    };
    if let Err(error) = shared.change(&entry, |execution| execution.finish(output, now())).await {
        warn!(execution = entry.arn, %error, "the end of an invocation is not kept");
    }
}

struct Invocation {
    function: FunctionId,
    qualifier: String,
    request_id: String,
    trace: Option<String>,
    tenant: Option<String>,
    event: Bytes,
}

enum Invoked {
    Succeeded(Bytes),
    Failed(Bytes),
    Missing(ErrorObject),
    Throttled,
    Broken(ErrorObject),
    Closing,
}

async fn invoke(shared: &Shared, target: Invocation) -> Invoked {
    let Invocation { function, qualifier, request_id, trace, tenant, event } = target;
    let arn = function.qualified_arn(&qualifier);
    let deployment = match shared.invoker.find(&function, Some(&qualifier)).await {
        Ok(deployment) => deployment,
        Err(invoke::Error::Missing) => return Invoked::Missing(missing(&arn)),
        Err(error) => return Invoked::Broken(ErrorObject::message(error.to_string())),
    };
    let Ok(permit) = shared.invoker.admit(&function, Some(&qualifier), &deployment) else {
        return Invoked::Throttled;
    };
    let request = Request {
        function,
        invoked_arn: arn,
        request_id,
        client_context: None,
        trace_id: trace,
        tenant_id: tenant,
        log_type: LogType::None,
    };
    match shared.invoker.invoke(&deployment, request, event, permit).await {
        Ok(answer) if answer.outcome == Outcome::Success => Invoked::Succeeded(answer.payload),
        Ok(answer) => Invoked::Failed(answer.payload),
        Err(invoke::Error::Pool(pool::Error::ShuttingDown)) => Invoked::Closing,
        Err(_) if shared.stopping.is_cancelled() => Invoked::Closing,
        Err(error) => Invoked::Broken(ErrorObject::message(error.to_string())),
    }
}

/// What is said of a function that is not there.
pub(crate) fn missing(arn: &str) -> ErrorObject {
    ErrorObject::typed("ResourceNotFoundException", format!("Function not found: {arn}"))
}

/// Sees to a function that an execution invokes.
async fn chain(shared: Arc<Shared>, entry: Arc<Entry>, operation: String, chained: Chained) {
    let chaining = chained_end(&shared, &entry, &operation, chained);
    let Some(Some(end)) = shared.stopping.clone().run_until_cancelled(chaining).await else { return };
    if let Err(error) =
        shared.change(&entry, |execution| execution.finish_chained(&operation, end, now())).await
    {
        warn!(execution = entry.arn, %error, "the end of a function that was invoked is not kept");
    }
}

/// How the other function ended; `None`: somebody else will say.
async fn chained_end(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    operation: &str,
    chained: Chained,
) -> Option<ChainedEnd> {
    if let Some(child) = chained.child {
        let child = shared.find(&child);
        let forgotten =
            || ChainedEnd::Failed(ErrorObject::message("The durable execution that was started is gone."));
        return child.map_or_else(|| Some(forgotten()), |child| child.look(Execution::chained_end));
    }
    let (caller, trace) =
        entry.look(|execution| (execution.head().function.clone(), execution.head().trace.clone()));
    let (function, qualifier) = target(&caller, &chained.function)?;
    let event = chained.payload.unwrap_or_else(|| "{}".to_owned());
    loop {
        let found = shared.invoker.find(&function, qualifier.as_deref()).await;
        if let Ok(deployment) = &found
            && let Some(config) = deployment.durable
        {
            if let Err(error) = deployment.tenancy.check(chained.tenant.as_deref()) {
                return Some(ChainedEnd::Failed(ErrorObject::typed(
                    "InvalidParameterValueException",
                    error.to_string(),
                )));
            }
            let start = Start {
                function,
                version: deployment.version.clone(),
                config,
                name: None,
                parent: Some(Parent { execution: entry.arn.clone(), operation: operation.to_owned() }),
                trace,
                tenant: chained.tenant,
                input: event,
            };
            return match shared.begin(start).await {
                Ok(begun) => {
                    let child = begun.entry();
                    let linked =
                        shared.change(entry, |execution| execution.has_child(operation, &child.arn)).await;
                    if let Err(error) = linked {
                        debug!(%error, "it is written with the next change");
                    }
                    // It may have ended before it was linked, when nobody was there to be told.
                    child.look(Execution::chained_end)
                }
                Err(error) => Some(ChainedEnd::Failed(ErrorObject::message(error.to_string()))),
            };
        }
        // Without a qualifier, the version that was chosen for it.
        let version = found.map_or_else(|_| LATEST.to_owned(), |deployment| deployment.version.clone());
        let invocation = Invocation {
            function: function.clone(),
            qualifier: qualifier.clone().unwrap_or(version),
            request_id: new_id(),
            trace: trace.clone(),
            tenant: chained.tenant.clone(),
            event: Bytes::from(event.clone()),
        };
        return Some(match invoke(shared, invocation).await {
            Invoked::Succeeded(answer) => match String::from_utf8(answer.to_vec()) {
                Ok(answer) => ChainedEnd::answered(answer),
                Err(_) => ChainedEnd::Failed(ErrorObject::message(
                    "CHAINED_INVOKE response could not be decoded as UTF-8.",
                )),
            },
            Invoked::Failed(answer) => ChainedEnd::Failed(envelope::function_error(&answer)),
            Invoked::Missing(error) | Invoked::Broken(error) => ChainedEnd::Failed(error),
            Invoked::Throttled => {
                sleep(AGAIN).await;
                continue;
            }
            Invoked::Closing => return None,
        });
    }
}

/// The function that an execution of `caller` names, and its qualifier.
pub(crate) fn target(caller: &FunctionId, name: &str) -> Option<(FunctionId, Option<String>)> {
    let reference = FunctionReference::parse(name)?;
    Some((FunctionId { scope: caller.scope.clone(), name: reference.name }, reference.qualifier))
}

/// Tells the execution that has started this one how it has ended.
async fn tell_parent(shared: &Shared, entry: &Entry) {
    let told = entry.look(|execution| Some((execution.head().parent.clone()?, execution.chained_end()?)));
    let Some((parent, end)) = told else { return };
    let Some(starter) = shared.find(&parent.execution) else { return };
    let step = |execution: &mut Execution| execution.finish_chained(&parent.operation, end, now());
    if let Err(error) = shared.change(&starter, step).await {
        warn!(execution = starter.arn, %error, "the end of a durable execution that was started is not kept");
    }
}
