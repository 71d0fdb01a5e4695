//! What a run file names on the disk is told with its place, also when the file has mistakes.

use multibeam_runfile::{Mention, Mentioned, examine};

const TEXT: &str = "apiVersion: multibeam.dev/v1
kind: Run
results: {dir: ./runs}
suite:
  binary: ./e2e.test
targets:
  - name: v${matrix.k}
    matrix: {k: ['1.35', '1.36']}
    suite: {binary: './${matrix.k}/e2e.test', workdir: ./work}
    clusters:
      - {name: 'c${matrix.k}', kubeconfig: ./kube, context: 'x${matrix.k}'}
  - name: plain
    clusters: [{name: p}, {name: q, kubeconfig: ''}]
";

fn shown(mention: &Mention) -> (usize, usize, String) {
    let what = match &mention.what {
        Mentioned::Binary { target, path } => format!("{target} runs {path}"),
        Mentioned::WorkDir { path } => format!("in {path}"),
        Mentioned::Kubeconfig { cluster, path, context } => {
            let place = mention.context.as_ref();
            let place = place.map(|place| (place.line, place.column)).unwrap_or_default();
            format!("{cluster} by {path} {} {place:?}", context.as_deref().unwrap_or_default())
        }
        Mentioned::Results { path } => format!("results in {path}"),
    };
    (mention.place.line, mention.place.column, what)
}

#[test]
fn all_that_is_named_has_its_place() {
    let file = examine("run.yaml", TEXT.as_bytes(), None);
    assert_eq!(file.run, None, "the empty kubeconfig is a mistake");
    assert_eq!(file.found.items.len(), 1, "{}", file.found);
    let mentions: Vec<_> = file.mentions.iter().map(shown).collect();
    let expected = [
        (3, 16, "results in ./runs"),
        (9, 21, "v1.35 runs ./1.35/e2e.test"),
        (9, 56, "in ./work"),
        (11, 44, "c1.35 by ./kube x1.35 (11, 61)"),
        (9, 21, "v1.36 runs ./1.36/e2e.test"),
        (9, 56, "in ./work"),
        (11, 44, "c1.36 by ./kube x1.36 (11, 61)"),
        (5, 11, "plain runs ./e2e.test"),
    ];
    assert_eq!(mentions, expected.map(|(line, column, what)| (line, column, what.to_owned())));
    let (good, mentions) = (TEXT.replace(", kubeconfig: ''", ""), file.mentions);
    let file = examine("run.yaml", good.as_bytes(), None);
    assert_eq!(file.run.expect("no mistakes").targets.len(), 3);
    assert_eq!(file.mentions, mentions);
}

#[test]
fn a_file_that_is_none_names_nothing() {
    for text in ["", "suite: [", "apiVersion: multibeam.dev/v9\nsuite: {binary: x}\n"] {
        let file = examine("run.yaml", text.as_bytes(), None);
        assert!(file.run.is_none() && file.found.has_errors() && file.mentions.is_empty());
    }
}
