//! The in-container init, for each architecture that functions can have. See `build.rs`.

/// For x86_64, static.
pub static X86_64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-x86_64"));

/// For arm64, static.
pub static AARCH64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-aarch64"));
