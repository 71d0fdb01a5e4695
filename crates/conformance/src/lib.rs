//! Conformance of Kubernetes as files: which tests a release requires, and whether results that lie
//! on a disk or in an archive prove that they passed.
//!
//! The path of a verification: [`input::collect`] reads directories, archives, and bare files as
//! streams into one [`Evidence`] per place; [`verify()`] holds each against the [`rules`] and the
//! required tests of a [`catalog`]; [`report`] prints what came out, for people and for machines.
//!
//! This crate reads what it is told to read and never writes a file, starts a program, or opens a
//! socket: its caller starts suite binaries and asks web servers, and gives it what they answer.
//! Whatever it reads may be hostile; [`limits`] says how much of it is taken.

pub mod catalog;
mod evidence;
pub mod input;
pub mod junit;
pub mod limits;
pub mod log;
mod minor;
pub mod product;
pub mod report;
pub mod rules;
mod verify;
mod yaml;

pub use evidence::{Evidence, FileKind, Kind, ListedFile, Readme};
pub use minor::Minor;
pub use rules::qualifying_with;
pub use verify::{
    Checked, Claim, ClaimSource, Online, PullRequest, Request, UrlAnswer, Verdict, claim, urls,
    verify,
};
