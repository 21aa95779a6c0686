use proptest::prelude::*;

use super::*;
use crate::{Error, FunctionId, Scope};

fn id() -> FunctionId {
    FunctionId {
        scope: Scope { account: "000000000000".into(), region: "us-east-1".into() },
        name: "f".into(),
    }
}

struct Bench {
    execution: Execution,
    now: Timestamp,
    token: u64,
    invocations: u32,
}

impl Bench {
    fn new(timeout_s: u32) -> Self {
        let beginning = Beginning {
            function: id(),
            version: "1".into(),
            name: "n".into(),
            id: "i".into(),
            config: DurableConfig { execution_timeout_s: timeout_s, retention_days: 1 },
            parent: None,
            trace: None,
            tenant: None,
            input: "{}".into(),
        };
        let now = Timestamp(1_000_000);
        Self { execution: Execution::start(beginning, now), now, token: 0, invocations: 0 }
    }

    fn later(&mut self, seconds: i64) {
        self.now.0 += seconds * 1000;
    }

    fn next(&mut self) -> Next {
        self.execution.next(self.now)
    }

    fn invoke(&mut self) -> Input {
        assert_eq!(self.next(), Next::Invoke);
        self.invocations += 1;
        let input = self.execution.begin(&self.invocations.to_string(), self.now);
        self.token = input.token;
        input
    }

    fn checkpoint(&mut self, updates: Vec<Update>) -> Result<Vec<(String, Status)>, Error> {
        let invocation = self.invocations.to_string();
        let checkpointed = self.execution.checkpoint(
            (self.token, &invocation),
            None,
            updates,
            |operation| format!("callback of {operation}"),
            &HashMap::from([("missing".to_owned(), Some(ErrorObject::message("no")))]),
            self.now,
        )?;
        self.token = checkpointed.token;
        Ok(checkpointed.operations.into_iter().map(|operation| (operation.id, operation.status)).collect())
    }

    fn finish(&mut self, output: Output) {
        self.execution.finish(output, self.now);
    }

    fn history(&self) -> Vec<&'static str> {
        self.execution.events().iter().map(|event| event.what.as_str()).collect()
    }

    fn end(&self) -> (Outcome, Option<String>) {
        let end = self.execution.head().end().expect("it has ended");
        (end.outcome, end.error.as_ref().and_then(|error| error.error_message.clone()))
    }
}

fn update(id: &str, kind: Kind, action: Action) -> Update {
    Update {
        id: id.into(),
        parent_id: None,
        name: None,
        kind,
        sub_type: None,
        action,
        payload: None,
        error: None,
        replay_children: false,
        step_options: None,
        wait_s: None,
        callback_options: CallbackOptions::default(),
        chained_function: None,
        chained_tenant: None,
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_function_that_runs_through_is_invoked_once() {
    let mut bench = Bench::new(60);
    let input = bench.invoke();
    assert_eq!(input.operations.len(), 1);
    assert_eq!(input.operations[0].input.as_deref(), Some("{}"));
    assert!(matches!(bench.next(), Next::Wait(Some(_))), "while it runs");
    let done = vec![
        update("s", Kind::Step, Action::Start),
        Update { payload: Some("1".into()), ..update("s", Kind::Step, Action::Succeed) },
    ];
    assert_eq!(bench.checkpoint(done), Ok(vec![("s".into(), Status::Succeeded)]));
    bench.finish(Output::Succeeded { result: Some("2".into()), error: None });
    assert_eq!(bench.next(), Next::Ended);
    assert_eq!(bench.end(), (Outcome::Succeeded, None));
    assert_eq!(
        bench.history(),
        ["ExecutionStarted", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"]
    );
}

#[test]
fn a_function_that_waits_is_invoked_again_when_it_is_over() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let wait = Update { wait_s: Some(10), ..update("w", Kind::Wait, Action::Start) };
    assert_eq!(bench.checkpoint(vec![wait]), Ok(vec![("w".into(), Status::Started)]));
    bench.finish(Output::Pending);
    assert_eq!(bench.next(), Next::Wait(Some(Timestamp(bench.now.0 + 10_000))));
    bench.later(10);
    let input = bench.invoke();
    assert_eq!(input.updated_operation_ids, ["w"]);
    assert_eq!(input.operations[1].status, Status::Succeeded);
}

#[test]
fn what_becomes_due_while_the_function_runs_comes_with_its_next_checkpoint() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let wait = Update { wait_s: Some(1), ..update("w", Kind::Wait, Action::Start) };
    bench.checkpoint(vec![wait]).unwrap();
    bench.later(2);
    assert_eq!(bench.checkpoint(vec![]), Ok(vec![("w".into(), Status::Succeeded)]));
    bench.finish(Output::Pending);
    assert_eq!(
        bench.next(),
        Next::Wait(Some(Timestamp(bench.now.0 + 5000))),
        "it made no sense, and is tried again"
    );
}

#[test]
fn a_step_is_tried_again_after_its_delay() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let retry = Update {
        error: Some(ErrorObject::message("no luck")),
        step_options: Some(Some(3)),
        ..update("s", Kind::Step, Action::Retry)
    };
    bench.checkpoint(vec![update("s", Kind::Step, Action::Start), retry]).unwrap();
    bench.finish(Output::Pending);
    bench.later(3);
    let input = bench.invoke();
    assert_eq!((input.operations[1].status, input.operations[1].attempt), (Status::Ready, 1));
    let again = vec![update("s", Kind::Step, Action::Start), update("s", Kind::Step, Action::Succeed)];
    bench.checkpoint(again).unwrap();
    assert_eq!(bench.history()[2..], ["StepFailed", "InvocationCompleted", "StepStarted", "StepSucceeded"]);
}

#[test]
fn callbacks_are_answered_or_time_out() {
    let options = CallbackOptions { timeout_s: 20, heartbeat_timeout_s: 5 };
    let callback = Update { callback_options: options, ..update("c", Kind::Callback, Action::Start) };
    let begin = || {
        let mut bench = Bench::new(60);
        bench.invoke();
        bench.checkpoint(vec![callback.clone()]).unwrap();
        bench.finish(Output::Pending);
        bench
    };
    let mut bench = begin();
    bench.later(4);
    assert_eq!(bench.execution.callback_lives("callback of c", bench.now), Ok(()));
    bench.later(4);
    let answer = bench.execution.answer_callback("callback of c", Ok(Some("yes".into())), bench.now);
    assert_eq!(answer, Ok(()));
    assert_eq!(bench.execution.answer_callback("callback of c", Ok(None), bench.now), Err(NotWaiting));
    assert_eq!(bench.invoke().operations[1].result.as_deref(), Some("yes"));

    for (beats, kind) in [(vec![], "Callback.Heartbeat"), (vec![4; 5], "Callback.Timeout")] {
        let mut bench = begin();
        for seconds in beats {
            bench.later(seconds);
            let _ = bench.execution.callback_lives("callback of c", bench.now);
        }
        bench.later(5);
        let operation = bench.invoke().operations[1].clone();
        assert_eq!(operation.status, Status::TimedOut);
        assert_eq!(operation.error.unwrap().error_type.as_deref(), Some(kind));
    }
}

#[test]
fn an_execution_ends_when_its_time_is_up_whatever_it_does() {
    let mut bench = Bench::new(10);
    bench.invoke();
    bench.later(10);
    assert_eq!(bench.next(), Next::Ended);
    assert_eq!(bench.end(), (Outcome::TimedOut, Some("Execution timed out after 10 seconds.".into())));
    assert_eq!(refusal(bench.checkpoint(vec![])), "Invalid checkpoint token");
    bench.finish(Output::Succeeded { result: None, error: None });
    assert_eq!(bench.end().0, Outcome::TimedOut);
}

#[test]
fn stopping_is_for_those_that_run() {
    let mut bench = Bench::new(10);
    let stopped = bench.execution.stop(None, bench.now);
    bench.later(1);
    assert_eq!(bench.execution.stop(Some(ErrorObject::message("x")), bench.now), stopped);
    assert_eq!(bench.end(), (Outcome::Stopped, Some("Execution stopped by user request".into())));
}

#[test]
fn an_invocation_that_fails_is_tried_again_four_times() {
    let mut bench = Bench::new(600);
    for _ in 0..5 {
        bench.invoke();
        bench.finish(Output::Broken(ErrorObject::message("broken")));
        bench.later(5);
    }
    assert_eq!(bench.end(), (Outcome::Failed, Some("broken".into())));
}

#[test]
fn one_that_finds_no_execution_free_waits_as_long_as_it_takes() {
    let mut bench = Bench::new(600);
    for _ in 0..50 {
        bench.invoke();
        bench.finish(Output::Throttled);
        assert_eq!(bench.next(), Next::Wait(Some(Timestamp(bench.now.0 + 1000))));
        bench.later(1);
    }
}

#[test]
fn output_that_makes_no_sense_ends_the_execution() {
    let error = || Some(ErrorObject::default());
    for (output, message) in [
        (Output::Invalid("x".into()), "Invalid invocation output: x"),
        (Output::Succeeded { result: None, error: error() }, "Cannot provide an Error for SUCCEEDED status."),
        (
            Output::Failed { result: Some(String::new()), error: error() },
            "Cannot provide a Result for FAILED status.",
        ),
    ] {
        let mut bench = Bench::new(60);
        bench.invoke();
        bench.finish(output);
        assert_eq!(bench.end(), (Outcome::Failed, Some(message.into())));
    }
}

#[test]
fn other_functions_are_invoked_once_and_their_end_is_told() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let chained = |id: &str, function: &str| Update {
        chained_function: Some(function.into()),
        payload: Some("1".into()),
        ..update(id, Kind::ChainedInvoke, Action::Start)
    };
    let told = bench.checkpoint(vec![chained("a", "f"), chained("b", "missing")]);
    assert_eq!(told, Ok(vec![("a".into(), Status::Started), ("b".into(), Status::Failed)]));
    let begun: Vec<_> = bench.execution.dispatch().into_iter().map(|(id, _)| id).collect();
    assert_eq!(begun, ["a"]);
    assert!(bench.execution.dispatch().is_empty());
    bench.finish(Output::Pending);
    bench.execution.finish_chained("a", ChainedEnd::answered("2".into()), bench.now);
    assert_eq!(bench.invoke().operations[1].result.as_deref(), Some("2"));
}

#[test]
fn a_checkpoint_is_taken_once_and_answered_the_same_to_who_asks_again() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let mut ask = |token: u64, client_token: &str| {
        let updates = vec![update("s", Kind::Step, Action::Start)];
        let targets = HashMap::new();
        bench.execution.checkpoint(
            (token, "1"),
            Some(client_token),
            updates,
            str::to_owned,
            &targets,
            bench.now,
        )
    };
    let first = ask(0, "a").unwrap();
    assert_eq!(ask(0, "a").unwrap(), first);
    assert_eq!(refusal(ask(0, "b")), "Invalid checkpoint token");
    assert_eq!(refusal(ask(1, "b")), "Invalid current STEP state to start.");
}

#[test]
fn a_checkpoint_of_an_invocation_that_is_over_is_refused() {
    let mut bench = Bench::new(60);
    bench.invoke();
    bench.finish(Output::Broken(ErrorObject::message("timed out")));
    assert_eq!(refusal(bench.checkpoint(vec![])), "Invalid checkpoint token");
}

#[test]
fn updates_that_make_no_sense_are_refused_and_nothing_is_taken() {
    let step = || update("s", Kind::Step, Action::Start);
    let context = || update("c", Kind::Context, Action::Start);
    let in_step = Update { parent_id: Some("s".into()), ..update("x", Kind::Step, Action::Start) };
    let cases = [
        (vec![step(), step()], "Cannot checkpoint multiple operations with the same ID."),
        (vec![step(), in_step], "Invalid parent operation id."),
        (
            vec![step(), update("s", Kind::Step, Action::Cancel)],
            "Invalid action for the given operation type.",
        ),
        (vec![step(), update("s", Kind::Step, Action::Retry)], "Invalid StepOptions for the given action."),
        (
            vec![update("e", Kind::Execution, Action::Succeed), step()],
            "EXECUTION checkpoint must be the last update.",
        ),
        (
            vec![
                update("e", Kind::Execution, Action::Succeed),
                update("e", Kind::Execution, Action::Succeed),
            ],
            "Cannot checkpoint multiple EXECUTION updates.",
        ),
        (
            vec![
                context(),
                Update { payload: Some(String::new()), ..update("c", Kind::Context, Action::Fail) },
            ],
            "Cannot provide a Payload for FAIL action.",
        ),
        (
            vec![update("w", Kind::Wait, Action::Cancel)],
            "Cannot cancel a WAIT that does not exist or has already completed.",
        ),
        (
            vec![update("o", Kind::ChainedInvoke, Action::Start)],
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        ),
    ];
    for (updates, message) in cases {
        let mut bench = Bench::new(60);
        bench.invoke();
        let before = bench.execution.clone();
        assert_eq!(refusal(bench.checkpoint(updates)), message);
        assert_eq!(bench.execution, before);
    }
}

#[test]
fn a_child_says_how_it_ended() {
    let mut bench = Bench::new(7);
    assert_eq!(bench.execution.chained_end(), None);
    bench.later(7);
    bench.next();
    let ChainedEnd::TimedOut(error) = bench.execution.chained_end().unwrap() else { panic!("it timed out") };
    assert_eq!(error.error_message.as_deref(), Some("CHAINED_INVOKE timed out after 7 seconds."));
}

#[test]
fn what_is_taken_piece_by_piece_makes_the_same_execution() {
    let mut bench = Bench::new(60);
    let mut kept: (Option<Head>, Vec<Operation>, Vec<Event>) = (None, vec![], vec![]);
    let mut keep = |execution: &mut Execution| {
        let Unsaved { head, operations, events } = execution.take_unsaved();
        kept.0 = Some(head);
        for (at, operation) in operations {
            kept.1.truncate(kept.1.len().max(at));
            if at < kept.1.len() { kept.1[at] = operation } else { kept.1.push(operation) }
        }
        for (at, event) in events {
            assert_eq!(at, kept.2.len());
            kept.2.push(event);
        }
    };
    keep(&mut bench.execution);
    bench.invoke();
    let wait = Update { wait_s: Some(10), ..update("w", Kind::Wait, Action::Start) };
    bench.checkpoint(vec![wait]).unwrap();
    keep(&mut bench.execution);
    bench.finish(Output::Pending);
    bench.later(10);
    bench.next();
    keep(&mut bench.execution);
    let (head, operations, events) = kept;
    assert_eq!(Execution::restored(head.unwrap(), operations, events), bench.execution);
}

#[test]
fn an_invocation_that_was_under_way_is_begun_again_after_a_restart() {
    let mut bench = Bench::new(60);
    bench.invoke();
    let Unsaved { head, operations, events } = bench.execution.take_unsaved();
    let operations = operations.into_iter().map(|(_, operation)| operation).collect();
    let events = events.into_iter().map(|(_, event)| event).collect();
    let mut restored = Execution::restored(head, operations, events);
    assert_eq!(restored.next(bench.now), Next::Invoke);
}

#[test]
fn pages_show_every_operation_once() {
    let mut bench = Bench::new(60);
    bench.invoke();
    for number in 0..9 {
        bench.checkpoint(vec![update(&number.to_string(), Kind::Step, Action::Start)]).unwrap();
    }
    let (mut from, mut seen) = (Some(0), Vec::new());
    while let Some(at) = from {
        let (page, next) = bench.execution.page(at, 4);
        seen.extend(page.iter().map(|operation| operation.id.clone()));
        from = next;
    }
    let all: Vec<_> = bench.execution.operations().iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(seen, all);
}

proptest! {
    #[test]
    fn whatever_is_reported_operations_end_once_and_the_history_agrees(
        steps in proptest::collection::vec((0_usize..6, 0_usize..6, 0_usize..5, 0_u8..8, 0_i64..4), 0..80),
    ) {
        let kinds =
            [Kind::Execution, Kind::Context, Kind::Step, Kind::Wait, Kind::Callback, Kind::ChainedInvoke];
        let actions = [Action::Start, Action::Succeed, Action::Fail, Action::Retry, Action::Cancel];
        let mut bench = Bench::new(30);
        for (which, kind, action, what, seconds) in steps {
            bench.later(seconds);
            match what {
                0 => bench.finish(Output::Pending),
                1 => bench.finish(Output::Broken(ErrorObject::message("x"))),
                2 => {
                    let id = format!("callback of {which}");
                    let _ = bench.execution.answer_callback(&id, Ok(None), bench.now);
                }
                3 => bench.execution.finish_chained(&which.to_string(), ChainedEnd::Succeeded(None), bench.now),
                _ => {
                    let reported = Update {
                        wait_s: Some(2),
                        step_options: Some(Some(1)),
                        chained_function: Some("f".into()),
                        ..update(&which.to_string(), kinds[kind], actions[action])
                    };
                    let before = bench.execution.operations().len();
                    if bench.checkpoint(vec![reported]).is_err() {
                        prop_assert_eq!(bench.execution.operations().len(), before);
                    }
                }
            }
            if bench.next() == Next::Invoke {
                bench.invoke();
            }
        }
        bench.later(30);
        prop_assert_eq!(bench.next(), Next::Ended);
        let ends = bench.history().iter().filter(|what| {
            what.starts_with("Execution") && **what != "ExecutionStarted"
        }).count();
        prop_assert_eq!(ends, 1);
        for operation in bench.execution.operations() {
            let events: Vec<_> = bench.execution.events().iter()
                .filter(|event| event.operation.as_ref().is_some_and(|subject| subject.id == operation.id))
                .map(|event| event.what.as_str())
                .collect();
            let over = operation.ended.is_some();
            prop_assert_eq!(over, matches!(operation.status, Status::Succeeded | Status::Failed
                | Status::Cancelled | Status::TimedOut | Status::Stopped));
            if over {
                let last = events.last().copied().unwrap_or_default();
                prop_assert!(!last.ends_with("Started"), "{:?} {:?}", operation, events);
            }
        }
    }
}
