//! docs/architecture.md follows a spec through the code: the files that it names are there.

use std::path::Path;

/// `a/src/{b,c}.rs` are two files.
fn written_out(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (names, tail))) => {
            names.split(',').map(|name| format!("{head}{name}{tail}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

#[test]
fn every_file_on_the_page_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    // Every other piece stands between backticks, once the drawings are gone.
    let text: String = page.split("```").step_by(2).collect();
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|it| it.contains("/src") || it.contains('/') && it.ends_with(".rs"));
    let files: Vec<String> = named.flat_map(written_out).collect();
    assert!(files.len() > 20, "{files:?}");
    let there = |file: &&String| ["", "crates"].iter().any(|at| root.join(at).join(file).exists());
    let missing: Vec<&String> = files.iter().filter(|file| !there(file)).collect();
    assert!(missing.is_empty(), "not in the repository or in crates: {missing:?}");
}
