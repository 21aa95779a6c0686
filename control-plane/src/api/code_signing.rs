//! Code signing configurations, and which functions have which.

mod create_code_signing_config;
mod delete_code_signing_config;
mod delete_function_code_signing_config;
mod find;
mod get_code_signing_config;
mod get_function_code_signing_config;
mod list_code_signing_configs;
mod list_functions_by_code_signing_config;
mod put_function_code_signing_config;
mod show;
mod update_code_signing_config;

pub use create_code_signing_config::create_code_signing_config;
pub use delete_code_signing_config::delete_code_signing_config;
pub use delete_function_code_signing_config::delete_function_code_signing_config;
pub(super) use find::{attachable, not_for_images};
pub use get_code_signing_config::get_code_signing_config;
pub use get_function_code_signing_config::get_function_code_signing_config;
pub use list_code_signing_configs::list_code_signing_configs;
pub use list_functions_by_code_signing_config::list_functions_by_code_signing_config;
pub use put_function_code_signing_config::put_function_code_signing_config;
pub use update_code_signing_config::update_code_signing_config;
