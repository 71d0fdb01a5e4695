//! Reports with everything that Ginkgo's types allow, plausible or not.

use multibeam_ginkgo::version::Version;
use serde_json::{Map, Value, json};

use super::random::Random;

const WORDS: [&str; 45] = [
    "",
    " ",
    "  two",
    "sig-node",
    "[Conformance]",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{1}",
    "\0",
    "\u{b}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{2028}",
    "é",
    "日本語",
    "🦀",
    "<a href='x'>&amp;</a>",
    "]]>",
    "\"quoted\"",
    "{{red}}",
    "{{/}}",
    "{{",
    "}}",
    "{{{bold}}}",
    "{{re{{/}}d}}",
    "{{gray",
    "{{light-yellow}}x",
    "{",
    "%",
    "%d",
    "%!s(MISSING)",
    "%s%v",
    "\\n",
    "\x1b[31m",
    "•",
    "-----",
    "STEP: x",
    "line one\nline two\n",
    "\n  indented\n\nblank before",
];

/// A text of a few pieces; sometimes a long one.
pub(crate) fn text(random: &mut Random) -> String {
    if random.chance(2) {
        return "a long line with {{no}} end ".repeat(200 + random.below(200));
    }
    random.list(5, |random| *random.pick(&WORDS)).concat()
}

/// A text that is not empty more often than not.
fn some_text(random: &mut Random) -> String {
    if random.chance(60) { format!("text {}", random.below(9)) } else { text(random) }
}

fn time(random: &mut Random) -> String {
    if random.chance(8) {
        return "0001-01-01T00:00:00Z".to_owned();
    }
    let fraction = *random.pick(&["", ".5", ".123", ".120000001", ".000999999", ".999999999"]);
    let zone = *random.pick(&["Z", "Z", "+01:00", "-08:00", "+05:30"]);
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    let day = 1 + random.below(28);
    format!(
        "2026-0{}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}",
        1 + random.below(9)
    )
}

fn duration(random: &mut Random) -> i64 {
    let nanos = i64::try_from(random.next() >> 1).unwrap();
    match random.below(8) {
        0 => 0,
        1 => nanos % 1_000,
        2 => nanos % 1_000_000,
        3 => nanos % 1_000_000_000,
        4 => nanos % 100_000_000_000_000,
        5 => 500_000 + 1_000_000 * (nanos % 5),
        6 => 1_000_000_000 * (nanos % 4_000_000),
        _ => nanos % 60_000_000_000,
    }
}

fn location(random: &mut Random) -> Value {
    match random.below(10) {
        0 => json!({}),
        1 => json!({"CustomMessage": some_text(random)}),
        2 => json!({"FileName": "/src/a.go", "LineNumber": 3, "FullStackTrace": text(random)}),
        _ => {
            json!({"FileName": format!("/src/{}.go", some_text(random)), "LineNumber": random.below(5)})
        }
    }
}

fn node(random: &mut Random, version: Version) -> Value {
    const NODES: [&str; 18] = [
        "BeforeEach",
        "JustBeforeEach",
        "AfterEach",
        "JustAfterEach",
        "BeforeAll",
        "AfterAll",
        "BeforeSuite",
        "SynchronizedBeforeSuite",
        "AfterSuite",
        "SynchronizedAfterSuite",
        "ReportBeforeEach",
        "ReportAfterEach",
        "ReportBeforeSuite",
        "ReportAfterSuite",
        "DeferCleanup",
        "DeferCleanup (Each)",
        "DeferCleanup (All)",
        "DeferCleanup (Suite)",
    ];
    match random.below(10) {
        0 => Value::Null,
        1 if version >= Version::new(2, 34, 0) => json!("DeferOnFailure (Each)"),
        1..5 => json!("It"),
        _ => json!(random.pick(&NODES)),
    }
}

fn state(random: &mut Random) -> Value {
    const STATES: [&str; 8] = [
        "pending",
        "skipped",
        "passed",
        "failed",
        "aborted",
        "panicked",
        "interrupted",
        "timedout",
    ];
    if random.chance(2) { Value::Null } else { json!(random.pick(&STATES)) }
}

fn labels(random: &mut Random) -> Value {
    const LABELS: [&str; 9] = [
        "a",
        "b",
        "Serial",
        "owner:me",
        "OWNER:you",
        "owner:",
        "owner:x\ny",
        "Owner:<&\">",
        "öwner:z",
    ];
    let labels = random.list(3, |random| *random.pick(&LABELS));
    if labels.is_empty() && random.chance(50) { Value::Null } else { json!(labels) }
}

fn constraints(random: &mut Random) -> Value {
    const CONSTRAINTS: [&str; 4] = [">= 1.0.0", "< 2.0.0", "~3.1", "!= 1.5"];
    let start = random.below(4);
    // No equal neighbours within a list: Ginkgo merges lists in place, and would change its input.
    let list: Vec<_> = (0..random.below(3)).map(|i| CONSTRAINTS[(start + i) % 4]).collect();
    if list.is_empty() && random.chance(50) { Value::Null } else { json!(list) }
}

fn components(random: &mut Random) -> Value {
    let mut components = Map::new();
    for _ in 0..random.below(3) {
        let name = *random.pick(&["etcd", "api server", "{{red}}<cni>"]);
        components.insert(name.to_owned(), constraints(random));
    }
    if components.is_empty() { Value::Null } else { components.into() }
}

/// Where events stand in a spec's timeline.
struct Clock {
    order: usize,
    offset: usize,
    length: usize,
    wild: bool,
}

impl Clock {
    fn tick(&mut self, random: &mut Random) -> Value {
        self.order += 1 + random.below(3);
        if self.wild {
            self.offset = random.below(self.length + 20);
            // Ties are allowed where Go's unstable sort keeps them in place.
            let order = if random.chance(20) { 1 } else { self.order };
            return json!({"Offset": self.offset, "Order": order, "Time": time(random)});
        }
        self.offset += random.below(1 + self.length / 4);
        json!({"Offset": self.offset, "Order": self.order, "Time": time(random)})
    }
}

fn goroutine(random: &mut Random) -> Value {
    let stack = random.list(3, |random| {
        let source =
            random.list(4, |random| format!("{}{}", "\t ".repeat(random.below(3)), text(random)));
        json!({"Function": some_text(random), "Filename": "/src/f.go", "Line": random.below(99),
            "Highlight": random.chance(40), "Source": source, "SourceHighlight": random.below(4)})
    });
    json!({"ID": random.below(4), "State": some_text(random), "Stack": stack,
        "IsSpecGoroutine": random.chance(30)})
}

fn progress(random: &mut Random, version: Version, clock: &mut Clock) -> Value {
    let lines = random.below(14);
    let output = (0..lines).map(|_| text(random) + "\n").collect::<String>();
    json!({"Message": text(random), "ParallelProcess": 2, "RunningInParallel": random.chance(50),
        "ContainerHierarchyTexts": random.list(3, some_text),
        "LeafNodeText": text(random), "LeafNodeLocation": location(random),
        "SpecStartTime": time(random), "CurrentNodeType": node(random, version),
        "CurrentNodeText": text(random), "CurrentNodeLocation": location(random),
        "CurrentNodeStartTime": time(random), "CurrentStepText": text(random),
        "CurrentStepLocation": location(random), "CurrentStepStartTime": time(random),
        "AdditionalReports": random.list(3, text), "CapturedGinkgoWriterOutput": output,
        "TimelineLocation": clock.tick(random), "Goroutines": random.list(3, goroutine)})
}

fn failure(
    random: &mut Random,
    version: Version,
    clock: &mut Clock,
    containers: usize,
    depth: usize,
) -> Value {
    let mut failure = json!({"Message": text(random), "Location": location(random),
        "TimelineLocation": clock.tick(random), "FailureNodeType": node(random, version),
        "FailureNodeLocation": location(random)});
    let contexts = ["leaf-node", "top-level", "in-container"];
    match *random.pick(&contexts) {
        "in-container" if containers == 0 => {}
        context => failure["FailureNodeContext"] = json!(context),
    }
    if containers > 0 {
        failure["FailureNodeContainerIndex"] = json!(random.below(containers));
    }
    if random.chance(30) {
        failure["ForwardedPanic"] = json!(text(random));
    }
    if random.chance(30) {
        failure["ProgressReport"] = progress(random, version, clock);
    }
    if depth < 2 && random.chance(30) {
        failure["AdditionalFailure"] = json!({"State": state(random),
            "Failure": failure_of(random, version, clock, containers, depth + 1)});
    }
    failure
}

fn failure_of(
    random: &mut Random,
    version: Version,
    clock: &mut Clock,
    containers: usize,
    depth: usize,
) -> Value {
    failure(random, version, clock, containers, depth)
}

fn entry(random: &mut Random, clock: &mut Clock) -> Value {
    const VALUES: [&str; 9] = [
        "null",
        "\"\"",
        "\"<&>\\u0001\\u2028\\b\"",
        "1e21",
        "0.0000001",
        "12345678901234567890",
        "{\"b\":[1,2.5,{}],\"a\":null,\"\":\"{{red}}\"}",
        "[]",
        "-0",
    ];
    let representation = if random.chance(50) { text(random) } else { String::new() };
    let visibility = [json!("failure-or-verbose"), json!("never"), Value::Null];
    json!({"Visibility": random.pick(&visibility), "Location": location(random), "Time": time(random),
        "TimelineLocation": clock.tick(random), "Name": text(random),
        "Value": {"AsJSON": random.pick(&VALUES), "Representation": representation}})
}

fn event(random: &mut Random, version: Version, clock: &mut Clock) -> Value {
    const EVENTS: [&str; 6] = ["By", "By (End)", "Node", "Node (End)", "Repeat", "Retry"];
    let kind = if random.chance(3) { Value::Null } else { json!(random.pick(&EVENTS)) };
    json!({"SpecEventType": kind, "CodeLocation": location(random), "TimelineLocation": clock.tick(random),
        "Message": text(random), "Duration": duration(random), "NodeType": node(random, version),
        "Attempt": random.below(4)})
}

fn spec(random: &mut Random, version: Version) -> Value {
    let containers = random.below(4);
    let state = state(random);
    let output = if random.chance(50) { text(random) + &text(random) } else { String::new() };
    // Only Ginkgo from 2.27 checks the offsets it slices by.
    let wild = version >= Version::new(2, 27, 0) && random.chance(30);
    let mut clock = Clock { order: 0, offset: 0, length: output.len(), wild };
    // Go's sort is stable up to 12 moments.
    let most = if wild { 2 } else { 6 };
    let per_container = |random: &mut Random, item: fn(&mut Random) -> Value| -> Vec<Value> {
        (0..containers).map(|_| item(random)).collect()
    };
    let mut spec = json!({
        "ContainerHierarchyTexts": per_container(random, |random| json!(some_text(random))),
        "ContainerHierarchyLocations": per_container(random, location),
        "ContainerHierarchyLabels": per_container(random, labels),
        "ContainerHierarchySemVerConstraints": per_container(random, constraints),
        "ContainerHierarchyComponentSemVerConstraints": per_container(random, components),
        "LeafNodeType": node(random, version), "LeafNodeLocation": location(random),
        "LeafNodeLabels": labels(random), "LeafNodeSemVerConstraints": constraints(random),
        "LeafNodeComponentSemVerConstraints": components(random), "LeafNodeText": some_text(random),
        "State": state, "StartTime": time(random), "EndTime": time(random), "RunTime": duration(random),
        "ParallelProcess": random.below(5), "NumAttempts": random.below(4),
        "MaxFlakeAttempts": random.below(3), "MaxMustPassRepeatedly": random.below(3),
    });
    if random.chance(40) {
        spec["CapturedStdOutErr"] = json!(text(random));
    }
    let fails = !matches!(state.as_str(), Some("passed" | "pending"));
    if fails && random.chance(80) || random.chance(5) {
        spec["Failure"] = failure(random, version, &mut clock, containers, 0);
    }
    if random.chance(25) {
        spec["AdditionalFailures"] = random
            .list(most / 2, |random| {
                json!({"State": self::state(random),
                    "Failure": failure(random, version, &mut clock, containers, 1)})
            })
            .into();
    }
    if random.chance(30) {
        spec["ReportEntries"] = random.list(most, |random| entry(random, &mut clock)).into();
    }
    if random.chance(20) {
        spec["ProgressReports"] =
            random.list(2, |random| progress(random, version, &mut clock)).into();
    }
    if random.chance(40) {
        spec["SpecEvents"] = random.list(most, |random| event(random, version, &mut clock)).into();
    }
    spec["CapturedGinkgoWriterOutput"] = json!(output);
    spec
}

/// A report file: a list with one suite report.
pub(crate) fn report(seed: u64, version: Version) -> Value {
    let random = &mut Random::new(seed);
    let config = json!({"RandomSeed": random.next() as i64 >> 20, "RandomizeAllSpecs": random.chance(50),
        "FocusStrings": random.list(2, text), "SkipStrings": random.list(2, text), "FocusFiles": null,
        "SkipFiles": random.list(2, text), "LabelFilter": text(random), "SemVerFilter": text(random),
        "FailOnPending": random.chance(50), "FailOnEmpty": random.chance(50),
        "FailFast": random.chance(50), "FlakeAttempts": random.below(3), "DryRun": random.chance(20),
        "Timeout": 3_600_000_000_000_i64, "OutputInterceptorMode": *random.pick(&["", "dup", "none"]),
        "ParallelProcess": 1, "ParallelTotal": random.below(9), "ParallelHost": "http://127.0.0.1:1/x"});
    // Without specs the last line can tell of a failed before-suite instead.
    let specs: Vec<Value> = (0..random.below(8)).map(|_| spec(random, version)).collect();
    json!([{
        "SuitePath": some_text(random), "SuiteDescription": some_text(random),
        "SuiteLabels": labels(random), "SuiteSemVerConstraints": constraints(random),
        "SuiteComponentSemVerConstraints": components(random), "SuiteSucceeded": random.chance(50),
        "SuiteHasProgrammaticFocus": random.chance(20),
        "SpecialSuiteFailureReasons": random.list(2, text),
        "PreRunStats": {"TotalSpecs": random.below(9000), "SpecsThatWillRun": random.below(500)},
        "StartTime": time(random), "EndTime": time(random), "RunTime": duration(random),
        "SuiteConfig": config, "SpecReports": specs,
    }])
}
