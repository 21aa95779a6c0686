//! Hashes of what something is made from, to tell whether it has to be made again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Collects inputs; the order in which they are added counts.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a text: a version, a list, a command.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds the content of a file, or the names and contents of all files in a folder.
    pub(crate) fn path(mut self, path: &Path) -> Result<Self> {
        for file in files(path)? {
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
            self = self.text(&name);
            self.0.update((content.len() as u64).to_le_bytes());
            self.0.update(content);
        }
        Ok(self)
    }

    /// In hexadecimal, cut to what fits a label.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// All files of a folder and its folders, sorted; of a file, itself. Compiled leftovers are no input.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        if !["__pycache__", "target"].contains(&entry.file_name().to_string_lossy().as_ref()) {
            found.extend(files(&entry.path())?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_and_names_count_and_boundaries_do_not_blur() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let of_folder = || Fingerprint::default().path(folder.path()).unwrap().finish();
        fs::write(&file, "one").unwrap();
        let first = of_folder();
        assert_eq!(of_folder(), first);
        fs::write(&file, "two").unwrap();
        let second = of_folder();
        assert_ne!(second, first);
        fs::rename(&file, folder.path().join("b")).unwrap();
        assert_ne!(of_folder(), second);
        let split = |a: &str, b: &str| Fingerprint::default().text(a).text(b).finish();
        assert_ne!(split("ab", "c"), split("a", "bc"));
    }
}
