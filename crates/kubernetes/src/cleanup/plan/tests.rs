use super::super::state::SuiteNamespace;
use super::*;

fn mark(text: &str) -> SuiteMark {
    SuiteMark::new(text).unwrap()
}

fn object(uid: &str, manager: &str) -> Object {
    Object {
        uid: uid.into(),
        creator: Some(manager.to_owned()).filter(|m| !m.is_empty()),
        marks: SuiteMark::of_manager(manager).into_iter().collect(),
    }
}

fn namespace(uid: &str, e2e_run: &str, manager: &str) -> SuiteNamespace {
    SuiteNamespace { object: object(uid, manager), e2e_run: e2e_run.into() }
}

fn dead(marks: &[&str]) -> Scope {
    Scope { dead: marks.iter().map(|m| mark(m)).collect(), ..Scope::default() }
}

fn alone() -> Scope {
    Scope { alone: true, ..Scope::default() }
}

fn names(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.action.name()).collect()
}

fn nothing() -> Baseline {
    Baseline::of(Snapshot::default())
}

#[test]
fn only_the_dead_process_loses_its_namespaces() {
    let mut now = Snapshot::default();
    now.namespaces.insert("a-1".into(), namespace("1", "run-a", "e2e.test.mb-aaaa"));
    now.namespaces.insert("a-2".into(), namespace("2", "run-a", "e2e.test.mb-aaaa"));
    now.namespaces.insert("b-1".into(), namespace("3", "run-b", "e2e.test.mb-bbbb"));
    let plan = plan(&nothing(), &now, &dead(&["aaaa"]));
    assert_eq!(names(&plan), ["a-1", "a-2"]);
    assert_eq!(plan.steps[0].why, Why::MadeBy(mark("aaaa")));
    assert!(plan.kept.is_empty(), "the living process's namespace is no news: {:?}", plan.kept);
}

#[test]
fn a_marked_namespace_gives_away_the_others_of_its_id() {
    let mut now = Snapshot::default();
    now.namespaces.insert("a-1".into(), namespace("1", "run-a", "e2e.test.mb-aaaa"));
    now.namespaces.insert("a-2".into(), namespace("2", "run-a", "kubectl-create"));
    let plan = plan(&nothing(), &now, &dead(&["aaaa"]));
    assert_eq!(names(&plan), ["a-1", "a-2"]);
    assert_eq!(plan.steps[1].why, Why::E2eRun("run-a".into()));
}

#[test]
fn a_namespace_of_unknown_origin_is_kept_while_any_process_lives() {
    let mut now = Snapshot::default();
    now.namespaces.insert("x".into(), namespace("1", "run-x", "e2e.test"));
    let kept = plan(&nothing(), &now, &dead(&["aaaa"]));
    assert!(kept.steps.is_empty());
    assert_eq!((kept.kept[0].kind, kept.kept[0].name.as_str()), (Kind::Namespace, "x"));

    assert_eq!(names(&plan(&nothing(), &now, &alone())), ["x"]);
    let known = Scope { dead_e2e_runs: BTreeSet::from(["run-x".into()]), ..Scope::default() };
    assert_eq!(names(&plan(&nothing(), &now, &known)), ["x"]);
}

#[test]
fn a_living_mark_protects_even_an_id_that_is_called_dead() {
    let mut now = Snapshot::default();
    now.namespaces.insert("b-1".into(), namespace("1", "run-b", "e2e.test.mb-bbbb"));
    let scope = Scope { dead_e2e_runs: BTreeSet::from(["run-b".into()]), ..dead(&["aaaa"]) };
    assert_eq!(plan(&nothing(), &now, &scope), Plan::default());
}

#[test]
fn what_was_there_before_the_run_stays_unless_it_is_another_of_the_same_name() {
    let mut before = Snapshot::default();
    before.namespaces.insert("old".into(), namespace("1", "run-o", "e2e.test"));
    before.validating_webhooks.insert("vendor".into(), object("2", "helm"));
    let mut now = before.clone();
    assert_eq!(plan(&Baseline::of(before.clone()), &now, &alone()), Plan::default());

    now.namespaces.insert("old".into(), namespace("9", "run-n", "e2e.test"));
    assert_eq!(names(&plan(&Baseline::of(before), &now, &alone())), ["old"]);
}

#[test]
fn webhooks_and_api_services_go_first_and_by_owner() {
    let mut now = Snapshot::default();
    now.namespaces.insert("a-1".into(), namespace("1", "run-a", "e2e.test.mb-aaaa"));
    now.validating_webhooks.insert("v-a".into(), object("2", "e2e.test.mb-aaaa"));
    now.validating_webhooks.insert("v-b".into(), object("3", "e2e.test.mb-bbbb"));
    now.mutating_webhooks.insert("m-helm".into(), object("4", "helm"));
    now.api_services.insert("v1.a".into(), object("5", "e2e.test.mb-aaaa"));

    let one = plan(&nothing(), &now, &dead(&["aaaa"]));
    assert_eq!(names(&one), ["v-a", "v1.a", "a-1"]);
    assert_eq!(one.kept.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), ["m-helm"]);

    let all = plan(&nothing(), &now, &alone());
    assert_eq!(names(&all), ["v-a", "v-b", "v1.a", "a-1"]);
    assert!(all.kept[0].why.contains("helm"), "{:?}", all.kept);
}

#[test]
fn an_object_that_a_living_process_also_wrote_to_stays() {
    let mut now = Snapshot::default();
    let mut both = object("1", "e2e.test.mb-aaaa");
    both.marks.insert(mark("bbbb"));
    now.validating_webhooks.insert("v".into(), both);
    assert_eq!(plan(&nothing(), &now, &dead(&["aaaa"])), Plan::default());
    assert_eq!(names(&plan(&nothing(), &now, &dead(&["aaaa", "bbbb"]))), ["v"]);
}

fn node(uid: &str) -> NodeState {
    let labels = [("zone", "a"), ("os", "linux")];
    NodeState {
        uid: uid.into(),
        labels: labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
        ..NodeState::default()
    }
}

fn one_node(node: NodeState) -> Snapshot {
    Snapshot { nodes: BTreeMap::from([("n1".into(), node)]), ..Snapshot::default() }
}

fn taint(key: &str) -> Taint {
    Taint { key: key.into(), value: "v".into(), effect: "NoSchedule".into() }
}

fn label(node: &mut NodeState, key: &str, value: &str, owner: &str) {
    node.labels.insert(key.into(), value.into());
    node.label_owners.insert(key.into(), owner.into());
}

#[test]
fn labels_are_restored_by_owner() {
    let before = Baseline::of(one_node(node("1")));
    let mut changed = node("1");
    label(&mut changed, "zone", "b", "e2e.test.mb-aaaa");
    label(&mut changed, "kubernetes.io/e2e-1", "42", "e2e.test.mb-aaaa");
    label(&mut changed, "kubernetes.io/e2e-2", "42", "e2e.test.mb-bbbb");
    label(&mut changed, "os", "linux2", "kubelet");
    let now = one_node(changed);

    let plan_one = plan(&before, &now, &dead(&["aaaa"]));
    let restored: Vec<Action> = plan_one.steps.into_iter().map(|step| step.action).collect();
    let restore = |key: &str, value: Option<&str>| Action::RestoreLabel {
        node: "n1".into(),
        key: key.into(),
        value: value.map(Into::into),
    };
    assert_eq!(restored, [restore("kubernetes.io/e2e-1", None), restore("zone", Some("a"))]);

    let all = plan(&before, &now, &alone());
    assert_eq!(names(&all), ["n1 kubernetes.io/e2e-1", "n1 kubernetes.io/e2e-2", "n1 zone"]);
}

#[test]
fn taints_of_controllers_and_components_stay() {
    let before = Baseline::of(one_node(node("1")));
    let mut changed = node("1");
    changed.taints = [
        "node.kubernetes.io/not-ready",
        "kubernetes.io/e2e-evict",
        "node.cilium.io/agent-not-ready",
    ]
    .into_iter()
    .map(taint)
    .collect();
    changed.taints_owner = Some("kube-controller-manager".into());
    let now = one_node(changed.clone());

    assert!(plan(&before, &now, &dead(&["aaaa"])).steps.is_empty());
    let one = plan(&before, &now, &alone());
    assert_eq!(names(&one), ["n1 kubernetes.io/e2e-evict=v:NoSchedule"]);
    assert_eq!(one.kept[0].name, "n1 node.cilium.io/agent-not-ready=v:NoSchedule");

    changed.taints_owner = Some("e2e.test.mb-aaaa".into());
    let by_process = plan(&before, &one_node(changed), &dead(&["aaaa"]));
    assert_eq!(by_process, Plan::default(), "one of the taints may be a living process's");
}

#[test]
fn a_cordon_is_undone_only_by_owner_or_when_alone() {
    let before = Baseline::of(one_node(node("1")));
    let cordoned = |owner: &str| {
        let mut node = node("1");
        node.unschedulable = true;
        node.unschedulable_owner = Some(owner.into());
        one_node(node)
    };
    let uncordon = Action::Uncordon { node: "n1".into() };
    let steps = |now: &Snapshot, scope: &Scope| -> Vec<Action> {
        plan(&before, now, scope).steps.into_iter().map(|step| step.action).collect()
    };
    assert_eq!(
        steps(&cordoned("e2e.test.mb-aaaa"), &dead(&["aaaa"])),
        std::slice::from_ref(&uncordon)
    );
    assert!(steps(&cordoned("e2e.test.mb-bbbb"), &dead(&["aaaa"])).is_empty());
    assert!(steps(&cordoned("kubectl-cordon"), &dead(&["aaaa"])).is_empty());
    assert_eq!(steps(&cordoned("kubectl-cordon"), &alone()), [uncordon]);
    assert!(steps(&cordoned("cluster-autoscaler"), &alone()).is_empty());
}

#[test]
fn nodes_that_joined_later_are_left_alone() {
    let before = Baseline::of(one_node(node("1")));
    let mut other = node("2");
    other.unschedulable = true;
    other.unschedulable_owner = Some("e2e.test.mb-aaaa".into());
    let mut now = one_node(other.clone());
    now.nodes.insert("n2".into(), other);
    assert_eq!(plan(&before, &now, &dead(&["aaaa"])), Plan::default());
}

#[test]
fn a_custom_resource_goes_only_by_its_mark() {
    let mut now = Snapshot::default();
    now.custom_resources.insert("dead.example.com".into(), object("1", "e2e.test.mb-aaaa"));
    now.custom_resources.insert("lives.example.com".into(), object("2", "e2e.test.mb-bbbb"));
    now.custom_resources.insert("vendor.example.com".into(), object("3", "kubectl-create"));
    let found = plan(&nothing(), &now, &dead(&["aaaa"]));
    assert_eq!(names(&found), ["dead.example.com"]);
    assert_eq!(found.steps[0].why, Why::MadeBy(mark("aaaa")));
    // Whoever makes one with kubectl loses all its objects if it is taken for a leaving.
    let found = plan(&nothing(), &now, &Scope { alone: true, ..dead(&["aaaa"]) });
    assert_eq!(names(&found), ["dead.example.com", "lives.example.com"]);
    assert_eq!(found.kept.len(), 1, "{:?}", found.kept);
    assert_eq!(found.kept[0].name, "vendor.example.com");
}
