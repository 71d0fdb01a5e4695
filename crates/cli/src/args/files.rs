//! `multibeam init` and `multibeam check`: the files that people write.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `multibeam init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Which example to write.
    #[arg(long, value_enum, default_value_t = Example::Full)]
    pub example: Example,
}

/// An example run file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// Every key, explained, with its default.
    Full,
    /// One target, one cluster.
    Minimal,
    /// Versions × CNI × kube-proxy.
    Matrix,
    /// A product file, for `multibeam bundle`.
    Product,
}

/// `multibeam check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The run file, or the product file of `bundle`.
    #[arg(short, long, value_name = "FILE", required_unless_present = "schema")]
    pub file: Option<PathBuf>,
    /// Look at nothing but the file: for a run at a standing coordinator, whose workers have the
    /// suites and kubeconfigs.
    #[arg(long, conflicts_with = "schema")]
    pub file_only: bool,
    /// Print mistakes as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the JSON schema of such files instead.
    #[arg(
        long,
        value_name = "OF",
        conflicts_with = "file",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "run"
    )]
    pub schema: Option<SchemaOf>,
}

/// What files a schema is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Run files.
    Run,
    /// Product files.
    Product,
}
