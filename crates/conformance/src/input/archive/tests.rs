use std::io::Write as _;

use tar::{Builder, EntryType, Header};

use super::*;
use crate::limits::{ENTRIES, HEADERS};

const JUNIT: &str = "<testsuites><testsuite></testsuite></testsuites>";

fn archive(fill: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    fill(&mut builder);
    builder.into_inner().unwrap()
}

/// A member whose header is written as it is: the builder itself refuses hostile ones.
fn add(builder: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, link: &str, data: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, data).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<Evidence>, InputError> {
    super::read(bytes, "a.tar").map(|found| found.expect("an archive"))
}

fn fault(kind: EntryType, path: &str, link: &str) -> EntryFault {
    let bytes = archive(|builder| {
        add(builder, EntryType::Regular, "junit_01.xml", "", JUNIT.as_bytes());
        add(builder, kind, path, link, b"");
    });
    match read(&bytes).unwrap_err() {
        InputError::Entry { fault, .. } => fault,
        error => panic!("{error}"),
    }
}

#[test]
fn a_sonobuoy_tarball_is_read_whatever_its_compression() {
    let name = "plugins/e2e/results/global";
    let plain = archive(|builder| {
        add(builder, EntryType::Directory, "./plugins/", "", b"");
        add(builder, EntryType::Regular, "meta/config.json", "", b"{}");
        add(builder, EntryType::Regular, &format!("./{name}/e2e.log"), "", b"Ran\n");
        add(builder, EntryType::Regular, &format!("{name}/junit_01.xml"), "", JUNIT.as_bytes());
    });
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for bytes in [&plain[..], &gzip(&plain), &zstd] {
        let found = read(bytes).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, format!("a.tar/{name}"));
        assert!(found[0].read_junit().is_some() && found[0].read_log().is_some());
        assert_eq!(found[0].folder, None);
    }
}

#[test]
fn entries_that_results_do_not_have_refuse_the_archive() {
    for path in ["../e2e.log", "/etc/passwd", "a/../../e2e.log", "a\\..\\..\\b"] {
        assert_eq!(fault(EntryType::Regular, path, ""), EntryFault::Path, "{path}");
        assert_eq!(fault(EntryType::Symlink, path, "x"), EntryFault::Path, "{path}");
    }
    assert_eq!(fault(EntryType::Symlink, "e2e.log", "/etc/passwd"), EntryFault::Link);
    assert_eq!(fault(EntryType::Link, "e2e.log", "junit_01.xml"), EntryFault::Link);
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        assert_eq!(fault(kind, "e2e.log", ""), EntryFault::Device, "{kind:?}");
    }
}

#[test]
fn bombs_are_stopped() {
    let zeros = archive(|builder| {
        add(builder, EntryType::Regular, "e2e.log", "", &vec![0; 80 << 20]);
    });
    let said = read(&gzip(&zeros)).unwrap_err().to_string();
    assert!(said.contains("decompression bomb"), "{said}");
    // Not read, and stopped all the same.
    let zeros = archive(|builder| {
        add(builder, EntryType::Regular, "other", "", &vec![0; 80 << 20]);
    });
    let said = read(&zstd::encode_all(&zeros[..], 3).unwrap()).unwrap_err().to_string();
    assert!(said.contains("decompression bomb"), "{said}");

    let name = vec![b'x'; 2 * usize::try_from(HEADERS).unwrap()];
    let long = archive(|builder| add(builder, EntryType::GNULongName, "x", "", &name));
    let said = read(&long).unwrap_err().to_string();
    assert!(said.contains("header"), "{said}");

    let many = archive(|builder| {
        for _ in 0..=ENTRIES {
            add(builder, EntryType::Directory, "d/", "", b"");
        }
    });
    let said = read(&many).unwrap_err().to_string();
    assert!(said.contains("more than 100000 entries"), "{said}");
}

#[test]
fn a_limit_reached_within_a_file_is_told_as_a_limit() {
    let xml = format!("<testsuites><testsuite>{}", "<a></a>".repeat(12 << 20));
    let bomb =
        archive(|builder| add(builder, EntryType::Regular, "junit_01.xml", "", xml.as_bytes()));
    let error = read(&gzip(&bomb)).unwrap_err();
    assert!(matches!(error, InputError::Limit { .. }), "{error:?}");
    assert!(error.to_string().contains("decompression bomb"), "{error}");
}

#[test]
fn names_are_bounded_all_together() {
    let path = format!("{}/x", "d".repeat(90));
    let long = |at: usize| format!("{at}/{}", "y".repeat(400_000));
    let many = archive(|builder| {
        for at in 0..50 {
            let name = long(at);
            add(builder, EntryType::GNULongName, "././@LongLink", "", name.as_bytes());
            add(builder, EntryType::Regular, &path, "", b"");
        }
    });
    let said = read(&many).unwrap_err().to_string();
    assert!(said.contains("bytes of paths"), "{said}");
}

#[test]
fn a_file_that_is_there_twice_refuses_the_archive() {
    let twice = |first: &str, second: &str| {
        archive(|builder| {
            add(builder, EntryType::Regular, first, "", JUNIT.as_bytes());
            add(builder, EntryType::Regular, second, "", b"<other/>");
        })
    };
    let said = read(&twice("a/junit_01.xml", "./a/junit_01.xml")).unwrap_err().to_string();
    assert_eq!(
        said,
        "a.tar/a/junit_01.xml is there twice, expected once (hint: make the archive anew)"
    );
    // Another spelling is another file; the right one is read, wherever it stands.
    for (first, second) in [("junit_01.xml", "JUNIT_01.XML"), ("junit_9.xml", "junit_01.xml")] {
        let found = read(&twice(first, second)).unwrap();
        assert_eq!(found[0].junit.as_ref().unwrap().0, "junit_01.xml");
    }
}

#[test]
fn damaged_archives_are_no_verdict() {
    let bytes = archive(|builder| {
        add(builder, EntryType::Regular, "junit_01.xml", "", JUNIT.as_bytes());
        add(builder, EntryType::Regular, "e2e.log", "", &[b'x'; 4000]);
    });
    let packed = gzip(&bytes);
    for damaged in [&bytes[..2000], &packed[..packed.len() - 20]] {
        assert!(matches!(read(damaged), Err(InputError::Archive { .. })));
    }
    let empty = archive(|builder| add(builder, EntryType::Regular, "x", "", b"y"));
    assert!(matches!(read(&empty), Err(InputError::Nothing { .. })));
    assert_eq!(Compression::of(b"<testsuites/>"), None);
}
