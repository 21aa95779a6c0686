//! Code archives become files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is no zip, or damaged.
    #[error("the code archive is damaged: {0}")]
    Damaged(#[from] zip::result::ZipError),
    /// An entry would be outside of the target folder.
    #[error("the code archive has an entry that leads out of its folder: {0:?}")]
    LeadsOut(String),
    /// A file cannot be written or an entry not read.
    #[error("cannot unpack {0:?}: {1}")]
    Entry(String, io::Error),
}

/// `S_IFMT` and `S_IFLNK` of a zip's Unix mode.
const KIND: u32 = 0o170_000;
const SYMLINK: u32 = 0o120_000;

/// Longest target of a symbolic link that is believed, in bytes.
const LINK_LIMIT: u64 = 4096;

/// Unpacks `archive` into `target`. Files that exist are replaced; modes are kept, but everybody can read what there
/// is, as LocalStack has it; links stay links unless they lead out.
///
/// # Errors
/// The archive cannot be unpacked; some of it may have been.
pub(crate) fn unpack(archive: impl Read + Seek, target: &Path) -> Result<(), Error> {
    let mut archive = ZipArchive::new(archive)?;
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let failed = |error| Error::Entry(name.clone(), error);
        let relative = inside(&name).ok_or_else(|| Error::LeadsOut(name.clone()))?;
        let path = target.join(relative);
        let mode = entry.unix_mode().unwrap_or(0);
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(failed)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        if mode & KIND == SYMLINK {
            let mut link = String::new();
            entry.by_ref().take(LINK_LIMIT).read_to_string(&mut link).map_err(failed)?;
            links.push((name, path, link));
            continue;
        }
        replace(&path).map_err(failed)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).map_err(failed)?;
        copy(&mut entry, &mut file).map_err(failed)?;
    }
    // Links come last, so that no entry is written through one.
    for (name, path, link) in links {
        let folder =
            path.parent().and_then(|parent| parent.strip_prefix(target).ok()).unwrap_or(Path::new(""));
        if !stays_inside(folder, Path::new(&link)) {
            return Err(Error::LeadsOut(name));
        }
        replace(&path).and_then(|()| symlink(&link, &path)).map_err(|error| Error::Entry(name, error))?;
    }
    Ok(())
}

fn copy(entry: &mut impl Read, file: &mut File) -> io::Result<()> {
    let mut buffer = [0; 32 * 1024];
    loop {
        match entry.read(&mut buffer)? {
            0 => return Ok(()),
            length => file.write_all(&buffer[..length])?,
        }
    }
}

fn replace(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The path of an entry below the target, where absolute paths begin, as for `unzip`; `None`: it climbs.
fn inside(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!path.as_os_str().is_empty() && !name.contains('\0')).then_some(path)
}

/// Whether a link in `folder` (below the target) leads to somewhere below the target.
fn stays_inside(folder: &Path, link: &Path) -> bool {
    let mut depth = folder.components().count();
    for component in link.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
