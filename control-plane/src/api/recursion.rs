//! What becomes of functions that call themselves round and round.

mod get_function_recursion_config;
mod put_function_recursion_config;

pub use get_function_recursion_config::get_function_recursion_config;
pub use put_function_recursion_config::put_function_recursion_config;
