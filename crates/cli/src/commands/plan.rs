//! `multibeam plan`

use std::collections::BTreeMap;

use multibeam_coordinator::durations::Durations;
use multibeam_coordinator::plan::target_plan;
use multibeam_forecast::{ClusterScene, Costs, Scene, TargetScene, forecast};
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::run::RunSpec;
use multibeam_model::{ClusterId, TargetId};

use super::fail;
use super::list::{SEED, discover_all, distinct};
use crate::args::{ColorChoice, PlanArgs};
use crate::exit::Exit;
use crate::files::write_file;
use crate::plan_view::{Planned, html, json, text};
use crate::{load, output};

/// Says how long a run file should take, without running it.
#[must_use]
pub fn run(args: &PlanArgs, color: ColorChoice) -> Exit {
    match planned(args, color) {
        Ok(()) => Exit::SUCCESS,
        Err(exit) => exit,
    }
}

fn planned(args: &PlanArgs, color: ColorChoice) -> Result<(), Exit> {
    let run = load::load(&args.file, args.mode.map(Into::into), color)?.run;
    let all: Vec<usize> = (0..run.targets.len()).collect();
    let suites = distinct(&run, &all);
    let found = discover_all(&run, &suites, run.seed.unwrap_or(SEED))?;
    let mut catalogs: BTreeMap<usize, &Catalog> = BTreeMap::new();
    for ((_, targets), found) in suites.iter().zip(&found) {
        catalogs.extend(targets.iter().map(|target| (*target, &found.catalog)));
    }
    let scene = scene(&run, &catalogs);
    let forecast = forecast(&scene).map_err(|error| fail(Exit::INPUT, &error))?;
    let planned = Planned {
        run: &run,
        scene: &scene,
        forecast: &forecast,
        catalogs: &catalogs,
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

/// The run as the forecast wants it: every target with the plan that its run would have.
fn scene(run: &RunSpec, catalogs: &BTreeMap<usize, &Catalog>) -> Scene {
    let durations = Durations::built_in();
    let target = |(index, catalog): (&usize, &&Catalog)| {
        let target = run.targets.get(*index)?;
        let id = TargetId(u32::try_from(*index).ok()?);
        Some(TargetScene {
            name: target.name.clone(),
            clusters: target.clusters.iter().copied().map(ClusterId).collect(),
            plan: target_plan(id, catalog, durations, &run.limits.spec_timeouts),
        })
    };
    let cluster = |cluster: &multibeam_model::run::ClusterSpec| ClusterScene {
        workers: vec![cluster.processes; cluster.workers as usize],
        ..ClusterScene::new(&cluster.name, 0)
    };
    Scene {
        targets: catalogs.iter().filter_map(target).collect(),
        clusters: run.clusters.iter().map(cluster).collect(),
        costs: Costs::default(),
    }
}
