//! The in-container init, for each architecture that functions can have. See `build.rs`.

/// For x86_64, static.
pub static X86_64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-x86_64"));

/// For arm64, static.
pub static AARCH64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-aarch64"));

/// SHA-256 of the one for x86_64, in hex.
pub static X86_64_SHA256: &str = include_str!(concat!(env!("OUT_DIR"), "/init-x86_64.sha256"));

/// SHA-256 of the one for arm64, in hex.
pub static AARCH64_SHA256: &str = include_str!(concat!(env!("OUT_DIR"), "/init-aarch64.sha256"));
