//! Pure: everything that can happen to an execution environment, and what follows from it.
//!
//! [`Machine::step`] takes one event and the time and gives back what to do, in order. It opens no socket, starts no
//! process and looks at no clock, so every race is a unit test.

mod effect;
mod event;
mod extensions;
mod machine;
mod runtime_state;

pub use effect::{Effect, Finish, InitEnd, Reply, RuntimeDone};
pub use event::{BodyEnd, CallId, ErrorBody, Event, Point, ResponseHead, ResponseMode, When};
pub use machine::{Asks, Machine, Reason, Reload, Settings};

#[cfg(test)]
mod tests;
