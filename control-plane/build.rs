//! Puts the init binaries into the control plane.
//!
//! They are built for other targets than this crate and so cannot be its dependencies: `cargo xtask build` makes
//! them first and names their folder in `LAMBDOCK_INIT_DIR`. Without it the control plane compiles, for lints and unit
//! tests, with no init inside, and says so when it would need one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

fn main() {
    println!("cargo::rerun-if-env-changed=LAMBDOCK_INIT_DIR");
    let folder = env::var_os("LAMBDOCK_INIT_DIR").map(PathBuf::from);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for architecture in ARCHITECTURES {
        let target = out.join(format!("init-{architecture}"));
        match &folder {
            Some(folder) => copy(&folder.join(format!("init-{architecture}")), &target),
            None => fs::write(&target, []).expect("OUT_DIR can be written"),
        }
        let content = fs::read(&target).unwrap_or_default();
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(out.join(format!("init-{architecture}.sha256")), digest).expect("OUT_DIR can be written");
    }
}

fn copy(source: &Path, target: &Path) {
    println!("cargo::rerun-if-changed={}", source.display());
    if let Err(error) = fs::copy(source, target) {
        println!(
            "cargo::error=LAMBDOCK_INIT_DIR does not hold {}: {error}; run cargo xtask build",
            source.display()
        );
    }
}
