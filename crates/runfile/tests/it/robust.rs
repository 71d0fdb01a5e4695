//! Whatever comes in, something sensible comes out: no panic, no endless work, positions that
//! exist.

use multibeam_runfile::{Example, RunFile, Styles, parse, parse_bytes, template};
use proptest::prelude::*;

/// Everything that is done with a file; gives the run, if it is one.
fn all(bytes: &[u8]) -> Option<RunFile> {
    match parse_bytes("run.yaml", bytes) {
        Ok(parsed) => {
            assert!(!parsed.warnings.has_errors());
            assert!(!parsed.run.targets.is_empty());
            assert!(parsed.run.targets.iter().all(|t| !t.clusters.is_empty()));
            let text = serde_json::to_string(&parsed.run).unwrap();
            assert_eq!(serde_json::from_str::<RunFile>(&text).unwrap(), parsed.run);
            Some(parsed.run)
        }
        Err(found) => {
            assert!(found.has_errors());
            assert!(found.items.iter().all(|d| d.line >= 1 && d.column >= 1 && d.length >= 1));
            let plain = found.render(&Styles::PLAIN);
            assert!(plain.chars().all(|c| c == '\n' || !c.is_control()), "{plain:?}");
            assert!(found.render(&Styles::ANSI).len() > plain.len());
            assert!(found.to_json()["items"].is_array());
            None
        }
    }
}

fn example() -> impl Strategy<Value = &'static str> {
    prop::sample::select(Example::ALL.to_vec()).prop_map(template)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        all(&bytes);
    }

    #[test]
    fn any_yaml_like_text(text in "[a-c:\\-\\[\\]{}&*!|>'\"%@`#,?<$. \t\n\r0-9~\u{e4}\u{feff}]{0,200}") {
        all(text.as_bytes());
    }

    #[test]
    fn any_change_of_bytes(text in example(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all(&bytes);
    }

    #[test]
    fn any_part_of_an_example(text in example(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let lines: Vec<&str> = text.lines().collect();
        let (a, b) = (from.index(lines.len()), to.index(lines.len()));
        let (a, b) = (a.min(b), a.max(b));
        // Once with only that part, once without it.
        all(lines[a..b].join("\n").as_bytes());
        all([&lines[..a], &lines[b..]].concat().join("\n").as_bytes());
    }

    #[test]
    fn any_value_in_any_place(text in example(), at in any::<prop::sample::Index>(), value in prop::sample::select(vec![
        "[]", "{}", "~", "''", "0", "-1", "1e9", "true", "x", "'${'", "'${matrix.x}'", "'${cluster.index}'", "[[]]", "{a: {}}", "9999999999999999999999", "1h", "'\\'", "\"\\u0000\"", "*x", "&x 1", "!t x",
    ])) {
        let lines: Vec<&str> = text.lines().collect();
        let places: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(": ") && !lines[*n].trim_start().starts_with('#')).collect();
        let place = places[at.index(places.len())];
        let changed: Vec<String> = lines.iter().enumerate().map(|(n, line)| {
            if n == place { format!("{}: {value}", line.split_once(": ").unwrap().0) } else { (*line).to_owned() }
        }).collect();
        all(changed.join("\n").as_bytes());
    }

    #[test]
    fn a_run_written_out_as_a_run_file_gives_itself(
        names in prop::collection::btree_set("[a-z][a-z0-9]{0,8}", 1..6),
        processes in 1_u32..100,
        env in prop::collection::btree_map("[A-Z]{1,5}", "[ -~]{0,20}", 0..4),
        args in prop::collection::vec("--[a-z]{5,8}x=[ -~]{0,10}", 0..4),
    ) {
        let escape = |text: &String| text.replace("${", "$${");
        let file = serde_json::json!({
            "apiVersion": "multibeam.dev/v1",
            "kind": "Run",
            "suite": {
                "binary": "b",
                "args": args.iter().map(escape).collect::<Vec<_>>(),
                "env": env.iter().map(|(k, v)| (k.clone(), escape(v))).collect::<std::collections::BTreeMap<_, _>>(),
            },
            "targets": names.iter().map(|n| serde_json::json!({
                "name": n, "clusters": [{ "name": format!("c-{n}"), "processes": processes }],
            })).collect::<Vec<_>>(),
        });
        // Reserved words are names too.
        prop_assume!(!names.iter().any(|n| ["ledger", "spool", "logs", "con", "prn", "aux", "nul", "run", "runs"].contains(&n.as_str())));
        // JSON is YAML.
        let run = parse("run.json", &file.to_string()).map_err(|e| TestCaseError::fail(e.to_string()))?.run;
        prop_assert_eq!(&run.targets.iter().map(|t| t.name.clone()).collect::<std::collections::BTreeSet<_>>(), &names);
        for target in &run.targets {
            prop_assert_eq!(&target.suite.env, &env);
            prop_assert_eq!(&target.suite.args, &args);
            prop_assert_eq!(target.clusters[0].processes, processes);
        }
    }
}

#[test]
fn matrices_and_aliases_cannot_multiply_without_end() {
    let header = "apiVersion: multibeam.dev/v1\nkind: Run\n";
    let axes: String =
        (0..20).map(|n| format!("      a{n}: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n")).collect();
    let wide = format!(
        "{header}suite: {{binary: x}}\ntargets:\n  - name: x\n    matrix:\n{axes}    clusters: [{{name: c}}]\n"
    );
    assert!(all(wide.as_bytes()).is_none());

    // One string of 21 MB, and 60 strings of 60 kB in each of 8 targets.
    let long = "y".repeat(15_000);
    for (references, args, said) in [(1_400, 1, "references replaced"), (4, 60, "bytes of text")] {
        let arg = format!("'{}', ", "${matrix.a}".repeat(references));
        let big = format!(
            "{header}suite: {{binary: x, args: [{}]}}\ntargets:\n  - name: x-${{matrix.b}}\n    matrix: {{a: [{long}], b: [1, 2, 3, 4, 5, 6, 7, 8]}}\n    clusters: [{{name: c}}]\n",
            arg.repeat(args)
        );
        let found = parse("run.yaml", &big).unwrap_err();
        assert_eq!(found.items.len(), 1, "{found}");
        assert!(found.items[0].message.contains(said), "{found}");
    }
}
