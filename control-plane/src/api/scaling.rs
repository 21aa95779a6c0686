//! How functions scale that run on a capacity provider.

mod get_function_scaling_config;
mod put_function_scaling_config;
mod refuse;

pub use get_function_scaling_config::get_function_scaling_config;
pub use put_function_scaling_config::put_function_scaling_config;
