//! Pure: Lambda's resources and the rules they obey.
//!
//! Nothing here knows HTTP, JSON on the wire, a database, an engine or the time of day: what happened and when it
//! happened are arguments. Everything else in the control plane may use this crate; it uses nobody.

pub mod alias;
pub mod arn;
pub mod capacity_provider;
pub mod code;
pub mod code_signing;
pub mod concurrency;
pub mod configuration;
pub mod durable;
pub mod error;
pub mod event_invoke;
pub mod event_source_mapping;
pub mod function;
pub mod function_url;
pub mod layer;
pub mod limits;
pub mod policy;
pub mod recursion;
pub mod runtime;
pub mod runtime_management;
pub mod tags;
pub mod version;

pub use alias::Alias;
pub use arn::{FunctionId, FunctionReference, Qualifier, Scope};
pub use capacity_provider::CapacityProvider;
pub use code::Code;
pub use configuration::{Architecture, Configuration, PackageType};
pub use error::Error;
pub use event_source_mapping::EventSourceMapping;
pub use function::{Function, LastUpdate, Reason, ReasonCode, State, Version};
pub use layer::{LayerId, LayerVersion};
pub use limits::Limits;
pub use runtime::Runtime;
pub use version::{Publication, PublishTo, PublishedVersion, VersionName};

/// Milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);
