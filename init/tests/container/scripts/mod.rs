//! What scripts in Python are made of.

/// What every script may import: the Runtime API on one connection.
pub(crate) const RUNTIME: &str = include_str!("runtime.py");

/// What those have besides that call the Extensions API.
pub(crate) const EXTENSION: &str = include_str!("extension.py");
