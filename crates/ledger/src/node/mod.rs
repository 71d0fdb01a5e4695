//! One member of the group that replicates the ledger.

pub mod disk;
