"""Holds the manifests against the schemas of Kubernetes, and their references against each other.

Every mistake is one line on standard output; the exit status is 1 when there is any. Before that, it
makes sure that each check can fail: it plants mistakes in copies and expects them to be found.
"""

import copy
import pathlib
import re
import sys

import kubernetes_validate
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
MANIFESTS = DEPLOY / "kubernetes"
# The oldest and the newest version that the manifests are for.
VERSIONS = ["1.30", "1.36"]
WORKLOADS = ("StatefulSet", "Deployment")


class Manifests:
    """All objects, and what is said of them elsewhere."""

    def __init__(self):
        files = sorted(path for path in MANIFESTS.glob("*.yaml") if path.stem != "kustomization")
        self.objects = [
            (path.name, document)
            for path in files
            for document in yaml.safe_load_all(path.read_text())
        ]
        self.kustomization = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
        self.files = [path.name for path in files]
        self.readme = (DEPLOY / "README.md").read_text()
        cargo = (DEPLOY.parent / "Cargo.toml").read_text()
        self.version = re.search(r'^version = "(.+)"', cargo, re.MULTILINE)[1]

    def of(self, *kinds):
        return [document for _, document in self.objects if document["kind"] in kinds]

    def pods(self):
        """Every workload with the labels and the specification of its pods."""
        for workload in self.of(*WORKLOADS):
            template = workload["spec"]["template"]
            yield workload, template["metadata"]["labels"], template["spec"]

    def named(self, kind):
        return {document["metadata"]["name"]: document for document in self.of(kind)}


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def selects(selector, labels):
    """Whether a label selector (with `In` expressions, at most) selects these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    expressions = selector.get("matchExpressions", [])
    return all(it["operator"] == "In" and labels.get(it["key"]) in it["values"] for it in expressions)


def flags(container):
    """The values of `--flag=value` arguments, by flag."""
    found = {}
    for argument in container.get("args", []):
        if argument.startswith("--") and "=" in argument:
            flag, value = argument[2:].split("=", 1)
            found.setdefault(flag, []).append(value)
    return found


def schemas(this):
    for file, document in this.objects:
        what = f"{file}: {document['kind']} {document['metadata']['name']}"
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                yield f"{what}: {path}: {error.message} (Kubernetes {version})"
        if document["kind"] != "Namespace" and "multibeam" != document["metadata"].get("namespace"):
            yield f"{what}: expected the namespace multibeam"
    if sorted(this.kustomization["resources"]) != this.files:
        yield "kustomization.yaml: its resources are not the files beside it"


def images(this):
    known = {it["name"]: it["newTag"] for it in this.kustomization["images"]}
    if known.get("multibeam") != this.version:
        yield f"kustomization.yaml: expected multibeam:{this.version}, the workspace's version"
    for workload, _, pod in this.pods():
        for container in containers(pod):
            name, _, tag = container["image"].partition(":")
            if not tag or known.get(name) != tag:
                yield f"{workload['metadata']['name']}: kustomization.yaml knows no {container['image']}"


def hardening(this):
    accounts = this.named("ServiceAccount")
    for workload, _, pod in this.pods():
        name = workload["metadata"]["name"]
        account = accounts.get(pod.get("serviceAccountName"))
        if account is None:
            yield f"{name}: no ServiceAccount {pod.get('serviceAccountName')}"
        elif account.get("automountServiceAccountToken") is not False:
            yield f"{name}: its ServiceAccount mounts a token"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name}: expected no token of a ServiceAccount"
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{name}: expected a user that is not root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name}: expected seccomp's RuntimeDefault"
        for container in containers(pod):
            what, context = f"{name}/{container['name']}", container.get("securityContext", {})
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{what}: expected no privilege escalation"
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{what}: expected a read-only root"
            if context.get("capabilities", {}).get("drop") != ["ALL"]:
                yield f"{what}: expected all capabilities to be dropped"
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= set(resources.get("requests", {})):
                yield f"{what}: expected requests for cpu and memory"
            if "memory" not in resources.get("limits", {}):
                yield f"{what}: expected a limit for memory"


def ports(this):
    """Flags, container ports, probes, and Services say the same."""
    for workload, labels, pod in this.pods():
        name = workload["metadata"]["name"]
        by_name = {}
        for container in pod["containers"]:
            by_name |= {it["name"]: it["containerPort"] for it in container.get("ports", [])}
            said = flags(container)
            for flag, port in (("listen", "grpc"), ("admin", "admin")):
                for value in said.get(flag, []):
                    if value != f"0.0.0.0:{by_name.get(port)}":
                        yield f"{name}: --{flag}={value} is not its port {port}"
            for probe, path in (("livenessProbe", "/live"), ("readinessProbe", "/ready")):
                get = container.get(probe, {}).get("httpGet", {})
                if get != {"path": path, "port": "admin"} or "admin" not in by_name:
                    yield f"{name}: its {probe} is not {path} on the port admin"
        for service in this.of("Service"):
            if selects({"matchLabels": service["spec"]["selector"]}, labels):
                for port in service["spec"]["ports"]:
                    if by_name.get(port["targetPort"]) != port["port"]:
                        yield f"Service {service['metadata']['name']}: {name} has no such {port['targetPort']}"


def addresses(this):
    """Every URL in an argument leads to a Service, and to a name in its certificate."""
    known = {}
    for name, service in this.named("Service").items():
        by_port = [it["port"] for it in service["spec"]["ports"]]
        if service["spec"].get("clusterIP") != "None":
            known[name] = by_port
            continue
        for workload in this.of("StatefulSet"):
            if workload["spec"]["serviceName"] == name:
                stem = f"{workload['metadata']['name']}-{{}}.{name}"
                known |= {stem.format(it): by_port for it in range(workload["spec"]["replicas"])}
    certified = re.findall(r"--host (\S+)", this.readme)
    for workload, _, pod in this.pods():
        name = workload["metadata"]["name"]
        for container in pod["containers"]:
            for flag, values in flags(container).items():
                for value in values:
                    url = re.search(r"https://([^:]+):(\d+)$", value)
                    if url is None:
                        continue
                    host, port = url[1], int(url[2])
                    if port not in known.get(host, []):
                        yield f"{name}: --{flag}={value} leads to no Service"
                    if host not in certified:
                        yield f"README.md: issues no certificate for {host}"
        members = flags(pod["containers"][0]).get("member", [])
        for ordinal, member in enumerate(members):
            if not member.startswith(f"{ordinal + 1}=https://{name}-{ordinal}."):
                yield f"{name}: --member={member} is not pod {ordinal}"
        if members and len(members) != workload["spec"]["replicas"]:
            yield f"{name}: {len(members)} members, {workload['spec']['replicas']} replicas"


def secrets(this):
    """Volumes, mounts, and the files in arguments lead to Secrets that the README makes."""
    made = {}
    for command in re.findall(r"create secret generic ((?:.*\\\n)*.*)", this.readme):
        made[command.split()[0]] = set(re.findall(r"--from-file=([^=\s]+)=", command))
    for workload, _, pod in this.pods():
        name = workload["metadata"]["name"]
        volumes = {it["name"]: it for it in pod.get("volumes", [])}
        claims = [it["metadata"]["name"] for it in workload["spec"].get("volumeClaimTemplates", [])]
        volumes |= {claim: {} for claim in claims}
        for volume in volumes.values():
            secret = volume.get("secret", {}).get("secretName")
            if secret and secret not in made:
                yield f"README.md: makes no Secret {secret}"
        for container in containers(pod):
            mounts = {it["mountPath"]: it["name"] for it in container.get("volumeMounts", [])}
            for volume in mounts.values():
                if volume not in volumes:
                    yield f"{name}: no volume {volume}"
            for flag, values in flags(container).items():
                for value in values:
                    if not value.startswith("/"):
                        continue
                    mount, file = "/" + value.split("/")[1], value.split("/", 2)[-1]
                    if mount not in mounts:
                        yield f"{name}: --{flag}={value} is on no volume"
                        continue
                    secret = volumes.get(mounts[mount], {}).get("secret", {}).get("secretName")
                    if secret and file not in made.get(secret, set()):
                        yield f"README.md: its Secret {secret} has no {file}"


def selectors(this):
    """Every selector selects a pod, and budgets and spread select those of their workload."""
    pods = [labels for _, labels, _ in this.pods()]
    for workload, labels, pod in this.pods():
        name = workload["metadata"]["name"]
        if not selects(workload["spec"]["selector"], labels):
            yield f"{name}: its selector does not select its pods"
        if workload["kind"] == "StatefulSet":
            service = this.named("Service").get(workload["spec"]["serviceName"])
            if service is None or not selects({"matchLabels": service["spec"]["selector"]}, labels):
                yield f"{name}: no Service {workload['spec']['serviceName']} for it"
            spread = pod.get("affinity", {}).get("podAntiAffinity", {})
            required = spread.get("requiredDuringSchedulingIgnoredDuringExecution", [])
            if not any(selects(it["labelSelector"], labels) for it in required):
                yield f"{name}: nothing keeps its pods on different hosts"
            budgets = this.of("PodDisruptionBudget")
            if not any(selects(it["spec"]["selector"], labels) for it in budgets):
                yield f"{name}: no PodDisruptionBudget"
    if not any(it["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for it in this.of("NetworkPolicy")):
        yield "network.yaml: nothing denies what is not allowed"
    for policy in this.of("NetworkPolicy"):
        name, spec = policy["metadata"]["name"], policy["spec"]
        ours = [spec["podSelector"]]
        for rule in spec.get("ingress", []) + spec.get("egress", []):
            peers = rule.get("from", []) + rule.get("to", [])
            ours += [it["podSelector"] for it in peers if "namespaceSelector" not in it and "podSelector" in it]
        for selector in ours:
            if not any(selects(selector, labels) for labels in pods):
                yield f"NetworkPolicy {name}: {selector} selects no pod"
        for rule in spec.get("ingress", []):
            for port in rule["ports"]:
                for _, labels, pod in this.pods():
                    named = [it["name"] for c in pod["containers"] for it in c.get("ports", [])]
                    if selects(spec["podSelector"], labels) and port["port"] not in named:
                        yield f"NetworkPolicy {name}: no port {port['port']}"


def allowed(this):
    """The network policies let through what the arguments dial, on both ends."""

    def lets(direction, peers, at, other, port):
        for policy in this.of("NetworkPolicy"):
            if not selects(policy["spec"]["podSelector"], at):
                continue
            for rule in policy["spec"].get(direction, []):
                if port in [it["port"] for it in rule.get("ports", [])] and any(
                    "namespaceSelector" not in it and "podSelector" in it and selects(it["podSelector"], other)
                    for it in rule[peers]
                ):
                    return True
        return False

    services = this.named("Service")
    for workload, labels, pod in this.pods():
        for values in flags(pod["containers"][0]).values():
            for url in filter(None, (re.search(r"https://([^:]+):(\d+)$", it) for it in values)):
                service = services.get(url[1].split(".")[-1])
                if service is None:
                    continue
                for target, theirs, _ in this.pods():
                    if not selects({"matchLabels": service["spec"]["selector"]}, theirs):
                        continue
                    ends = f"{workload['metadata']['name']} -> {target['metadata']['name']}"
                    if not lets("egress", "to", labels, theirs, int(url[2])):
                        yield f"network.yaml: {ends} may not go out"
                    if not lets("ingress", "from", theirs, labels, "grpc"):
                        yield f"network.yaml: {ends} may not come in"


CHECKS = [schemas, images, hardening, ports, addresses, secrets, selectors, allowed]


def mistakes(this):
    return [mistake for check in CHECKS for mistake in check(this)]


# Each changes a copy so that one check has to object: a word of its message, and how.
def planted():
    def container(this, workload):
        return this.named("StatefulSet" if workload == "aggregator" else "Deployment")[workload][
            "spec"
        ]["template"]["spec"]["containers"][0]

    def replace(this, workload, old, new):
        args = container(this, workload)["args"]
        assert any(old in it for it in args), old
        container(this, workload)["args"] = [it.replace(old, new) for it in args]

    def spec(this, kind, name):
        return this.named(kind)[name]["spec"]

    yield "unknownField", lambda it: container(it, "aggregator").update(unknownField=1)
    yield "knows no", lambda it: container(it, "coordinator").update(image="multibeam:latest")
    yield "read-only root", lambda it: container(it, "worker-east")["securityContext"].pop("readOnlyRootFilesystem")
    yield "mounts a token", lambda it: it.named("ServiceAccount")["worker"].pop("automountServiceAccountToken")
    yield "is not its port", lambda it: replace(it, "coordinator", "--listen=0.0.0.0:7400", "--listen=0.0.0.0:7401")
    yield "leads to no Service", lambda it: replace(it, "worker-east", "coordinator:7400", "coordinator:7401")
    yield "leads to no Service", lambda it: replace(it, "worker-east", "aggregator-2.", "aggregator-3.")
    yield "no certificate for", lambda it: setattr(it, "readme", it.readme.replace("--host coordinator", ""))
    yield "is not pod", lambda it: replace(it, "aggregator", "1=https", "0=https")
    yield "has no tls.key", lambda it: setattr(it, "readme", it.readme.replace("tls.key=", "key="))
    yield "on no volume", lambda it: replace(it, "aggregator", "--data=/data", "--data=/var")
    yield "no volume", lambda it: container(it, "worker-east")["volumeMounts"].append({"name": "x", "mountPath": "/x"})
    yield "no PodDisruptionBudget", lambda it: spec(it, "PodDisruptionBudget", "aggregator").update(selector={"matchLabels": {"x": "y"}})
    yield "selects no pod", lambda it: spec(it, "NetworkPolicy", "worker")["podSelector"]["matchLabels"].update(x="y")
    yield "nothing denies", lambda it: spec(it, "NetworkPolicy", "nothing-else")["policyTypes"].pop()
    yield "may not come in", lambda it: spec(it, "NetworkPolicy", "aggregator")["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]["values"].remove("worker")
    yield "may not go out", lambda it: spec(it, "NetworkPolicy", "worker")["egress"].pop(1)
    yield "no port", lambda it: spec(it, "NetworkPolicy", "admin")["ingress"][0]["ports"][0].update(port="metrics")
    yield "is not /ready", lambda it: container(it, "coordinator")["readinessProbe"]["httpGet"].update(port="grpc")


def main():
    this = Manifests()
    found = mistakes(this)
    for mistake in found:
        print(mistake)
    if found:
        return 1
    plants = list(planted())
    for word, plant in plants:
        other = copy.deepcopy(this)
        plant(other)
        if not any(word in mistake for mistake in mistakes(other)):
            print(f"a planted mistake was not found: {word}")
            return 1
    print(f"{len(this.objects)} objects are in order; {len(plants)} planted mistakes were found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
