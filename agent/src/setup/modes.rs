//! Permission bits of paths and everything below them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Applies `mode`, octal digits with or without a prefix, to `path` and everything below. Links are left alone.
///
/// # Errors
/// `mode` is not octal, or a path cannot be changed.
pub(crate) fn apply(path: &Path, mode: &str) -> io::Result<()> {
    let digits = mode.strip_prefix("0o").unwrap_or(mode);
    let bits = u32::from_str_radix(digits, 8)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{mode:?} is not an octal mode")))?;
    walk(path, bits)
}

fn walk(path: &Path, bits: u32) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    if metadata.permissions().mode() & 0o7777 != bits {
        fs::set_permissions(path, fs::Permissions::from_mode(bits))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), bits)?;
        }
    }
    Ok(())
}
