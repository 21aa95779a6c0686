//! Event source mappings: what reads records and hands them to functions.

mod create_event_source_mapping;
mod delete_event_source_mapping;
mod find;
mod get_event_source_mapping;
mod list_event_source_mappings;
mod read;
mod show;
mod update_event_source_mapping;

pub use create_event_source_mapping::create_event_source_mapping;
pub use delete_event_source_mapping::delete_event_source_mapping;
pub use get_event_source_mapping::get_event_source_mapping;
pub use list_event_source_mappings::list_event_source_mappings;
pub use update_event_source_mapping::update_event_source_mapping;
