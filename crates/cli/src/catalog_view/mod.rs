//! What a suite holds, for people and for scripts.

mod counts;
pub mod json;
pub mod text;

use multibeam_ginkgo::catalog::{Catalog, Placement, SpecIndex};
use multibeam_model::run::{SuiteSpec, TargetSpec};

/// A suite, and the targets that run it.
#[derive(Debug)]
pub struct Listed<'a> {
    /// How the run file calls it.
    pub suite: &'a SuiteSpec,
    /// The targets.
    pub targets: Vec<&'a TargetSpec>,
    /// What it holds.
    pub catalog: Catalog,
}

/// Indices of the selected specs, in the suite's order.
pub(crate) fn selected(catalog: &Catalog) -> impl Iterator<Item = SpecIndex> {
    let all = (0u32..).map(SpecIndex).zip(&catalog.specs);
    all.filter(|(_, spec)| spec.is_selected()).map(|(index, _)| index)
}

/// All specs of a group.
fn members(catalog: &Catalog, placement: Placement) -> &[SpecIndex] {
    match placement {
        Placement::Parallel(group) => &catalog.groups[group.0 as usize],
        Placement::Serial(group) => &catalog.serial_groups[group.0 as usize],
    }
}

#[cfg(test)]
mod tests;
