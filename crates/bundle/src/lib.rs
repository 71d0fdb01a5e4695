//! From the results of runs to submissions: `vX.Y/PRODUCT` with the four files that the CNCF takes,
//! and the title and text of a pull request.
//!
//! What is certified stands in a [`ProductFile`], one for all releases; [`ask`] asks for it where
//! there is none. What was run stands in a run's `run.json`, of which [`facts`] are taken. [`plan()`]
//! says which targets become which submissions; [`product_yaml`], [`readme()`], and [`pull_request`]
//! write what goes with the run's own `e2e.log` and `junit_01.xml`.
//!
//! The crate opens no file and asks no clock: the same run and product file give the same bytes.
//! Whether a submission holds is for `conformance` to say, about the files as they were written.

pub mod archive;
pub mod ask;
pub mod facts;
mod plan;
mod product_file;
pub mod product_yaml;
pub mod pull_request;
mod readme;
mod run_file;

pub use plan::{PlanError, Submission, of_the_example, plan, unused};
pub use product_file::{
    EXAMPLE, FIELDS, FieldInfo, Parsed, Product, ProductFile, is_product_file, parse, schema,
    schema_text,
};
pub use readme::{Reproduction, readme};

/// The files of a submission, in the order in which they are listed.
pub const FILES: [&str; 4] = ["PRODUCT.yaml", "README.md", "e2e.log", "junit_01.xml"];
