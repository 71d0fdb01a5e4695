//! Where runs are, and how a standing coordinator is reached.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where the run is: in a results directory, or at a standing coordinator.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The directory that holds the results of runs; `results` when absent.
    #[arg(long, value_name = "DIR", env = "MULTIBEAM_RESULTS")]
    pub results: Option<PathBuf>,

    /// A standing coordinator, such as `https://coordinator:7400`; several, by commas or by
    /// repeating it, are tried in turn.
    #[arg(long, value_name = "URL", env = "MULTIBEAM_ENDPOINT", value_delimiter = ',')]
    pub endpoint: Option<Vec<String>>,

    /// The certificates to use there (made by `multibeam pki`).
    #[command(flatten)]
    pub tls: TlsArgs,
}

impl Place {
    /// Where runs are looked for.
    #[must_use]
    pub fn results(&self) -> &Path {
        self.results.as_deref().unwrap_or(Path::new("results"))
    }
}

/// Certificates.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsArgs {
    /// The CA's certificate (PEM).
    #[arg(long, value_name = "FILE", env = "MULTIBEAM_CA")]
    pub ca: Option<PathBuf>,
    /// This side's certificate (PEM).
    #[arg(long, value_name = "FILE", env = "MULTIBEAM_CERT", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", env = "MULTIBEAM_KEY", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Speak without TLS. Only to and on loopback addresses.
    #[arg(long, conflicts_with_all = ["ca", "cert", "key"])]
    pub plaintext: bool,
}
