//! Which extensions have processes of their own.

use std::fs;
use std::path::Path;

/// Where their files are. [AWS: external extensions]
pub(crate) const FOLDER: &str = "/opt/extensions";

/// A file beside the folder that turns extensions off. [AWS: runtime interface emulator]
const OFF: &str = "disable-extensions-jwigqn8j";

/// File names in `folder`, in the order in which they are started; `None`: extensions are turned off.
pub(crate) fn find(folder: &Path) -> Option<Vec<String>> {
    if folder.parent().is_some_and(|parent| parent.join(OFF).exists()) {
        return None;
    }
    let Ok(entries) = fs::read_dir(folder) else { return Some(Vec::new()) };
    let files = entries.flatten().filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_extensions_in_the_order_of_their_names_unless_turned_off() {
        let opt = tempfile::tempdir().unwrap();
        let folder = opt.path().join("extensions");
        assert_eq!(find(&folder), Some(vec![]));
        fs::create_dir_all(folder.join("b-folder")).unwrap();
        fs::write(folder.join("c"), "").unwrap();
        fs::write(folder.join("a"), "").unwrap();
        assert_eq!(find(&folder), Some(vec!["a".to_owned(), "c".to_owned()]));
        fs::write(opt.path().join(OFF), "").unwrap();
        assert_eq!(find(&folder), None);
    }
}
