//! Which command is the runtime.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where a runtime may be, in order. [AWS: custom runtimes]
pub(crate) const CANDIDATES: [&str; 3] = ["/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap"];

/// A command line and where to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Program and arguments.
    pub arguments: Vec<String>,
    /// Folder to run in.
    pub folder: PathBuf,
}

/// The command of a function: the one given, for images, else the first bootstrap that there is below `root`. What
/// the function's user may not execute is made executable.
pub(crate) fn find(root: &Path, given: Option<&[String]>, folder: Option<&str>) -> Command {
    if let Some(arguments) = given.filter(|arguments| !arguments.is_empty()) {
        let folder = folder.filter(|folder| !folder.is_empty()).unwrap_or("/");
        let folder = below(root, folder);
        match arguments.first() {
            Some(program) if program.starts_with('/') => make_executable(&below(root, program)),
            Some(program) if program.contains('/') => make_executable(&folder.join(program)),
            // It is looked for where programs are.
            Some(_) | None => {}
        }
        return Command { arguments: arguments.to_vec(), folder };
    }
    let paths = CANDIDATES.map(|candidate| below(root, candidate));
    let found = paths.iter().find(|path| fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()));
    let path = found.unwrap_or(&paths[0]);
    make_executable(path);
    Command {
        arguments: vec![path.to_string_lossy().into_owned()],
        folder: below(root, folder.unwrap_or("/var/task")),
    }
}

/// Lets everybody execute a file that only its owner or its group may, or nobody.
fn make_executable(path: &Path) {
    if let Ok(metadata) = fs::metadata(path)
        && metadata.is_file()
        && metadata.permissions().mode() & 0o001 == 0
    {
        // If it cannot be changed, starting it says what is wrong.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
    }
}

/// `path`, which is absolute, below `root`.
pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
