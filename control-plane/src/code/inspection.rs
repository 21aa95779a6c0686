//! Pure: whether bytes are an archive that can be a function's code.

use std::io::{self, Read, Seek};

use lambdock_protocol::archive::{Kind, Layout};
use zip::ZipArchive;
use zip::result::ZipError;

/// Why an archive cannot be used, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a zip, damaged, encrypted, or with entries that cannot be unpacked: outside of the function's folder, or a
    /// file where another entry has a folder.
    /// [AWS: recorded for CreateFunction and PublishLayerVersion]
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    Unreadable,
    /// No bytes, or no entries. [AWS: CreateFunction's answer to an empty `ZipFile`]
    #[error("Uploaded file must be a non-empty zip")]
    Empty,
    /// Unpacked, it would reach the limit, which is included in bytes. [AWS: recorded]
    #[error("Unzipped size must be smaller than {0} bytes")]
    TooLarge(u64),
}

/// Checks an archive by its directory, without unpacking it. Gives the bytes of what is in it.
///
/// # Errors
/// The archive cannot be used.
pub fn inspect(archive: impl Read + Seek, unzipped_limit: u64) -> Result<u64, Fault> {
    let mut archive = open(archive)?;
    let mut total: u64 = 0;
    let mut layout = Layout::default();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|_| Fault::Unreadable)?;
        if entry.encrypted() {
            return Err(Fault::Unreadable);
        }
        let name = entry.name().map_err(|_| Fault::Unreadable)?;
        let kind = if entry.is_dir() { Kind::Folder } else { Kind::Leaf };
        layout.add(&name, kind).map_err(|_| Fault::Unreadable)?;
        total = total.saturating_add(entry.size());
    }
    layout.check().map_err(|_| Fault::Unreadable)?;
    if total >= unzipped_limit { Err(Fault::TooLarge(unzipped_limit)) } else { Ok(total) }
}

/// Unpacks the whole archive into nowhere: finds damaged data, and directories that lie about sizes.
///
/// # Errors
/// The archive cannot be used.
pub fn verify(archive: impl Read + Seek, unzipped_limit: u64) -> Result<(), Fault> {
    let mut archive = open(archive)?;
    let mut left = unzipped_limit;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| Fault::Unreadable)?;
        let copied = io::copy(&mut entry.take(left), &mut io::sink()).map_err(|_| Fault::Unreadable)?;
        left -= copied;
        if left == 0 {
            return Err(Fault::TooLarge(unzipped_limit));
        }
    }
    Ok(())
}

fn open<R: Read + Seek>(mut archive: R) -> Result<ZipArchive<R>, Fault> {
    let length = archive.seek(io::SeekFrom::End(0)).map_err(|_| Fault::Unreadable)?;
    if length == 0 {
        return Err(Fault::Empty);
    }
    let archive = ZipArchive::new(archive).map_err(|_: ZipError| Fault::Unreadable)?;
    if archive.is_empty() { Err(Fault::Empty) } else { Ok(archive) }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const LIMIT: u64 = 10_000;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn check(bytes: &[u8], expected: Result<(), Fault>) {
        assert_eq!(inspect(Cursor::new(bytes), LIMIT).map(|_unzipped| ()), expected);
    }

    #[test]
    fn an_ordinary_archive_passes() {
        let bytes = archive(&[("index.js", b"x"), ("lib/a.js", b"y")]);
        check(&bytes, Ok(()));
        assert_eq!(verify(Cursor::new(&bytes), LIMIT), Ok(()));
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        check(b"not a zip", Err(Fault::Unreadable));
        check(b"", Err(Fault::Empty));
        check(&archive(&[]), Err(Fault::Empty));
    }

    #[test]
    fn an_entry_that_climbs_out_is_refused() {
        check(&archive(&[("../../etc/passwd", b"x")]), Err(Fault::Unreadable));
    }

    #[test]
    fn a_file_where_another_entry_has_a_folder_is_refused() {
        check(&archive(&[("a", b"x"), ("a/b", b"y")]), Err(Fault::Unreadable));
        check(&archive(&[("a/b", b"y"), ("a", b"x")]), Err(Fault::Unreadable));
    }

    #[test]
    fn links_are_taken_wherever_they_lead_and_files_below_them_are_not() {
        let linked = |more: Option<&str>| {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.add_symlink("link", "/opt/lib", SimpleFileOptions::default()).unwrap();
            more.into_iter().for_each(|name| writer.start_file(name, SimpleFileOptions::default()).unwrap());
            writer.finish().unwrap().into_inner()
        };
        check(&linked(None), Ok(()));
        check(&linked(Some("link/planted")), Err(Fault::Unreadable));
    }

    #[test]
    fn the_limit_itself_is_too_large() {
        check(&archive(&[("a", &[0; 5000]), ("b", &[0; 5000])]), Err(Fault::TooLarge(LIMIT)));
        check(&archive(&[("a", &[0; 5000]), ("b", &[0; 4999])]), Ok(()));
    }

    #[test]
    fn a_directory_that_lies_about_sizes_is_found_out_by_unpacking() {
        let mut bytes = archive(&[("bomb", &[0; 50_000])]);
        // The uncompressed size in the central directory, 24 bytes into the entry's header.
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 24..directory + 28].copy_from_slice(&100_u32.to_le_bytes());
        assert_eq!(inspect(Cursor::new(&bytes), LIMIT), Ok(100));
        assert!(verify(Cursor::new(&bytes), LIMIT).is_err());
    }

    #[test]
    fn damaged_data_is_found_by_unpacking() {
        let mut bytes = archive(&[("a", &[7; 3000])]);
        let data = 30 + 1;
        bytes[data + 3] ^= 0xff;
        assert_eq!(verify(Cursor::new(&bytes), LIMIT), Err(Fault::Unreadable));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = inspect(Cursor::new(&bytes), LIMIT);
            let _ = verify(Cursor::new(&bytes), LIMIT);
        }

        #[test]
        fn a_flipped_byte_never_panics(position in 0usize..150, value in any::<u8>()) {
            let mut bytes = archive(&[("index.js", b"exports.handler"), ("b", b"c")]);
            let position = position % bytes.len();
            bytes[position] = value;
            let _ = inspect(Cursor::new(&bytes), LIMIT);
            let _ = verify(Cursor::new(&bytes), LIMIT);
        }
    }
}
