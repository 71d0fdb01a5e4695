//! Matching the specs of the probe to those of the dry run.

use std::collections::{BTreeMap, VecDeque};

use super::{CatalogError, GroupIndex, Placement, SerialIndex, Spec, SpecIndex};
use crate::dryrun::DryRun;
use crate::spec::{SpecHeader, SpecKey};

/// Gives each spec of the dry run to exactly one report of the probe.
pub(super) struct Join {
    free: BTreeMap<SpecKey, VecDeque<SpecIndex>>,
}

impl Join {
    pub(super) fn new(dry_run: &DryRun) -> Self {
        let mut free: BTreeMap<SpecKey, VecDeque<SpecIndex>> = BTreeMap::new();
        for (index, spec) in (0u32..).map(SpecIndex).zip(&dry_run.specs) {
            free.entry(spec.header.key()).or_default().push_back(index);
        }
        Self { free }
    }

    pub(super) fn take_all(
        &mut self,
        reports: &[SpecHeader],
    ) -> Result<Vec<SpecIndex>, CatalogError> {
        let mut taken = Vec::with_capacity(reports.len());
        for report in reports {
            let key = report.key();
            let index = self.free.get_mut(&key).and_then(VecDeque::pop_front);
            taken.push(index.ok_or_else(|| CatalogError::OnlyInProbe { spec: key.to_string() })?);
        }
        Ok(taken)
    }

    pub(super) fn expect_nothing_left(&self, dry_run: &DryRun) -> Result<(), CatalogError> {
        match self.free.values().flatten().min() {
            None => Ok(()),
            Some(index) => {
                let spec = dry_run.specs[index.0 as usize].header.key().to_string();
                Err(CatalogError::OnlyInDryRun { spec })
            }
        }
    }
}

/// The specs of the dry run with their places.
pub(super) fn specs(
    dry_run: &DryRun,
    groups: &[Vec<SpecIndex>],
    serial_groups: &[Vec<SpecIndex>],
) -> Vec<Spec> {
    let mut placements = BTreeMap::new();
    for (group, specs) in (0u32..).map(GroupIndex).zip(groups) {
        placements.extend(specs.iter().map(|spec| (*spec, Placement::Parallel(group))));
    }
    for (group, specs) in (0u32..).map(SerialIndex).zip(serial_groups) {
        placements.extend(specs.iter().map(|spec| (*spec, Placement::Serial(group))));
    }
    let mut copies: BTreeMap<SpecKey, u32> = BTreeMap::new();
    let planned = (0u32..).map(SpecIndex).zip(&dry_run.specs);
    planned
        .map(|(index, planned)| {
            let header = &planned.header;
            let copies = copies.entry(header.key()).or_default();
            let ordinal = *copies;
            *copies += 1;
            Spec {
                containers: header.container_hierarchy_texts.clone(),
                leaf: header.leaf_node_text.clone(),
                location: header.leaf_node_location.clone(),
                ordinal,
                labels: header.labels(),
                selection: planned.selection(),
                placement: placements[&index],
            }
        })
        .collect()
}
