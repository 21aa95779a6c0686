//! Code archives become files.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use lambdock_protocol::archive::{FOLDER_MODE, Kind, LINK_LIMIT, mode, place};
use zip::read::ZipFile;
use zip::{System, ZipArchive};

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is no zip, or damaged.
    #[error("the code archive is damaged: {0}")]
    Damaged(#[from] zip::result::ZipError),
    /// An entry would be outside of the target folder.
    #[error("the code archive has an entry that leads out of its folder or is too long: {0:?}")]
    LeadsOut(String),
    /// A file cannot be written or an entry not read.
    #[error("cannot unpack {0:?}: {1}")]
    Entry(String, io::Error),
}

/// Unpacks `archive` into `target`. What is there already is replaced, but for folders by folders; modes are kept
/// ([`lambdock_protocol::archive::mode`]); links stay links wherever they lead, and nothing is written through one that leads out.
///
/// # Errors
/// The archive cannot be unpacked; some of it may have been.
pub(crate) fn unpack(archive: impl Read + Seek, target: &Path) -> Result<(), Error> {
    let mut archive = ZipArchive::new(archive)?;
    let target = &target.canonicalize().map_err(|error| Error::Entry(target.display().to_string(), error))?;
    let (mut links, mut folders) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let failed = |error| Error::Entry(name.clone(), error);
        let relative = place(&name).ok_or_else(|| Error::LeadsOut(name.clone()))?;
        if entry.is_dir() {
            let path = make_folder(target, &relative).map_err(failed)?;
            folders.push((name, path, mode(unix_mode(&entry), Kind::Folder)));
            continue;
        }
        if entry.is_symlink() {
            let mut link = Vec::new();
            entry.by_ref().take(LINK_LIMIT).read_to_end(&mut link).map_err(failed)?;
            links.push((name, relative, link));
            continue;
        }
        let path = make_room(target, &relative).map_err(failed)?;
        let mode = mode(unix_mode(&entry), Kind::Leaf);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        copy(&mut entry, &mut file)
            .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)))
            .map_err(failed)?;
    }
    // Not at once: a folder may not be ours to write into.
    for (name, path, mode) in folders {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| Error::Entry(name, error))?;
    }
    // Links come last, so that no entry is written through one.
    for (name, relative, link) in links {
        make_room(target, &relative)
            .and_then(|path| symlink(OsStr::from_bytes(&link), path))
            .map_err(|error| Error::Entry(name, error))?;
    }
    Ok(())
}

/// The mode that an entry was given on a Unix.
fn unix_mode<R: Read>(entry: &ZipFile<'_, R>) -> Option<u32> {
    // Of archives from elsewhere the library makes one up.
    (entry.system() == System::Unix).then(|| entry.unix_mode()).flatten()
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

/// Makes the folder of an entry and takes away what is in the entry's place. Gives the place.
fn make_room(target: &Path, relative: &Path) -> io::Result<PathBuf> {
    let folder = make_folder(target, relative.parent().unwrap_or(Path::new("")))?;
    let path = folder.join(relative.file_name().unwrap_or_default());
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path)?,
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(path)
}

/// Makes a folder below `target` and all above it. What is in the way and no folder gives way to one; links of earlier
/// archives to folders below `target` are followed, those that lead out are in the way.
fn make_folder(target: &Path, relative: &Path) -> io::Result<PathBuf> {
    let mut path = target.to_owned();
    for part in relative {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(metadata) => {
                if let Some(folder) = metadata.is_symlink().then(|| folder_inside(target, &path)).flatten() {
                    path = folder;
                    continue;
                }
                fs::remove_file(&path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(path)
}

/// The folder below `target` that a link leads to.
fn folder_inside(target: &Path, link: &Path) -> Option<PathBuf> {
    link.canonicalize().ok().filter(|folder| folder.is_dir() && folder.starts_with(target))
}

#[cfg(test)]
mod tests;
