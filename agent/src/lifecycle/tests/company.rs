//! Any events in any order with extensions and reloads, and what must hold of all effects.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::lifecycle::When;

/// Extensions: those with processes of their own, as many as there are, and one inside of the runtime.
const NAMES: [&str; 4] = ["a", "b", "c", "inside"];

/// What may be tried next; `who` is an index of [`NAMES`].
#[derive(Debug, Clone)]
enum Try {
    Register { who: usize, wants: usize },
    ExtensionNext { who: usize },
    ExtensionError { who: usize, when: When },
    ExtensionExited { who: usize, code: i32 },
    NotLaunched { who: usize },
    Identify { who: usize },
    Invoke,
    Next,
    RestoreNext,
    Respond,
    Fail,
    InitError,
    Exit { launched: bool },
    Changed,
    Flushed,
    Pass { ms: u64 },
    Tick,
    Shutdown,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let who = || 0..NAMES.len();
    let when = prop_oneof![Just(When::Init), Just(When::Exit)];
    let one = prop_oneof![
        8 => (who(), 0..4usize).prop_map(|(who, wants)| Try::Register { who, wants }),
        10 => who().prop_map(|who| Try::ExtensionNext { who }),
        2 => (who(), when).prop_map(|(who, when)| Try::ExtensionError { who, when }),
        3 => (who(), 0..2i32).prop_map(|(who, code)| Try::ExtensionExited { who, code }),
        1 => who().prop_map(|who| Try::NotLaunched { who }),
        1 => who().prop_map(|who| Try::Identify { who }),
        5 => Just(Try::Invoke),
        10 => Just(Try::Next),
        1 => Just(Try::RestoreNext),
        6 => Just(Try::Respond),
        2 => Just(Try::Fail),
        1 => Just(Try::InitError),
        3 => any::<bool>().prop_map(|launched| Try::Exit { launched }),
        3 => Just(Try::Changed),
        3 => Just(Try::Flushed),
        3 => prop_oneof![0..20u64, 250..600u64, 2_000..11_000u64].prop_map(|ms| Try::Pass { ms }),
        4 => Just(Try::Tick),
        1 => prop::bool::weighted(0.05).prop_map(|end| if end { Try::Shutdown } else { Try::Tick }),
    ];
    proptest::collection::vec(one, 1..150)
}

/// How far an invocation is, by what was told of it.
#[derive(Debug, Default)]
struct Open {
    taken: bool,
    started: bool,
    answered: bool,
    reported: Option<Finish>,
}

/// What there is, by what was to be done.
#[derive(Debug, Default)]
struct Watch {
    /// Processes.
    runtime: bool,
    extensions: BTreeSet<String>,
    /// Those that the last step has started, and may turn out not to have been.
    fresh: BTreeSet<String>,
    fresh_runtime: bool,
    /// An init phase has begun, and its end has not been told.
    initializing: bool,
    /// It is one of its own, whose end the control plane waits for.
    awaited: bool,
    waiting: BTreeSet<CallId>,
    open: BTreeMap<String, Open>,
    finished: BTreeSet<String>,
    ended: bool,
}

impl Watch {
    fn of(&mut self, request_id: &str) -> Result<&mut Open, TestCaseError> {
        let open = self.open.get_mut(request_id);
        open.ok_or_else(|| TestCaseError::fail(format!("{request_id} is not open")))
    }

    fn takes(&mut self, effects: &[Effect]) -> Result<(), TestCaseError> {
        self.fresh.clear();
        self.fresh_runtime = false;
        for effect in effects {
            prop_assert!(!self.ended, "{:?} after the end", effect);
            match effect {
                Effect::SpawnExtension(name) => {
                    prop_assert!(!self.runtime, "{} is started after the runtime", name);
                    prop_assert!(self.extensions.insert(name.clone()), "a second {} is started", name);
                    self.fresh.insert(name.clone());
                }
                Effect::Spawn => {
                    prop_assert!(!std::mem::replace(&mut self.runtime, true), "a second runtime is started");
                    self.fresh_runtime = true;
                }
                Effect::Kill => {
                    self.runtime = false;
                    self.extensions.clear();
                    self.waiting.clear();
                }
                Effect::TerminateRuntime | Effect::KillRuntime => {}
                Effect::KillExtension(name) => prop_assert_ne!(name, "inside", "it has no process"),
                Effect::InitStart { phase } => {
                    prop_assert!(!std::mem::replace(&mut self.initializing, true), "the last has no end");
                    self.awaited = *phase == InitPhase::Init;
                }
                Effect::InitReport(_) => {
                    prop_assert!(std::mem::replace(&mut self.initializing, false), "a second end");
                }
                Effect::Initialized(..) => {
                    prop_assert!(!self.initializing, "its report comes first");
                    prop_assert!(std::mem::replace(&mut self.awaited, false), "nobody waits for it");
                }
                Effect::Take(invoke) => {
                    let others = self.open.values().filter(|open| open.taken).count();
                    prop_assert_eq!(others, 0, "two at a time");
                    self.of(&invoke.request_id)?.taken = true;
                }
                Effect::Start { request_id, .. } => {
                    prop_assert!(!self.initializing, "the init phase is over");
                    let open = self.of(request_id)?;
                    prop_assert!(open.taken && !std::mem::replace(&mut open.started, true));
                }
                Effect::Response { start: ResponseStart { request_id, .. }, .. } => {
                    let open = self.of(request_id)?;
                    prop_assert!(open.started && !std::mem::replace(&mut open.answered, true));
                }
                Effect::Failed { request_id, .. } => {
                    let open = self.of(request_id)?;
                    prop_assert!(!std::mem::replace(&mut open.answered, true), "a second answer");
                    if !open.taken {
                        // There was no room for it.
                        self.open.remove(request_id);
                    }
                }
                Effect::TimedOut { request_id, .. } => prop_assert!(self.of(request_id)?.started),
                Effect::RuntimeDone(done) => prop_assert!(self.of(&done.request_id)?.answered),
                Effect::Report(finish) => {
                    let open = self.of(&finish.request_id)?;
                    prop_assert!(open.answered && open.reported.replace(finish.clone()).is_none());
                }
                Effect::Finish(finish) => {
                    let open = self.open.remove(&finish.request_id);
                    let open = open.ok_or_else(|| TestCaseError::fail("a second end"))?;
                    prop_assert!(open.answered, "an end without an answer");
                    prop_assert!(open.reported.is_none_or(|reported| reported == *finish));
                    prop_assert!(self.finished.insert(finish.request_id.clone()));
                }
                Effect::Answer(call, reply) => {
                    prop_assert!(self.waiting.remove(call), "{:?} is nobody's", effect);
                    match reply {
                        Reply::Event { invoke, .. } | Reply::ExtensionInvoke { invoke, .. } => {
                            prop_assert!(self.of(&invoke.request_id)?.started);
                        }
                        _ => {}
                    }
                }
                Effect::FlushTelemetry => prop_assert!(!self.extensions.is_empty(), "for nobody"),
                Effect::Exit => self.ended = true,
                Effect::RevokePermit
                | Effect::CloseRegistration
                | Effect::ExtensionStands(_)
                | Effect::InitRuntimeDone(_)
                | Effect::RestoreStart
                | Effect::RestoreReport(_) => {}
                other => prop_assert!(false, "{:?} was not tried", other),
            }
        }
        Ok(())
    }
}

/// Plays events against a machine, and watches.
struct Play {
    machine: Machine,
    now: Instant,
    calls: u64,
    invoked: u64,
    watch: Watch,
}

impl Play {
    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let effects = self.machine.step(event, self.now);
        self.watch.takes(&effects)
    }

    /// A call, of which those that may wait are answered now or later, and others now.
    fn call(&mut self, event: impl FnOnce(CallId) -> Event) -> Result<(), TestCaseError> {
        self.calls += 1;
        let call = CallId(self.calls);
        let event = event(call);
        let may_wait = matches!(event, Event::Next(_) | Event::ExtensionNext { .. });
        self.watch.waiting.insert(call);
        let told = format!("{event:?}");
        self.step(event)?;
        let waits = self.watch.waiting.contains(&call);
        prop_assert!(!waits || may_wait, "{} is not answered", told);
        // Somebody is there who could be told.
        prop_assert!(!waits || self.watch.runtime || !self.watch.extensions.is_empty(), "{} hangs", told);
        Ok(())
    }

    /// The invocation that is under way, or some other.
    fn request_id(&self) -> String {
        let taken = self.watch.open.iter().find(|(_, open)| open.taken);
        taken.map_or_else(|| "another".to_owned(), |(id, _)| id.clone())
    }

    fn play(&mut self, attempt: Try) -> Result<(), TestCaseError> {
        let name = |who: usize| NAMES[who].to_owned();
        match attempt {
            Try::Register { who, wants } => {
                let events = [&[][..], &["INVOKE"], &["SHUTDOWN"], &["INVOKE", "SHUTDOWN"]][wants];
                let events = events.iter().map(|event| (*event).to_owned()).collect();
                self.call(|call| Event::Register { call, name: name(who), events, id: name(who) })
            }
            Try::ExtensionNext { who } => self.call(|call| Event::ExtensionNext { call, id: name(who) }),
            Try::ExtensionError { who, when } => {
                let error_type = "X.Y".to_owned();
                self.call(|call| Event::ExtensionError { call, id: name(who), when, error_type })
            }
            Try::Identify { who } => self.call(|call| Event::Identify { call, id: name(who) }),
            // Only what runs can end, or turn out not to run.
            Try::ExtensionExited { who, code } if self.watch.extensions.remove(NAMES[who]) => {
                self.step(Event::ExtensionExited { name: name(who), ended: Ended::Code(code) })
            }
            Try::NotLaunched { who } if self.watch.fresh.contains(NAMES[who]) => {
                self.watch.extensions.remove(NAMES[who]);
                self.step(Event::ExtensionNotLaunched { name: name(who), message: "no".into() })
            }
            Try::Exit { launched: false } if self.watch.fresh_runtime => {
                self.watch.runtime = false;
                let message = "no such file".to_owned();
                self.step(Event::SpawnFailed { error_type: "Runtime.InvalidEntrypoint", message })
            }
            Try::Exit { launched: true } if std::mem::take(&mut self.watch.runtime) => {
                self.step(Event::Exited(Ended::Code(1)))
            }
            Try::ExtensionExited { .. } | Try::NotLaunched { .. } | Try::Exit { .. } => Ok(()),
            Try::Invoke => {
                self.invoked += 1;
                let request_id = format!("r{}", self.invoked);
                self.watch.open.insert(request_id.clone(), Open::default());
                self.step(Event::Invoke(invoke(&request_id), Bytes::new()))
            }
            Try::Next => self.call(Event::Next),
            Try::RestoreNext => self.call(Event::RestoreNext),
            Try::Respond => {
                let head = ResponseHead {
                    request_id: self.request_id(),
                    mode: ResponseMode::Buffered,
                    content_type: None,
                    length: None,
                };
                self.call(|call| Event::Response { call, head, body: Bytes::new(), error: None })
            }
            Try::Fail => {
                let (request_id, error_type) = (self.request_id(), "Function.Oops".to_owned());
                let payload = ErrorBody::Whole(Bytes::new());
                self.call(|call| Event::InvocationError { call, request_id, error_type, payload })
            }
            Try::InitError => {
                let (error_type, payload) = ("Runtime.Oops".to_owned(), ErrorBody::Whole(Bytes::new()));
                self.call(|call| Event::InitError { call, at: Point::Init, error_type, payload })
            }
            Try::Changed => self.step(Event::Changed),
            Try::Flushed => self.step(Event::Flushed),
            Try::Pass { ms } => {
                self.now += Duration::from_millis(ms);
                Ok(())
            }
            Try::Tick => self.step(Event::Tick),
            Try::Shutdown => self.step(SHUTDOWN),
        }
    }

    /// Whatever is under way has an end, even if nobody says another word.
    fn is_bounded(&self) -> Result<(), TestCaseError> {
        let busy = self.watch.initializing || self.watch.awaited || !self.watch.open.is_empty();
        prop_assert!(!busy || self.machine.deadline().is_some(), "{:?} for ever", self.watch);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn whatever_happens_with_extensions_every_invocation_and_every_init_phase_comes_to_one_end(
        externals in 0..=3usize,
        lazy in any::<bool>(),
        tries in tries(),
    ) {
        let extensions = NAMES[..externals].iter().map(|name| (*name).to_owned()).collect();
        let reload = if lazy { Reload::Lazy } else { Reload::Eager };
        let machine = Machine::new(Settings { extensions, reload, ..settings() });
        let mut play = Play { machine, now: Instant::now(), calls: 0, invoked: 0, watch: Watch::default() };
        play.step(Event::Assigned)?;
        for attempt in tries {
            play.play(attempt)?;
            if play.watch.ended {
                prop_assert!(play.machine.deadline().is_none());
                return Ok(());
            }
            play.is_bounded()?;
        }
        while let Some(deadline) = play.machine.deadline() {
            play.now = play.now.max(deadline);
            play.step(Event::Tick)?;
        }
        // Nobody is told anything of an environment that was asked to end.
        let over = play.watch.open.is_empty() && !play.watch.initializing && !play.watch.awaited;
        prop_assert!(over || play.watch.ended, "{:?}", play.watch);
    }
}
