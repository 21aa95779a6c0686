//! Pure: the end of all processes, with the time that extensions have for it.
//!
//! [AWS: Lambda execution environment, shutdown phase: nothing without extensions, 500 ms with internal ones, 2 s with
//! external ones, of which the runtime has 300 ms]

use std::time::{Duration, Instant};

use super::invocation::no_room;
use super::{Machine, Phase, Reload, millis};
use crate::lifecycle::{Effect, Finish, Reply};

const RUNTIME_SHARE: Duration = Duration::from_millis(300);
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
    /// Until when the runtime may end by itself; `None`: it has, and the extensions know.
    runtime_until: Option<Instant>,
    until: Instant,
    /// What is to be told of the invocation that is over.
    finish: Option<Finish>,
    then: Then,
}

impl Stopping {
    pub(super) fn due(&self) -> Instant {
        self.runtime_until.unwrap_or(self.until)
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
        let runtime_until = Some(now + share);
        self.phase = Phase::Stopping(Stopping { reason, runtime_until, until: now + whole, finish, then });
        self.parked.clear();
        self.condemned = None;
        if self.extensions.is_empty() {
            self.stopped(now, effects);
        } else if self.runtime.is_some() {
            effects.push(Effect::TerminateRuntime);
        } else {
            self.tell_extensions(now, effects);
        }
    }

    /// The environment ends after this.
    pub(super) fn is_ending(&self) -> bool {
        matches!(&self.phase, Phase::Stopping(stopping) if stopping.then == Then::Exit)
    }

    pub(super) fn shut_down(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Ended => {}
            Phase::Stopping(stopping) => stopping.then = Then::Exit,
            _ => self.stop(Reason::Spindown, None, Then::Exit, now, effects),
        }
    }

    /// The code has changed.
    pub(super) fn changed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Init(_) => self.stop(Reason::Spindown, None, Then::Init, now, effects),
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
        if stopping.runtime_until.is_some() {
            if self.runtime.is_none() {
                self.tell_extensions(now, effects);
            }
        } else if !self.extensions.any_alive() {
            self.stopped(now, effects);
        }
    }

    /// The time of the runtime, or of the extensions, is up.
    pub(super) fn stopping_due(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &self.phase else { return };
        if stopping.runtime_until.is_none() || now >= stopping.until {
            return self.stopped(now, effects);
        }
        effects.push(Effect::KillRuntime);
        self.runtime = None;
        self.tell_extensions(now, effects);
    }

    /// The runtime is gone; now the extensions are to end.
    fn tell_extensions(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Stopping(stopping) = &mut self.phase else { return };
        stopping.runtime_until = None;
        let (reason, left_ms) = (stopping.reason, millis(stopping.until - now));
        effects.push(Effect::FlushTelemetry);
        let (calls, indifferent) = self.extensions.announce_end();
        for call in calls {
            effects.push(Effect::Answer(call, Reply::ExtensionShutdown { reason, left_ms }));
        }
        effects.extend(indifferent.into_iter().map(Effect::KillExtension));
        if !self.extensions.any_alive() {
            self.stopped(now, effects);
        }
    }

    /// What an extension is told that asks for the next event only now.
    pub(super) fn late_shutdown(&self, now: Instant) -> Option<Reply> {
        let Phase::Stopping(stopping) = &self.phase else { return None };
        let left_ms = millis(stopping.until.saturating_duration_since(now));
        Some(Reply::ExtensionShutdown { reason: stopping.reason, left_ms })
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
