//! Capacity providers: resources without instances, for functions on them run in containers as all others do.

mod create_capacity_provider;
mod delete_capacity_provider;
mod find;
mod get_capacity_provider;
mod list_capacity_providers;
mod list_function_versions_by_capacity_provider;
mod read;
mod show;
mod update_capacity_provider;

pub use create_capacity_provider::create_capacity_provider;
pub use delete_capacity_provider::delete_capacity_provider;
pub(super) use find::{check_usable, found};
pub use get_capacity_provider::get_capacity_provider;
pub use list_capacity_providers::list_capacity_providers;
pub use list_function_versions_by_capacity_provider::list_function_versions_by_capacity_provider;
pub use update_capacity_provider::update_capacity_provider;
