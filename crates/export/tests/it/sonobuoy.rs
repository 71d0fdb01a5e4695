//! The tarball has the members and the tree that Sonobuoy's own code expects.

use std::io::{Cursor, Read};

use crate::common::{junit, report, subject};
use multibeam_export::sonobuoy::{Files, write};
use multibeam_export::{ExportError, Input};
use serde_json::Value;

fn archive(log: &[u8], announced: usize) -> Result<Vec<u8>, ExportError> {
    let report = report();
    let junit = junit(&report);
    let input =
        |name, bytes: usize, content| Input { name, bytes: u64::try_from(bytes).unwrap(), content };
    let (mut log, mut xml) = (Cursor::new(log), Cursor::new(&junit));
    let files = Files {
        report: &mut report.as_bytes(),
        log: input("e2e.log", announced, &mut log),
        junit: input("junit_01.xml", junit.len(), &mut xml),
    };
    let mut out = Vec::new();
    write(&subject(), files, &mut out).map(|()| out)
}

struct Member {
    path: String,
    content: Vec<u8>,
    header: tar::Header,
}

fn members(archive: &[u8]) -> Vec<Member> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let member = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        Member { path, content, header: entry.header().clone() }
    };
    archive.entries().unwrap().map(member).collect()
}

#[test]
fn members_are_sorted_and_say_nothing_about_who_made_them() {
    let log = b"log\n".repeat(1000);
    let first = archive(&log, log.len()).unwrap();
    assert_eq!(first, archive(&log, log.len()).unwrap());
    let members = members(&first);
    let paths: Vec<&str> = members.iter().map(|member| member.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "meta/clusterhealth.json",
            "meta/config.json",
            "meta/info.json",
            "plugins/e2e/definition.json",
            "plugins/e2e/results/global/e2e.log",
            "plugins/e2e/results/global/junit_01.xml",
            "plugins/e2e/sonobuoy_results.yaml",
        ]
    );
    assert!(paths.is_sorted());
    for member in &members {
        let header = &member.header;
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.mtime().unwrap(), 1_767_229_200);
        assert_eq!(header.mode().unwrap(), 0o644);
        assert_eq!(header.username().unwrap(), Some(""));
    }
    assert_eq!(members[4].content, log);
    // The head of a gzip stream has no time in it.
    assert_eq!(first[4..8], [0; 4]);
}

#[test]
fn the_results_are_what_sonobuoy_makes_of_the_junit_file() {
    let members = members(&archive(b"log", 3).unwrap());
    let results: Value = serde_json::from_slice(&members[6].content).unwrap();
    assert_eq!((&results["name"], &results["status"]), (&"e2e".into(), &"failed".into()));
    assert_eq!(results["meta"]["type"], "summary");
    let file = &results["items"][0];
    assert_eq!(file["meta"]["file"], "results/global/junit_01.xml");
    let suite = &file["items"][0];
    assert_eq!(suite["name"], "Kubernetes e2e suite");
    let xml = String::from_utf8(members[5].content.clone()).unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    // The rules of Sonobuoy's JunitProcessFile, on the file that is in the archive.
    let expected: Vec<(String, String, Option<String>)> = cases
        .map(|case| {
            let text = |tag| {
                let node = case.children().find(|node| node.has_tag_name(tag))?;
                Some(node.text().unwrap_or_default().trim().to_owned())
            };
            let status = match (text("skipped"), text("failure"), text("error")) {
                (Some(_), _, _) => "skipped",
                (None, None, None) => "passed",
                _ => "failed",
            };
            let name = case.attribute("name").unwrap().to_owned();
            (name, status.to_owned(), text("failure").or(text("error")))
        })
        .collect();
    let found = suite["items"].as_array().unwrap().iter().map(|item| {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let details = [&item["details"]["failure"], &item["details"]["error"]];
        let details = details.into_iter().find(|text| text.is_string()).map(word);
        (word(&item["name"]), word(&item["status"]), details)
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 6);
}

#[test]
fn a_file_that_changes_meanwhile_is_an_error() {
    for announced in [9, 11] {
        let error = archive(b"0123456789", announced).unwrap_err();
        assert!(matches!(error, ExportError::Length { file: "e2e.log", .. }), "{error}");
        assert!(error.to_string().contains(&format!("{announced} bytes, found 10")), "{error}");
    }
}
