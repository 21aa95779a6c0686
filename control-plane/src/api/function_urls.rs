//! HTTP endpoints of functions and aliases: their configuration.

mod create_function_url_config;
mod delete_function_url_config;
mod get_function_url_config;
mod id;
mod list_function_url_configs;
mod read;
mod show;
mod update_function_url_config;

pub use create_function_url_config::create_function_url_config;
pub use delete_function_url_config::delete_function_url_config;
pub use get_function_url_config::get_function_url_config;
pub use list_function_url_configs::list_function_url_configs;
pub use update_function_url_config::update_function_url_config;
