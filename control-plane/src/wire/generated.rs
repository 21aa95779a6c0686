//! What `control-plane/codegen` writes from the model.

pub(crate) mod constraints;
pub(crate) mod errors;
/// The operations: an enum, and a unit type for each.
pub mod operations;
/// The structures of requests and responses, named as in the model.
pub mod shapes {
    mod inputs;
    mod outputs;
    mod shared;

    pub use inputs::*;
    pub use outputs::*;
    pub use shared::*;
}
