//! Layers: published, shown, shared, and used by functions.

mod add_layer_version_permission;
mod attach;
mod delete_layer_version;
mod find;
mod get_layer_version;
mod get_layer_version_by_arn;
mod get_layer_version_policy;
mod list_layer_versions;
mod list_layers;
mod publish_layer_version;
mod remove_layer_version_permission;
mod show;

pub use add_layer_version_permission::add_layer_version_permission;
pub(super) use attach::attached;
pub use delete_layer_version::delete_layer_version;
pub use get_layer_version::get_layer_version;
pub use get_layer_version_by_arn::get_layer_version_by_arn;
pub use get_layer_version_policy::get_layer_version_policy;
pub use list_layer_versions::list_layer_versions;
pub use list_layers::list_layers;
pub use publish_layer_version::publish_layer_version;
pub use remove_layer_version_permission::remove_layer_version_permission;
