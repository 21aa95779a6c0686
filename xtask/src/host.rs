//! What this machine has, and installing what it lacks where that is allowed: on Debian, as root.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::Run,
    progress::{say, step},
};

/// A program that a task needs, and the Debian packages that have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The program's name.
    pub(crate) program: &'static str,
    /// Debian packages to install for it.
    pub(crate) packages: &'static [&'static str],
}

/// Makes sure that programs are there, installing all that are missing at once.
///
/// Fails where something is missing and cannot be installed, naming it.
pub(crate) fn require(tools: &[Tool], purpose: &str) -> Result<()> {
    let missing: Vec<_> = tools.iter().filter(|tool| find(tool.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    install(&packages, purpose)?;
    for tool in missing {
        if find(tool.program).is_none() {
            bail!("{} is needed {purpose}, and {} did not bring it", tool.program, tool.packages.join(", "));
        }
    }
    Ok(())
}

/// Installs Debian packages, or says that they are needed where that is not possible here.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    if find("apt-get").is_none() {
        bail!(
            "this machine lacks what is in Debian's packages: {list} (needed {purpose}); please install it"
        );
    }
    if !is_root() {
        bail!("needed {purpose}: sudo apt-get install --no-install-recommends {list}");
    }
    step(&format!("install {list}"), || {
        // Lists that are too old name files that are gone.
        if !apt(&["update"]).succeeds() {
            say("  apt-get update failed; trying with the lists as they are");
        }
        apt(&["install", "--yes", "--no-install-recommends"]).args(packages).output_text().map(drop)
    })
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // Somebody else may be installing something right now.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command
}

/// The path of a program.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let executable = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    // Debian keeps daemons and mounting tools where a user's PATH may not look.
    let places = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&places)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(executable)
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0)
}

/// The release's name (`bookworm`) where this is Debian itself.
pub(crate) fn debian_suite() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim_matches('"'));
    (field("ID=") == Some("debian")).then(|| field("VERSION_CODENAME=").map(str::to_owned)).flatten()
}

/// Debian's mirror as the machine's own apt sources name it; `LAMBDOCK_DEBIAN_MIRROR` wins.
pub(crate) fn debian_mirror() -> Result<String> {
    if let Ok(mirror) = env::var("LAMBDOCK_DEBIAN_MIRROR") {
        return Ok(mirror);
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).find_map(|text| mirror_in(&text)).context(
        "no Debian mirror in /etc/apt; set LAMBDOCK_DEBIAN_MIRROR to the URL of one (its path ends with /debian)",
    )
}

/// Pure: the first archive of Debian itself in an apt sources file, of either format. Security updates and other
/// vendors' archives have other paths.
fn mirror_in(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(|uri| uri.trim_end_matches('/').to_owned())
}

/// The names that others have for this machine's architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// `x86_64`, `aarch64`: Rust, Python wheels.
    pub(crate) rust: &'static str,
    /// `x64`, `arm64`: Node.js.
    pub(crate) node: &'static str,
    /// `x86_64`, `arm64`: AWS.
    pub(crate) aws: &'static str,
}

impl Architecture {
    /// This machine's; images and functions are built for it.
    pub(crate) fn of_host() -> Result<Self> {
        match env::consts::ARCH {
            "x86_64" => Ok(Self { rust: "x86_64", node: "x64", aws: "x86_64" }),
            "aarch64" => Ok(Self { rust: "aarch64", node: "arm64", aws: "arm64" }),
            other => bail!("Lambda runs on x86_64 and arm64; this machine is {other}"),
        }
    }
}

/// A Python of the given version that could be copied elsewhere: one with a folder of its own.
pub(crate) fn own_python(version: &str) -> Result<PathBuf> {
    let name = format!("python{version}");
    let mut candidates: Vec<PathBuf> = find(&name).into_iter().collect();
    if let Ok(root) = Command::new("pyenv").arg("root").output_text() {
        candidates.extend(subfolders(&Path::new(&root).join("versions")).map(|v| v.join("bin").join(&name)));
    }
    if let Ok(path) = Command::new("uv").args(["python", "find", "--managed-python", version]).output_text() {
        candidates.push(path.into());
    }
    for candidate in candidates {
        let prefix =
            Command::new(&candidate).args(["-c", "import sys; print(sys.base_prefix)"]).output_text();
        if let Ok(prefix) = prefix
            && !["/usr", "/usr/local"].contains(&prefix.as_str())
        {
            return Ok(prefix.into());
        }
    }
    bail!(
        "no Python {version} that can be copied: `pyenv install {version}` or `uv python install {version}`"
    )
}

fn subfolders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_is_found_in_both_formats_and_security_archives_are_not_taken() {
        let stanza = "Types: deb\n# old\nURIs: http://mirror.test/debian-security\nSuites: x\n\nTypes: deb\nURIs: http://mirror.test/debian/\n";
        assert_eq!(mirror_in(stanza).as_deref(), Some("http://mirror.test/debian"));
        let line = "deb [signed-by=/k.gpg] https://mirror.test/pub/debian bookworm main\n";
        assert_eq!(mirror_in(line).as_deref(), Some("https://mirror.test/pub/debian"));
        assert_eq!(
            mirror_in("deb https://vendor.test/apt stable main\n# deb http://x/debian y main\n"),
            None
        );
    }
}
