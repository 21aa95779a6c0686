//! Event source mappings beyond their rows in the store: what their filters mean, and whether their sources are there.

pub mod lookup;
pub mod pattern;

pub use lookup::SourceLookup;
