//! When runtimes of functions and versions are updated.

mod get_runtime_management_config;
mod put_runtime_management_config;
mod show;

pub use get_runtime_management_config::get_runtime_management_config;
pub use put_runtime_management_config::put_runtime_management_config;
