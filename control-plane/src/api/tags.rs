//! Tags of everything that can be tagged.

mod list_tags;
mod resource;
mod tag_resource;
mod untag_resource;

pub use list_tags::list_tags;
pub use tag_resource::tag_resource;
pub use untag_resource::untag_resource;
