//! Pure: the end of all processes, with the time that extensions have for it.
//!
//! [AWS: Lambda execution environment, shutdown phase: nothing without extensions, 500 ms with internal ones, 2 s with
//! external ones, of which the runtime has 300 ms]

use std::time::{Duration, Instant};

use lambdock_protocol::Status;

use super::invocation::no_room;
use super::{Machine, Phase, Reload};
use crate::lifecycle::{Effect, Finish, Reply};

pub(super) const RUNTIME_SHARE: Duration = Duration::from_millis(300);

/// Time that subscribers of telemetry have before they are told of the end. What they have not taken then is still sent
/// while they end.
pub(super) const TELEMETRY_SHARE: Duration = Duration::from_millis(500);

const WITH_INTERNAL: Duration = Duration::from_millis(500);
const WITH_EXTERNAL: Duration = Duration::from_millis(2000);

/// Why all processes end, as extensions are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The environment is not needed, or begins anew.
    Spindown,
    /// A phase took too long.
    Timeout,
    /// A process failed.
    Failure,
}

impl Reason {
    /// `shutdownReason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// What comes after the end of all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next invocation starts them anew.
    Idle,
    /// They are started anew at once.
    Init,
    /// The environment's end.
    Exit,
}

/// All processes are being ended.
#[derive(Debug)]
pub(super) struct Stopping {
    reason: Reason,
    turn: Turn,
    until: Instant,
    /// What is to be told of the invocation that is over.
    finish: Option<Finish>,
    then: Then,
}

/// Whose turn it is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The runtime may end by itself until then.
    Runtime(Instant),
    /// It is gone; until then, subscribers of telemetry are sent what they have not been.
    Telemetry(Instant),
    /// The extensions have been told.
    Extensions,
}

impl Stopping {
    pub(super) fn due(&self) -> Instant {
        match self.turn {
            Turn::Runtime(until) | Turn::Telemetry(until) => until.min(self.until),
            Turn::Extensions => self.until,
        }
    }
}

impl Machine {
    /// Begins to end all processes.
    pub(super) fn stop(
        &mut self,
        reason: Reason,
        finish: Option<Finish>,
        then: Then,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if !effects.contains(&Effect::RevokePermit) {
            effects.push(Effect::RevokePermit);
        }
        let (share, whole) = if self.extensions.any_external() {
            (RUNTIME_SHARE, WITH_EXTERNAL)
        } else {
            (WITH_INTERNAL, WITH_INTERNAL)
        };
        let turn = Turn::Runtime(now + share);
        self.phase = Phase::Stopping(Stopping { reason, turn, until: now + whole, finish, then });
        self.parked.clear();
        self.condemned = None;
        if self.extensions.is_empty() {
            self.stopped(now, effects);
        } else if self.runtime.is_some() {
            if !effects.contains(&Effect::TerminateRuntime) {
                effects.push(Effect::TerminateRuntime);
            }
        } else {
            self.runtime_gone(now, effects);
        }
    }

    /// The environment ends after this.
    pub(super) fn is_ending(&self) -> bool {
        matches!(&self.phase, Phase::Stopping(stopping) if stopping.then == Then::Exit)
    }

    pub(super) fn shut_down(
        &mut self,
        reason: Reason,
        within: Option<Duration>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.phase {
            Phase::Ended => {}
            Phase::Stopping(stopping) => stopping.then = Then::Exit,
            _ => self.stop(reason, None, Then::Exit, now, effects),
        }
        if let (Phase::Stopping(stopping), Some(within)) = (&mut self.phase, within) {
            stopping.until = stopping.until.min(now + within);
        }
    }

    /// The code has changed.
    pub(super) fn changed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Init(_) => {
                self.init_over(Status::Failure, None, now, effects);
                self.stop(Reason::Spindown, None, Then::Init, now, effects);
            }
            Phase::Idle if self.runtime.is_some() => {
                let then = match self.settings.reload {
                    Reload::Eager => Then::Init,
                    Reload::Lazy => Then::Idle,
                };
                self.stop(Reason::Spindown, None, then, now, effects);
            }
            Phase::Invocation(_) => self.changed = true,
            // What is started next is started from the new code.
            Phase::Waiting | Phase::Idle | Phase::Stopping(_) | Phase::Ended => {
                if let Some((invoke, payload)) = self.held.take_if(|_| matches!(self.phase, Phase::Idle)) {
                    self.invoke(invoke, payload, now, effects);
                }
            }
        }
    }

    /// A process has ended while all were to.
    pub(super) fn ended_while_stopping(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &self.phase else { return };
        match stopping.turn {
            Turn::Runtime(_) if self.runtime.is_none() => self.runtime_gone(now, effects),
            Turn::Telemetry(_) | Turn::Extensions if !self.extensions.any_alive() => {
                self.stopped(now, effects);
            }
            _ => {}
        }
    }

    /// The time of the runtime, or of the extensions, is up.
    pub(super) fn stopping_due(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &self.phase else { return };
        match stopping.turn {
            _ if now >= stopping.until => self.stopped(now, effects),
            Turn::Runtime(_) => {
                effects.push(Effect::KillRuntime);
                self.runtime = None;
                self.runtime_gone(now, effects);
            }
            Turn::Telemetry(_) => self.tell_extensions(effects),
            Turn::Extensions => {}
        }
    }

    /// The runtime is gone; now the extensions are to end, with everything that there is to know of it.
    fn runtime_gone(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &mut self.phase else { return };
        if self.extensions.any_alive() {
            stopping.turn = Turn::Telemetry(now + TELEMETRY_SHARE);
            effects.push(Effect::FlushTelemetry);
        } else {
            self.stopped(now, effects);
        }
    }

    /// Subscribers of telemetry know everything.
    pub(super) fn flushed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if matches!(&self.phase, Phase::Stopping(Stopping { turn: Turn::Telemetry(_), .. })) {
            self.tell_extensions(effects);
            self.ended_while_stopping(now, effects);
        }
    }

    fn tell_extensions(&mut self, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &mut self.phase else { return };
        stopping.turn = Turn::Extensions;
        let (reason, deadline) = (stopping.reason, stopping.until);
        let (calls, indifferent) = self.extensions.announce_end();
        for call in calls {
            effects.push(Effect::Answer(call, Reply::ExtensionShutdown { reason, deadline }));
        }
        effects.extend(indifferent.into_iter().map(Effect::KillExtension));
    }

    /// What an extension is told that asks for the next event only now.
    pub(super) fn late_shutdown(&self) -> Option<Reply> {
        let Phase::Stopping(stopping) = &self.phase else { return None };
        Some(Reply::ExtensionShutdown { reason: stopping.reason, deadline: stopping.until })
    }

    /// Whatever is left is killed; goes on with what comes then.
    fn stopped(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        // Where nothing was left to wait for, it was done before.
        if self.runtime.is_some() || !self.extensions.is_empty() {
            effects.push(Effect::Kill);
        }
        self.runtime = None;
        self.extensions.forget();
        effects.extend(stopping.finish.map(Effect::Finish));
        match stopping.then {
            Then::Exit => {
                self.phase = Phase::Ended;
                effects.extend(self.held.take().map(|(invoke, _)| no_room(invoke.request_id)));
                effects.push(Effect::Exit);
            }
            Then::Init => self.begin_init(now, effects),
            Then::Idle => self.resume(now, effects),
        }
    }
}
