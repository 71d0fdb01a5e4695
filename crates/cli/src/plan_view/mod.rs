//! What is to be expected of a run, for people, for scripts, and as a chart.

pub(crate) mod html;
pub mod json;
pub mod text;

use std::collections::BTreeMap;

use multibeam_forecast::{Bar, Costs, Forecast, Scene};
use multibeam_ginkgo::catalog::Catalog;
use multibeam_history::Basis;
use multibeam_model::run::RunSpec;
use multibeam_model::{ClusterId, ProcessId};

use crate::view::{count, short};

/// A run and what is to be expected of it.
#[derive(Clone, Debug)]
pub struct Planned<'a> {
    /// The run.
    pub run: &'a RunSpec,
    /// The same as it was played.
    pub scene: &'a Scene,
    /// What came of it.
    pub forecast: &'a Forecast,
    /// The suites of the targets, by their places in the run file.
    pub catalogs: &'a BTreeMap<usize, &'a Catalog>,
    /// What says how long specs take, and of how many it says it.
    pub bases: BTreeMap<Basis, usize>,
    /// What one suite process is taken to need, in bytes.
    pub process_memory: u64,
}

/// A row of the chart: what one place for a process does. Processes that follow each other share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row<'a> {
    pub(crate) bars: Vec<&'a Bar>,
}

// === impl Planned ===

impl<'a> Planned<'a> {
    /// What the figures rest on, said under every plan.
    pub(crate) fn assumptions(&self) -> String {
        let Costs { boot, before_suite, after_suite, .. } = self.scene.costs;
        let said = |basis: &Basis| {
            let specs = self.bases.get(basis)?;
            Some(format!("{} from {}", count(*specs, "spec"), basis.describe()))
        };
        let said: Vec<String> = Basis::ALL.iter().filter_map(said).collect();
        format!(
            "Durations of {}. A process takes {} to start, its before-suite {}, its after-suite {}.",
            said.join(", "),
            short(boot),
            short(before_suite),
            short(after_suite)
        )
    }

    /// The specs of a bar, in short.
    pub(crate) fn name(&self, bar: &Bar) -> String {
        let catalog = self.catalogs.get(&(bar.target.0 as usize));
        let Some(catalog) = catalog else {
            return format!("group {}", bar.group);
        };
        let place = bar.group.0 as usize;
        let parallel = catalog.groups.len();
        let specs = match place.checked_sub(parallel) {
            Some(serial) => catalog.serial_groups.get(serial),
            None => catalog.groups.get(place),
        };
        let mut selected =
            specs.into_iter().flatten().filter(|spec| catalog.spec(**spec).is_selected());
        let first = selected.next().map(|spec| catalog.full_text(*spec)).unwrap_or_default();
        match selected.count() {
            0 => first,
            more => format!("{first} (and {more} more)"),
        }
    }

    /// The rows of a cluster: one for each process number, in order.
    pub(crate) fn rows(&self, cluster: ClusterId) -> Vec<Row<'a>> {
        let bars = self.forecast.course.bars.iter().filter(|bar| bar.cluster == cluster);
        let mut rows: BTreeMap<u32, Row<'a>> = BTreeMap::new();
        let number = |process: ProcessId| process.number.0;
        for bar in bars {
            rows.entry(number(bar.process)).or_default().bars.push(bar);
        }
        rows.into_values().collect()
    }

    /// The most processes that a cluster has at a time.
    pub(crate) fn processes(&self, cluster: ClusterId) -> u64 {
        let lives = self.forecast.course.lives.iter().filter(|life| life.cluster == cluster);
        let mut changes: Vec<_> =
            lives.flat_map(|life| [(life.from, 1_i64), (life.to, -1)]).collect();
        changes.sort_unstable();
        let counts = changes.into_iter().scan(0, |count, (_, change)| {
            *count += change;
            Some(*count)
        });
        u64::try_from(counts.max().unwrap_or(0)).unwrap_or(0)
    }
}
