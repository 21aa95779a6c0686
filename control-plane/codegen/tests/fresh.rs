//! The files in the repository are what the generator writes today.

use std::fs;

use lambdock_codegen::{Model, generate, target_directory};

#[test]
fn the_generated_files_are_fresh() {
    for file in generate(&Model::read().unwrap()).unwrap() {
        let path = target_directory().join(&file.path);
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == file.text, "{} is stale; run `cargo run -p lambdock-codegen`", file.path.display());
    }
}
