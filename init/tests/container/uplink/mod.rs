//! Lambdock's own protocol: the control plane at the other end of an uplink.

mod back_pressure;
mod bad_input;
pub(crate) mod control_plane;
mod crashes;
mod endurance;
mod extensions;
mod greeting;
mod init_phase;
mod invocations;
mod logs;
mod processes;
mod responses;
mod snapshots;
mod story;
mod telemetry;
mod traces;
