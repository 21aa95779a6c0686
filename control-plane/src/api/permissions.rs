//! Policies of functions: statements added, shown and removed.

mod add_permission;
mod get_policy;
mod remove_permission;

pub use add_permission::add_permission;
pub use get_policy::get_policy;
pub use remove_permission::remove_permission;
