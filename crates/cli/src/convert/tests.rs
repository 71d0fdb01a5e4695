use super::*;

const HEAD: &str = "apiVersion: multibeam.dev/v1\nkind: Run\nsuite: {binary: ./e2e.test}\n";

fn run_of(text: &str) -> RunSpec {
    let text = format!("{HEAD}{text}");
    let parsed = multibeam_runfile::parse("run.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    run_spec(&parsed.run, Path::new("/runs/here"))
}

#[test]
fn a_matrix_becomes_targets_with_paths_of_the_run_file() {
    let run = run_of(
        "
name: nightly
certified: true
seed: 7
limits: {attempts: 2, lease: 30s, grace: 5s, spoolLimit: 1MiB, noWorkerGiveUp: 1m, clusterUnreadyGiveUp: 2m}
cleanup: off
results: {matrixJUnit: true}
targets:
  - name: v${matrix.k} / cilium
    matrix: {k: ['1.35', '1.36']}
    suite: {args: [--provider=skeleton], focus: ['\\[Conformance\\]'], env: {A: b}, workdir: ./w, timeout: 2h}
    clusters:
      - {name: 'c${matrix.k}-${cluster.index}', count: 2, kubeconfig: ../kube/config, context: 'x${matrix.k}-${cluster.index}', workers: 2, processes: 8}
",
    );
    assert_eq!((run.name.as_str(), run.certified, run.seed), ("nightly", true, Some(7)));
    assert!(run.matrix_junit && !run.limits.cleanup && run.rerun_of.is_none());
    assert_eq!(run.limits.attempts, 2);
    assert_eq!(run.limits.lease, Duration::from_secs(30));
    assert_eq!(run.limits.grace, Duration::from_secs(5));
    assert_eq!(run.limits.spool, 1 << 20);
    assert_eq!(run.limits.no_worker, Duration::from_secs(60));
    assert_eq!(run.limits.cluster_unready, Duration::from_secs(120));
    // A certified run has no limit unless it says so.
    assert_eq!(run.limits.spec_timeouts, []);

    let target = &run.targets[1];
    assert_eq!(
        (target.name.as_str(), target.dir_name.as_str()),
        ("v1.36 / cilium", "v1.36-cilium")
    );
    assert_eq!(target.labels["k"], "1.36");
    assert_eq!(target.clusters, [2, 3]);
    assert_eq!(target.suite.binary, "/runs/here/e2e.test");
    assert_eq!(target.suite.working_dir.as_deref(), Some("/runs/here/w"));
    assert_eq!(target.suite.args, ["--provider=skeleton"]);
    assert_eq!(target.suite.focus, ["\\[Conformance\\]"]);
    assert_eq!(target.suite.env["A"], "b");
    assert_eq!(target.suite.timeout, Duration::from_secs(7_200));
    let cluster = &run.clusters[3];
    assert_eq!((cluster.name.as_str(), cluster.workers, cluster.processes), ("c1.36-2", 2, 8));
    assert_eq!(cluster.kubeconfig.as_deref(), Some("/runs/here/../kube/config"));
    assert_eq!(cluster.context.as_deref(), Some("x1.36-2"));
}

#[test]
fn one_cluster_of_two_targets_is_one_cluster() {
    let run = run_of(
        "targets:\n  - {name: a, clusters: [{name: x}, {name: y}]}\n  - {name: b, clusters: [{name: y}]}\n",
    );
    let names: Vec<&str> = run.clusters.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["x", "y"]);
    assert_eq!(
        (run.targets[0].clusters.clone(), run.targets[1].clusters.clone()),
        (vec![0, 1], vec![1])
    );
    assert_eq!(run.clusters[0].kubeconfig, None);
}

#[test]
fn what_runs_at_once_is_as_the_file_says() {
    let run = run_of(
        "
concurrency: {perCluster: 6, adaptive: true, byTag: [{match: '[Heavy]', atOnce: 2}]}
targets: [{name: a, clusters: [{name: x}]}]
",
    );
    let concurrency = run.limits.concurrency;
    assert_eq!((concurrency.per_cluster, concurrency.adaptive), (Some(6), true));
    let rules: Vec<_> = concurrency.by_tag.iter().map(|it| (it.tag.as_str(), it.at_once)).collect();
    assert_eq!(rules, [("[Heavy]", 2)]);
}

#[test]
fn time_limits_keep_their_order_and_off_is_a_limit_out_of_reach() {
    let run = run_of(
        "
specTimeout: {default: 20m, byTag: [{match: '[Slow]', timeout: 1h}, {match: '[Long]', timeout: off}]}
targets: [{name: a, clusters: [{name: x}]}]
",
    );
    let rules = run.limits.spec_timeouts.iter().map(|rule| (rule.tag.as_deref(), rule.limit));
    assert_eq!(
        rules.collect::<Vec<_>>(),
        [
            (Some("[Slow]"), Duration::from_secs(3_600)),
            (Some("[Long]"), NO_LIMIT),
            (None, Duration::from_secs(1_200)),
        ]
    );
}

#[test]
fn absolute_paths_stay_and_dots_go() {
    let directory = Path::new("/runs/here");
    assert_eq!(absolute(directory, "/bin/e2e"), Path::new("/bin/e2e"));
    assert_eq!(absolute(directory, "./a/./b"), Path::new("/runs/here/a/b"));
    assert_eq!(absolute(directory, "."), Path::new("/runs/here"));
}

#[test]
fn people_see_paths_without_detours() {
    let here = tempfile::tempdir().unwrap();
    let directory = here.path().canonicalize().unwrap();
    std::fs::create_dir(directory.join("runs")).unwrap();
    std::fs::write(directory.join("e2e.test"), "").unwrap();
    let direct = directory.join("e2e.test").to_string_lossy().into_owned();
    let detour = directory.join("runs/../e2e.test").to_string_lossy().into_owned();
    assert_eq!(shown(&detour), direct);
    assert_eq!(shown(&direct), direct);
    assert_eq!(shown("/no/such/../file"), "/no/such/../file");
}
