use std::io::Cursor;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

enum Entry<'a> {
    File(&'a str, &'a str),
    Link(&'a str, &'a str),
}
use Entry::{File as AFile, Link};

fn archive(entries: &[Entry<'_>]) -> Cursor<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        match entry {
            AFile(name, content) => {
                writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o600)).unwrap();
                writer.write_all(content.as_bytes()).unwrap();
            }
            Link(name, target) => writer.add_symlink(*name, *target, SimpleFileOptions::default()).unwrap(),
        }
    }
    writer.finish().unwrap()
}

#[test]
fn everybody_can_read_and_run_what_is_unpacked() {
    let target = tempfile::tempdir().unwrap();
    unpack(archive(&[AFile("lib/a.js", "x"), Link("b.js", "lib/a.js")]), target.path()).unwrap();
    let mode = fs::metadata(target.path().join("lib/a.js")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(fs::read_to_string(target.path().join("b.js")).unwrap(), "x");
}

#[test]
fn a_longer_file_that_was_there_is_replaced_as_a_whole() {
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("a"), "a long text").unwrap();
    unpack(archive(&[AFile("a", "short")]), target.path()).unwrap();
    assert_eq!(fs::read_to_string(target.path().join("a")).unwrap(), "short");
}

#[test]
fn absolute_and_winding_paths_begin_at_the_target() {
    let target = tempfile::tempdir().unwrap();
    unpack(archive(&[AFile("/etc/a", "x"), AFile("b/../c", "y")]), target.path()).unwrap();
    assert_eq!(fs::read_to_string(target.path().join("etc/a")).unwrap(), "x");
    assert_eq!(fs::read_to_string(target.path().join("c")).unwrap(), "y");
}

#[test]
fn nothing_leads_out() {
    for entries in [
        &[AFile("../a", "x")][..],
        &[AFile("a/../../b", "x")],
        &[Link("a", "/etc/passwd")],
        &[Link("a", "../../x")],
        &[Link("d/a", "../../x")],
    ] {
        let target = tempfile::tempdir().unwrap();
        let inner = target.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let refused = unpack(archive(entries), &inner);
        assert!(matches!(refused, Err(Error::LeadsOut(_))), "{refused:?}");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
    }
}
