//! Event source mappings beyond their rows in the store: what their filters mean, whether their sources are there, and
//! how their transitions end.

pub mod lookup;
pub mod pattern;
pub mod transitions;

pub use lookup::SourceLookup;
pub use transitions::Transitions;
