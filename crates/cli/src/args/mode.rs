//! The names of modes, as `sonobuoy run --mode` has them.

use clap::ValueEnum;
use multibeam_runfile::Mode;

/// Which specs to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// All of conformance, as a certified run: what a certificate needs.
    CertifiedConformance,
    /// Conformance without what disturbs others on the cluster. Cannot certify.
    NonDisruptiveConformance,
    /// Conformance without what is serial, slow, or disruptive. Cannot certify.
    ConformanceLite,
    /// One spec that makes a pod and removes it. Cannot certify.
    Quick,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::CertifiedConformance => Self::CertifiedConformance,
            ModeArg::NonDisruptiveConformance => Self::NonDisruptiveConformance,
            ModeArg::ConformanceLite => Self::ConformanceLite,
            ModeArg::Quick => Self::Quick,
        }
    }
}
