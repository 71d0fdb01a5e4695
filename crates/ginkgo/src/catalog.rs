//! The product of discovery: every spec of a suite, the execution groups a parallel run hands out,
//! and the serial groups. Two catalogs of the same binary, arguments and seed are equal.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::argv::{ArgvError, skip_exactly};
use crate::dryrun::{DryRun, PreRunStats, Selection};
use crate::probe::ProbeOutcome;
use crate::report::SuiteConfig;
use crate::serial::{self, Neighbours};
use crate::spec::{CodeLocation, SpecHeader, SpecKey, full_text, match_text};
use crate::version::GinkgoVersion;

/// Version of the stored form. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// Position of a spec in [`Catalog::specs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpecIndex(pub u32);

/// Position of a group in [`Catalog::groups`], which is what `/counter` gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupIndex(pub u32);

/// Position of a group in [`Catalog::serial_groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SerialIndex(pub u32);

/// What decides which specs run, as the suite itself completed it. Every process of a run is given
/// exactly these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filters {
    /// For `--ginkgo.focus`.
    pub focus: Vec<String>,
    /// For `--ginkgo.skip`.
    pub skip: Vec<String>,
    /// For `--ginkgo.focus-file`.
    pub focus_files: Vec<String>,
    /// For `--ginkgo.skip-file`.
    pub skip_files: Vec<String>,
    /// For `--ginkgo.label-filter`; empty for none.
    pub label_filter: String,
    /// For `--ginkgo.sem-ver-filter`; empty for none.
    pub sem_ver_filter: String,
}

impl From<&SuiteConfig> for Filters {
    fn from(config: &SuiteConfig) -> Self {
        Self {
            focus: config.focus_strings.clone(),
            skip: config.skip_strings.clone(),
            focus_files: config.focus_files.clone(),
            skip_files: config.skip_files.clone(),
            label_filter: config.label_filter.clone(),
            sem_ver_filter: config.sem_ver_filter.clone(),
        }
    }
}

/// Where a spec is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// By any process, as part of this execution group.
    Parallel(GroupIndex),
    /// By process 1 of a session, with nothing else on its cluster.
    Serial(SerialIndex),
}

/// One spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Texts of the containers, outermost first.
    pub containers: Vec<String>,
    /// Text of the leaf.
    pub leaf: String,
    /// Place of the leaf.
    pub location: CodeLocation,
    /// Tells copies with equal text and place apart: 0, 1, ... in the suite's order.
    pub ordinal: u32,
    /// All labels, outermost first, each once.
    pub labels: Vec<String>,
    /// What the filters decided.
    pub selection: Selection,
    /// Where it is executed.
    pub placement: Placement,
}

impl Spec {
    /// Identity without the ordinal.
    pub fn key(&self) -> SpecKey {
        SpecKey { text: self.match_text(), location: self.location.clone() }
    }

    /// The text that Ginkgo's filters see, without the suite description.
    pub fn match_text(&self) -> String {
        match_text(&self.containers, &self.leaf)
    }

    /// True for a spec that process 1 runs with nothing else on its cluster.
    pub fn is_serial(&self) -> bool {
        matches!(self.placement, Placement::Serial(_))
    }

    /// True for a spec that will run.
    pub fn is_selected(&self) -> bool {
        self.selection == Selection::Selected
    }
}

/// Everything that is known about a suite before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// [`FORMAT`].
    pub format: u32,
    /// SHA-256 of the binary, in lower-case hexadecimal digits.
    pub suite_digest: String,
    /// See [`SuiteOptions::effective`](crate::argv::SuiteOptions::effective).
    pub arguments: Vec<String>,
    /// Seed of the order.
    pub seed: i64,
    /// Effective value: from the arguments or set by the suite itself.
    pub randomize_all: bool,
    /// What the suite was built with.
    pub ginkgo: GinkgoVersion,
    /// What `--version` prints, when it looks like a version (`v1.36.2`).
    pub suite_version: Option<String>,
    /// First argument of RunSpecs().
    pub suite_description: String,
    /// Working directory of the dry run.
    pub suite_path: String,
    /// An `FIt` or the like is left in the source.
    pub programmatic_focus: bool,
    /// Counts of the dry run.
    pub pre_run_stats: PreRunStats,
    /// What every process of a run is given.
    pub filters: Filters,
    /// All specs, in the order of a run with one process.
    pub specs: Vec<Spec>,
    /// The parallel execution groups; the position is the index of `/counter`.
    pub groups: Vec<Vec<SpecIndex>>,
    /// The serial specs in the order of process 1, cut into parts that stay on one cluster.
    pub serial_groups: Vec<Vec<SpecIndex>>,
}

/// What a catalog is made from.
#[derive(Debug)]
pub struct Discovered<'a> {
    /// SHA-256 of the binary, in lower-case hexadecimal digits.
    pub suite_digest: String,
    /// See [`SuiteOptions::effective`](crate::argv::SuiteOptions::effective).
    pub arguments: Vec<String>,
    /// Seed of dry run and probe.
    pub seed: i64,
    /// What the suite was built with.
    pub ginkgo: GinkgoVersion,
    /// What `--version` prints, when it looks like a version.
    pub suite_version: Option<String>,
    /// The dry run.
    pub dry_run: &'a DryRun,
    /// The probe, made with the same seed and the dry run's `randomize_all_specs`.
    pub probe: &'a ProbeOutcome,
    /// Neighbours in every order that was seen.
    pub lasting: &'a Neighbours,
}

/// Why dry run and probe do not fit each other.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CatalogError {
    /// The probe reported a spec that the dry run does not have.
    #[error(
        "expected probe and dry run to list the same specs, but only the probe has {spec} (hint: texts must not depend on the process number, the time, or chance)"
    )]
    OnlyInProbe {
        /// The spec.
        spec: String,
    },
    /// The dry run has a spec that the probe did not report.
    #[error(
        "expected probe and dry run to list the same specs, but only the dry run has {spec} (hint: texts must not depend on the process number, the time, or chance)"
    )]
    OnlyInDryRun {
        /// The spec.
        spec: String,
    },
    /// Two processes of the suite order their specs differently.
    #[error(
        "expected every process of the suite to have the same order, but {spec} moved (hint: the suite makes specs by ranging over a Go map; Ginkgo sorts them from 2.7 on)"
    )]
    OrderVaries {
        /// The first spec found elsewhere.
        spec: String,
    },
}

impl Catalog {
    /// Joins dry run and probe.
    ///
    /// # Errors
    /// [`CatalogError`] when they are not about the same specs in the same order.
    pub fn join(discovered: Discovered<'_>) -> Result<Self, CatalogError> {
        let Discovered { dry_run, probe, .. } = discovered;
        let mut join = join::Join::new(dry_run);
        let groups = probe.parallel.iter().map(|group| join.take_all(group));
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let serial = join.take_all(&probe.serial)?;
        join.expect_nothing_left(dry_run)?;
        let parallel: Vec<SpecIndex> = groups.iter().flatten().copied().collect();
        for list in [&parallel, &serial] {
            if let Some(pair) = list.windows(2).find(|pair| pair[0] > pair[1]) {
                let spec = &dry_run.specs[pair[1].0 as usize];
                return Err(CatalogError::OrderVaries { spec: spec.header.key().to_string() });
            }
        }
        let serial_groups: Vec<Vec<SpecIndex>> = serial::groups(&probe.serial, discovered.lasting)
            .into_iter()
            .map(|group| group.into_iter().map(|position| serial[position]).collect())
            .collect();

        let suite = &dry_run.suite;
        Ok(Self {
            format: FORMAT,
            suite_digest: discovered.suite_digest,
            arguments: discovered.arguments,
            seed: discovered.seed,
            randomize_all: suite.suite_config.randomize_all_specs,
            ginkgo: discovered.ginkgo,
            suite_version: discovered.suite_version,
            suite_description: suite.suite_description.clone(),
            suite_path: suite.suite_path.clone(),
            programmatic_focus: suite.suite_has_programmatic_focus,
            pre_run_stats: suite.pre_run_stats,
            filters: Filters::from(&suite.suite_config),
            specs: join::specs(dry_run, &groups, &serial_groups),
            groups,
            serial_groups,
        })
    }

    /// The spec at `index`.
    ///
    /// # Panics
    /// When `index` is not of this catalog.
    pub fn spec(&self, index: SpecIndex) -> &Spec {
        &self.specs[index.0 as usize]
    }

    /// The text that reports of this suite's Ginkgo show.
    pub fn full_text(&self, index: SpecIndex) -> String {
        let spec = self.spec(index);
        full_text(&spec.containers, &spec.leaf, self.ginkgo.effective())
    }

    /// True when a report is about the spec at `index` (or a copy of it). The n-th report after a
    /// hand-out must be about the n-th spec of its group.
    pub fn is_report_of(&self, index: SpecIndex, report: &SpecHeader) -> bool {
        report.is_spec() && report.key() == self.spec(index).key()
    }

    /// Parallel groups with at least one selected spec. The others need not be handed out.
    pub fn selected_groups(&self) -> impl Iterator<Item = GroupIndex> {
        let groups = (0u32..).map(GroupIndex).zip(&self.groups);
        groups.filter(|(_, specs)| self.any_selected(specs)).map(|(index, _)| index)
    }

    /// Serial groups with at least one selected spec.
    pub fn selected_serial_groups(&self) -> impl Iterator<Item = SerialIndex> {
        let groups = (0u32..).map(SerialIndex).zip(&self.serial_groups);
        groups.filter(|(_, specs)| self.any_selected(specs)).map(|(index, _)| index)
    }

    fn any_selected(&self, specs: &[SpecIndex]) -> bool {
        specs.iter().any(|spec| self.spec(*spec).is_selected())
    }

    /// Number of specs that will run.
    pub fn selected_specs(&self) -> usize {
        self.specs.iter().filter(|spec| spec.is_selected()).count()
    }

    /// Patterns for `--ginkgo.skip` that leave a process 1 only these serial groups.
    ///
    /// # Errors
    /// [`ArgvError::TooLong`] when a text does not fit into an argument.
    pub fn skip_all_serial_but(
        &self,
        here: &BTreeSet<SerialIndex>,
    ) -> Result<Vec<String>, ArgvError> {
        let texts: BTreeSet<String> = self.selected_serial_texts(|index| !here.contains(&index));
        skip_exactly(&self.suite_description, texts.iter().map(String::as_str))
    }

    /// Parallel groups that the patterns of [`Self::skip_all_serial_but`] hit too, because one of
    /// their specs has the text of a serial spec. A process started with such patterns would pass
    /// the spec over, so it must not be given these groups. Nearly always empty.
    pub fn groups_hit_by_serial_skips(&self, here: &BTreeSet<SerialIndex>) -> BTreeSet<GroupIndex> {
        let texts = self.selected_serial_texts(|index| !here.contains(&index));
        let specs = self.specs.iter().filter(|spec| spec.is_selected());
        specs
            .filter_map(|spec| match spec.placement {
                Placement::Parallel(group) if texts.contains(&spec.match_text()) => Some(group),
                _ => None,
            })
            .collect()
    }

    fn selected_serial_texts(&self, wanted: impl Fn(SerialIndex) -> bool) -> BTreeSet<String> {
        let specs = self.specs.iter().filter(|spec| spec.is_selected());
        specs
            .filter(|spec| matches!(spec.placement, Placement::Serial(group) if wanted(group)))
            .map(Spec::match_text)
            .collect()
    }
}

/// Why a stored catalog cannot be used.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Cut, damaged, or something else.
    #[error("expected a stored catalog")]
    Json(#[from] serde_json::Error),
    /// Written by another version of this program.
    #[error("expected a catalog of format {FORMAT}, got {found}")]
    Format {
        /// Format of the file.
        found: u32,
    },
    /// Specs and groups do not fit each other.
    #[error("expected every spec of a catalog in the group that it names, and no other there")]
    Torn,
}

impl Catalog {
    /// The stored form.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a catalog has string keys only")
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`ReadError`] for anything that this version did not write.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format: found } = serde_json::from_slice(bytes)?;
        if found != FORMAT {
            return Err(ReadError::Format { found });
        }
        let catalog: Self = serde_json::from_slice(bytes)?;
        match catalog.is_whole() {
            true => Ok(catalog),
            false => Err(ReadError::Torn),
        }
    }

    /// Whether each spec is in the group that it names, once, and no group has anything else: what is
    /// looked up later on is there. Catalogs come from other hosts.
    fn is_whole(&self) -> bool {
        let number = |index| u32::try_from(index).unwrap_or(u32::MAX);
        let parallel = self.groups.iter().enumerate();
        let parallel = parallel.flat_map(|(index, specs)| {
            let place = Placement::Parallel(GroupIndex(number(index)));
            specs.iter().map(move |spec| (*spec, place))
        });
        let serial = self.serial_groups.iter().enumerate();
        let serial = serial.flat_map(|(index, specs)| {
            let place = Placement::Serial(SerialIndex(number(index)));
            specs.iter().map(move |spec| (*spec, place))
        });
        let mut placed = vec![false; self.specs.len()];
        for (spec, place) in parallel.chain(serial) {
            let index = spec.0 as usize;
            if self.specs.get(index).is_none_or(|spec| spec.placement != place)
                || std::mem::replace(&mut placed[index], true)
            {
                return false;
            }
        }
        placed.into_iter().all(|placed| placed)
    }
}

mod join;
#[cfg(test)]
mod tests;
