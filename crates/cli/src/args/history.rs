//! `multibeam history`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Place;

/// `multibeam history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: HistoryCommand,
}

/// What to do with the durations of earlier runs.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Show what is expected of each spec, the longest first.
    List(HistoryListArgs),
    /// Write all durations as CSV.
    Export(HistoryExportArgs),
    /// Add durations: CSV, junit_01.xml, report.json, or directories of results.
    Import(HistoryImportArgs),
}

/// `multibeam history list`
#[derive(Args, Debug)]
pub struct HistoryListArgs {
    /// Only specs whose text contains this.
    #[arg(long, value_name = "TEXT")]
    pub spec: Option<String>,
    /// Only durations of targets with this label; several must all be there.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `multibeam history export`
#[derive(Args, Debug)]
pub struct HistoryExportArgs {
    /// The file to write; standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `multibeam history import`
#[derive(Args, Debug)]
pub struct HistoryImportArgs {
    /// CSV files with the columns spec and seconds, JUnit files, Ginkgo's JSON reports, or directories
    /// that hold results.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// A label of the target that these are from, where the file does not say: durations count most for
    /// targets with the same labels.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Where to add them.
    #[command(flatten)]
    pub place: Place,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected a label such as cni=cilium".to_owned()),
    }
}
