//! Is the checked-in Rust code what the `.proto` files give? `UPDATE=1` writes it anew.

use std::fs;
use std::path::Path;

const PROTOS: [&str; 4] = [
    "multibeam/aggregator/v1/aggregator.proto",
    "multibeam/aggregator/v1/raft.proto",
    "multibeam/coordinator/v1/coordinator.proto",
    "multibeam/coordinator/v1/link.proto",
];

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gen_dir = root.join("src/gen");
    let fresh = tempfile::tempdir().unwrap();

    let files = protox::compile(PROTOS, [root.join("proto")]).unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        // The largest by far, and rare.
        .boxed(".multibeam.coordinator.v1.CoordinatorMessage.kind.prepare")
        .out_dir(fresh.path())
        .compile_fds(files)
        .unwrap();

    let mut names: Vec<_> =
        fs::read_dir(fresh.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["multibeam.aggregator.v1.rs", "multibeam.coordinator.v1.rs"]);

    for name in names {
        let want = fs::read(fresh.path().join(&name)).unwrap();
        let path = gen_dir.join(&name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &want).unwrap();
        }
        assert!(
            fs::read(&path).is_ok_and(|have| have == want),
            "{} differs from what the .proto files give (hint: UPDATE=1 cargo test -p \
             multibeam-proto --test it regenerate)",
            path.display()
        );
    }
}
