//! LocalStack's protocol: the init in the place of its own, against a LocalStack that is played byte by byte.

mod bad_input;
mod calls;
mod failures;
mod init_phase;
mod invocations;
mod logs;
pub(crate) mod peer;
mod reloads;
mod startup;
