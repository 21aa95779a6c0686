//! What an account may use and uses.

mod get_account_settings;

pub use get_account_settings::get_account_settings;
