//! The command lines in `deploy/kubernetes` are ones that the program takes, and operators find all
//! flags. The units are started by tests/e2e/tests/e2e/deploy.rs.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use multibeam::args::{Cli, Command};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(deploy().join(directory)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn parse(args: &[String]) -> Command {
    match Cli::try_parse_from(args) {
        Ok(cli) => cli.command,
        Err(error) => panic!("{args:?}: {error}"),
    }
}

/// The `args:` of the containers that have some. The manifests write them as one item per line.
fn container_args(manifest: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut lines = manifest.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "args:" {
            continue;
        }
        let mut args = vec!["multibeam".to_owned()];
        while let Some(line) = lines.peek().map(|line| line.trim()) {
            if let Some(arg) = line.strip_prefix("- ") {
                args.push(arg.replace("$(POD_NAME)", "coordinator-0"));
            } else if !line.starts_with('#') {
                break;
            }
            lines.next();
        }
        found.push(args);
    }
    found
}

#[test]
fn manifests_start_the_program_with_flags_that_it_has() {
    let mut roles = Vec::new();
    for path in files("kubernetes", "yaml") {
        for args in container_args(&fs::read_to_string(&path).unwrap()) {
            roles.push(match parse(&args) {
                Command::Aggregator(_) => "aggregator",
                Command::Coordinator(_) => "coordinator",
                Command::Worker(_) => "worker",
                other => panic!("no service: {other:?}"),
            });
        }
    }
    assert_eq!(roles, ["aggregator", "coordinator", "worker"]);
}

#[test]
fn the_page_for_operators_has_every_flag_of_a_service() {
    let page = fs::read_to_string(deploy().join("../docs/operations.md")).unwrap();
    let cli = Cli::command();
    for role in ["aggregator", "coordinator", "worker"] {
        let service = cli.find_subcommand(role).unwrap();
        for flag in service.get_arguments().filter_map(|arg| arg.get_long()) {
            // Without TLS nobody operates anything.
            let known = flag == "plaintext" || page.contains(&format!("`--{flag}"));
            assert!(known, "docs/operations.md: no --{flag} of {role}");
        }
    }
}
