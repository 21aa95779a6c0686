//! Reserved concurrency.

mod budget;
mod delete_function_concurrency;
mod get_function_concurrency;
mod put_function_concurrency;
mod whole_function;

pub use delete_function_concurrency::delete_function_concurrency;
pub use get_function_concurrency::get_function_concurrency;
pub use put_function_concurrency::put_function_concurrency;

pub(super) use budget::budget;
