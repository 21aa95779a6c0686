//! Before the first process: code, permissions, the user, the command.

pub(crate) mod bootstrap;
pub(crate) mod extensions;
pub(crate) mod hosts;
pub(crate) mod limits;
pub(crate) mod modes;
pub(crate) mod unpack;
pub(crate) mod user;
