//! How much runs on a cluster at once, as the run file says.

use std::collections::BTreeSet;

use multibeam_e2e::{RunFile, Scratch, suites, trace};
use serde_json::json;

#[test]
fn no_more_runs_on_a_cluster_than_the_run_file_allows() {
    let scratch = Scratch::new();
    let file = RunFile::new(&suites::shaped(suites::KUBERNETES))
        .set(&["suite", "focus"], json!([r"\[sig-(node|storage)\]"]))
        .set(
            &["concurrency"],
            json!({"perCluster": 3, "byTag": [{"match": "[sig-node]", "atOnce": 1}]}),
        )
        .env("SHAPED_SCALE", "5000")
        // More than the cluster is to have, from more than one worker.
        .set(&["defaults", "workers"], 2)
        .processes(4)
        .target("t", &["a"]);
    let (ended, results) = scratch.run_to_end(file);
    let _ = ended.expect(0);
    assert!(results.report("t").suite_succeeded);

    let executions = trace::executions(&scratch.trace("a"));
    trace::assert_serial_alone("a", &executions);
    let processes: BTreeSet<u32> = executions.iter().map(|it| it.start.process).collect();
    assert_eq!(processes, BTreeSet::from([1, 2, 3]));
    assert!(trace::most_at_once(executions.iter()) <= 3);
    let tagged = executions.iter().filter(|it| it.start.text.contains("[sig-node]"));
    assert!(tagged.clone().count() > 20);
    assert_eq!(trace::most_at_once(tagged), 1);
}
