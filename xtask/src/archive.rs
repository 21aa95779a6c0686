//! Zip archives: functions' code, and wheels.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::fingerprint;

/// Packs a folder's content. The same content gives the same bytes: names are sorted, times are left out.
pub(crate) fn pack(folder: &Path, archive: &Path) -> Result<()> {
    if let Some(parent) = archive.parent() {
        fs::create_dir_all(parent)?;
    }
    let partial = archive.with_extension("partial");
    let mut writer = ZipWriter::new(File::create(&partial)?);
    for file in fingerprint::files(folder)? {
        let name = file.strip_prefix(folder).context("a file outside its folder")?.to_string_lossy();
        let executable = fs::metadata(&file)?.permissions().mode() & 0o111 != 0;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        writer.start_file(name.as_ref(), options)?;
        io::copy(&mut File::open(&file)?, &mut writer)?;
    }
    writer.finish()?;
    fs::rename(&partial, archive)?;
    Ok(())
}

/// Takes one file out of an archive.
pub(crate) fn extract(archive: &Path, name: &str, to: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(archive)?)?;
    let mut entry = archive.by_name(name).with_context(|| format!("{name} is not in the archive"))?;
    let partial = to.with_extension("partial");
    io::copy(&mut entry, &mut File::create(&partial)?)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    fs::rename(&partial, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_keeps_names_contents_and_modes_and_is_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("sub")).unwrap();
        fs::write(source.join("bootstrap"), "#!/bin/sh").unwrap();
        fs::set_permissions(source.join("bootstrap"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(source.join("sub/data"), "data").unwrap();

        let [first, second] = ["first.zip", "second.zip"].map(|name| {
            let archive = folder.path().join(name);
            pack(&source, &archive).unwrap();
            fs::read(archive).unwrap()
        });
        assert_eq!(first, second);

        let mut archive = ZipArchive::new(io::Cursor::new(first)).unwrap();
        let names: Vec<_> =
            (0..archive.len()).map(|i| archive.by_index(i).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(names, ["bootstrap", "sub/data"]);
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        extract(&folder.path().join("first.zip"), "sub/data", &folder.path().join("out")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "data");
    }
}
