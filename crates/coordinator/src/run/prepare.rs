//! Getting targets ready: every worker discovers the suite for itself, and serves a target when it
//! agrees with the others.

use std::time::Duration;

use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::command::Decision;
use multibeam_model::event::{What, Work};
use multibeam_model::link::{ClusterIdentity, CoordinatorMessage, Prepare, PrepareError, Prepared};
use multibeam_model::plan::TargetPlan;
use multibeam_model::run::TargetSpec;
use multibeam_model::{ClusterId, Moment, TargetId, Timestamp, WorkerId};
use multibeam_sched::Input;

use super::{ActiveRun, Target};
use crate::clock::wall;
use crate::committer::Effect;
use crate::messages::SentCatalog;

impl ActiveRun {
    /// Asks a worker to discover the targets that its cluster serves.
    pub(super) fn ask_to_prepare(&mut self, worker: &WorkerId, cluster: ClusterId) {
        let served = (0u32..).zip(&self.spec.targets);
        let served = served.filter(|(_, target)| target.clusters.contains(&cluster.0));
        let orders = served.map(|(place, target)| self.prepare_order(TargetId(place), target));
        let sends: Vec<_> = orders.map(|order| (worker.clone(), order)).collect();
        self.sends.extend(sends);
    }

    fn prepare_order(&self, id: TargetId, target: &TargetSpec) -> CoordinatorMessage {
        CoordinatorMessage::Prepare(Box::new(Prepare {
            run: self.id.clone(),
            target: id,
            target_name: target.name.clone(),
            suite: target.suite.clone(),
            seed: self.seed,
            certified: self.spec.certified,
            limits: self.spec.limits.clone(),
            holder: self.holder.clone(),
        }))
    }

    /// A worker is done with a target.
    pub(crate) fn prepared(
        &mut self,
        worker: &WorkerId,
        target: TargetId,
        result: Result<Prepared, PrepareError>,
        now: Moment,
    ) {
        let Some(cluster) = self.workers.get(worker).copied() else { return };
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(PrepareError { message, .. }) => {
                self.ask_another_for_catalog(target, worker);
                return self.is_unable(target, worker, cluster, message, now);
            }
        };
        // Which of two clusters is the wrong one nobody here can know.
        if let Err(reason) = self.identify(target, cluster, prepared.cluster.as_ref()) {
            return self.refuse_target(target, reason, now);
        }
        let run = self.id.clone();
        let Some(state) = self.target_mut(target).filter(|target| !target.refused) else { return };
        let mine = (prepared.suite_digest, prepared.catalog_digest);
        if let Err(reason) = state.agrees(worker, &mine) {
            return self.refuse_worker(target, worker, reason, now);
        }
        state.strangers.remove(worker);
        state.unable.remove(worker);
        state.ready.insert(worker.clone());
        if state.first.is_none() {
            state.first = Some((worker.clone(), mine.0, mine.1));
            // After a takeover the catalog is known already.
            if state.catalog.is_none() {
                let ask = CoordinatorMessage::SendCatalog { run, target };
                self.sends.push((worker.clone(), ask));
            }
        }
        self.schedule(Input::WorkerPrepared { worker: worker.clone(), target }, now);
    }

    /// Compares a cluster with the others of the run and of its target.
    fn identify(
        &mut self,
        target: TargetId,
        cluster: ClusterId,
        identity: Option<&ClusterIdentity>,
    ) -> Result<(), String> {
        let Some(identity) = identity else { return Ok(()) };
        let first = *self.identities.entry(identity.uid.clone()).or_insert(cluster);
        if first != cluster {
            return Err(format!(
                "clusters {} and {} are the same (its kube-system namespace has the UID {}) (hint: name it once)",
                self.cluster_name(first),
                self.cluster_name(cluster),
                identity.uid
            ));
        }
        let name = self.cluster_name(cluster).to_owned();
        let Some(state) = self.target_mut(target) else { return Ok(()) };
        let (first, version) =
            state.git_version.get_or_insert_with(|| (name.clone(), identity.git_version.clone()));
        if *version == identity.git_version {
            return Ok(());
        }
        Err(format!(
            "cluster {name} runs {}, but cluster {first} runs {version} (hint: all clusters of a target must have one version)",
            identity.git_version
        ))
    }

    /// A worker sent the catalog.
    pub(crate) fn catalog(&mut self, target: TargetId, sent: SentCatalog, now: Moment) {
        let SentCatalog { digest, bytes, catalog } = sent;
        let wanted = self.target_mut(target).and_then(|target| target.first.clone());
        if wanted.is_none_or(|(_, _, wanted)| wanted != digest) || self.catalog_of(target).is_some()
        {
            return;
        }
        let catalog = match catalog {
            Ok(catalog) => catalog,
            Err(error) => {
                let reason = format!("the suite's catalog cannot be read: {error}");
                return self.refuse_target(target, reason, now);
            }
        };
        if let Err(reason) = self.supports(target, &catalog) {
            return self.refuse_target(target, reason, now);
        }
        let decision = Decision::AdmitCatalog { target, digest, catalog: bytes, at: wall() };
        self.effect(Effect { decisions: vec![decision], ..Effect::default() });
        self.admit(target, catalog, now);
    }

    /// A worker that was to send catalogs is gone: another one that has them does.
    pub(super) fn ask_another_for_catalogs(&mut self, gone: &WorkerId) {
        for target in self.target_ids() {
            self.ask_another_for_catalog(target, gone);
        }
    }

    /// The same for one target, also when the worker could not send it.
    fn ask_another_for_catalog(&mut self, id: TargetId, gone: &WorkerId) {
        let Some(target) = self.targets.get_mut(id.0 as usize) else { return };
        target.ready.remove(gone);
        target.strangers.remove(gone);
        target.unable.remove(gone);
        let Some((first, ..)) = target.first.as_mut().filter(|_| target.catalog.is_none()) else {
            return;
        };
        if first != gone {
            return;
        }
        match target.ready.first() {
            Some(next) => {
                *first = next.clone();
                let ask = CoordinatorMessage::SendCatalog { run: self.id.clone(), target: id };
                self.sends.push((next.clone(), ask));
            }
            // The next one that is prepared is the first again, and nobody is a stranger to it yet.
            None => {
                target.first = None;
                let strangers = std::mem::take(&mut target.strangers);
                if let Some(spec) = self.spec.targets.get(id.0 as usize) {
                    let order = self.prepare_order(id, spec);
                    self.sends.extend(strangers.into_iter().map(|it| (it, order.clone())));
                }
            }
        }
    }

    /// Whether the suite was made for the clusters' version: the minors must be equal to certify.
    fn supports(&mut self, target: TargetId, catalog: &Catalog) -> Result<(), String> {
        let Some(suite) = catalog.suite_version.as_deref() else { return Ok(()) };
        let cluster = self.target_mut(target).and_then(|target| target.git_version.clone());
        let cluster = cluster.map(|(_, version)| version);
        let Some(cluster) = cluster.filter(|cluster| minor(cluster) != minor(suite)) else {
            return Ok(());
        };
        let text = format!("the suite is of {suite}, but the clusters run {cluster}");
        if self.spec.certified {
            return Err(format!("{text} (hint: a certified run needs the same minor version)"));
        }
        self.show(What::Warning { message: text });
        Ok(())
    }

    pub(super) fn prepared_event(
        &self,
        target: TargetId,
        catalog: &Catalog,
        plan: &TargetPlan,
    ) -> What {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let selected = || catalog.specs.iter().filter(|spec| spec.is_selected());
        let recovered = self.recovered.as_ref().and_then(|r| r.targets.get(&target));
        let (done, open): (Vec<_>, Vec<_>) = plan.groups.iter().partition(|group| {
            recovered
                .and_then(|recovered| recovered.groups.get(&group.id))
                .is_some_and(|group| group.sealed.is_some() || group.given_up.is_some())
        });
        let mut work = Work::default();
        for group in open {
            *work.part_mut(group.serial) += group.expected;
        }
        let done = done.into_iter().flat_map(|group| super::tell::specs_of(catalog, group.id));
        What::TargetPrepared {
            target,
            selected: count(selected().count()),
            total: count(catalog.specs.len()),
            serial: count(selected().filter(|spec| spec.is_serial()).count()),
            done: count(done.filter(|spec| catalog.spec(**spec).is_selected()).count()),
            expected: self.expect(target, plan),
            work,
            since: self.at_work_since(target),
        }
    }

    /// When a target's clock started: with its catalog, and anew with a resume.
    pub(crate) fn at_work_since(&self, target: TargetId) -> Timestamp {
        let place = self.targets.get(target.0 as usize);
        let admitted = place.and_then(|target| target.admitted.as_ref()).map(|it| it.at);
        admitted.map_or_else(wall, |at| self.resumed.map_or(at, |resumed| resumed.max(at)))
    }

    /// How long the target takes when every cluster is busy to the end: a lower bound, which the
    /// measured pace corrects soon.
    fn expect(&self, target: TargetId, plan: &TargetPlan) -> Duration {
        let of = |serial: bool| plan.groups.iter().filter(move |group| group.serial == serial);
        let parallel: Duration = of(false).map(|group| group.expected).sum();
        let serial: Duration = of(true).map(|group| group.expected).sum();
        let clusters = &self.spec.targets[target.0 as usize].clusters;
        let slots = clusters.iter().map(|cluster| {
            let cluster = &self.spec.clusters[*cluster as usize];
            cluster.workers.saturating_mul(cluster.processes)
        });
        let slots = slots.fold(0u32, u32::saturating_add);
        let longest = plan.groups.iter().map(|group| group.expected).max().unwrap_or_default();
        let share = u32::try_from(clusters.len()).unwrap_or(1).max(1);
        (parallel / slots.max(1) + serial / share).max(longest)
    }
}

impl Target {
    /// Whether a worker's suite and catalog, by their digests, are those of this target: what the run
    /// began with if it was taken up again, else what the first worker has.
    fn agrees(&self, worker: &WorkerId, mine: &(String, String)) -> Result<(), String> {
        let (suite, catalog) = mine;
        if self.admitted.as_ref().is_some_and(|admitted| admitted.digest != *catalog) {
            return Err(format!(
                "the suite is not the one that this run began with: on worker {worker} its SHA-256 is {} (hint: put the old binary and its arguments back, or start a new run)",
                short(suite)
            ));
        }
        match &self.first {
            Some((first, known, _)) if known != suite => Err(format!(
                "its suite has the SHA-256 {}, that of worker {first} has {} (hint: give all workers of a target the same binary)",
                short(suite),
                short(known)
            )),
            Some((first, _, known)) if known != catalog => Err(format!(
                "its suite lists other specs than that of worker {first} (hint: do arguments or environment differ?)"
            )),
            _ => Ok(()),
        }
    }
}

/// `v1.36.2` gives `1.36`.
fn minor(version: &str) -> String {
    let parts = version.trim_start_matches('v').split('.').take(2);
    let digits = parts.map(|part| part.trim_end_matches(|c: char| !c.is_ascii_digit()));
    digits.collect::<Vec<_>>().join(".")
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
