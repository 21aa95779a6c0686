//! Writes the generated part of the control plane's wire layer. Run it after every change of the model or of this
//! program; a test fails while the files are stale.

use std::fs;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    for file in lambdock_codegen::generate(&lambdock_codegen::Model::read()?)? {
        let path = lambdock_codegen::target_directory().join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        // What is fresh stays untouched, so that nothing is built again for it.
        if fs::read_to_string(&path).is_ok_and(|there| there == file.text) {
            continue;
        }
        fs::write(&path, file.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
