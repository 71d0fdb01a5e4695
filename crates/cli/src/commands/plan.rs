//! `multibeam plan`

use std::collections::BTreeMap;

use multibeam_coordinator::plan::{scene, target_plan, target_spread};
use multibeam_forecast::forecast;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_history::{Basis, Durations};

use super::fail;
use super::list::SEED;
use crate::args::{ColorChoice, PlanArgs};
use crate::catalog_view::selected;
use crate::discovery::{discover_all_blocking, distinct};
use crate::exit::Exit;
use crate::files::write_file;
use crate::on_disk::Extent;
use crate::plan_view::{Planned, html, json, text};
use crate::written::Written;
use crate::{history, load, output};

/// Says how long a run file should take, without running it.
#[must_use]
pub fn run(args: &PlanArgs, color: ColorChoice) -> Exit {
    match planned(args, color) {
        Ok(()) => Exit::SUCCESS,
        Err(exit) => exit,
    }
}

fn planned(args: &PlanArgs, color: ColorChoice) -> Result<(), Exit> {
    let loaded = load::load(&args.file, args.mode.map(Into::into), Extent::SUITES, color)?;
    let history = history::recall(&args.place, loaded.results_at(&args.place))?;
    let run = &loaded.run;
    let all: Vec<usize> = (0..run.targets.len()).collect();
    let suites = distinct(run, &all);
    let seed = run.seed.unwrap_or(SEED);
    let found = discover_all_blocking(run, &suites, seed, Written::In(&loaded, color))?;
    let mut catalogs: BTreeMap<usize, &Catalog> = BTreeMap::new();
    for ((_, targets), found) in suites.iter().zip(&found) {
        catalogs.extend(targets.iter().map(|target| (*target, &found.catalog)));
    }
    let durations: BTreeMap<usize, Durations> = catalogs
        .keys()
        .map(|target| (*target, Durations::of(&history, &run.targets[*target].labels)))
        .collect();
    let scene = scene(run, |target| {
        let place = target.0 as usize;
        let (catalog, durations) = (catalogs[&place], &durations[&place]);
        let plan = target_plan(target, catalog, durations, &run.limits);
        (plan, target_spread(catalog, durations))
    });
    let forecast = forecast(&scene).map_err(|error| fail(Exit::INPUT, &error))?;
    let planned = Planned {
        run,
        scene: &scene,
        forecast: &forecast,
        catalogs: &catalogs,
        bases: bases(&catalogs, &durations),
        process_memory: args.process_memory << 20,
    };
    if let Some(path) = &args.html {
        write_file(path, html::page(&planned).as_bytes())?;
    }
    output::print(|out| match args.json {
        true => json::write(out, &planned),
        false => text::write(out, &planned, output::style(color), output::columns()),
    })
}

/// What says how long the selected specs of a run take, and how many it says it of.
fn bases(
    catalogs: &BTreeMap<usize, &Catalog>,
    durations: &BTreeMap<usize, Durations>,
) -> BTreeMap<Basis, usize> {
    let mut bases = BTreeMap::new();
    for (target, catalog) in catalogs {
        let Some(durations) = durations.get(target) else { continue };
        for spec in selected(catalog) {
            let basis = durations.estimate(&catalog.full_text(spec)).basis;
            *bases.entry(basis).or_default() += 1;
        }
    }
    bases
}
