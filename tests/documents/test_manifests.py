"""The manifests for Kubernetes, as Kustomize renders them: schemas, and what they promise."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from mnistcmp import __version__
from mnistcmp.cluster.node import OBJECT_STORE_BYTES, own_labels
from mnistcmp.cluster.work import read_work
from tests.support.clusters import KINDS

PROJECT = Path(__file__).resolve().parents[2]
KUBERNETES = PROJECT / "cluster" / "kubernetes"
SCHEMAS = PROJECT.parent / "shared" / "kuberay-crds"
DEFINITIONS = {"RayCluster": "ray.io_rayclusters.yaml", "RayJob": "ray.io_rayjobs.yaml"}
KUSTOMIZE = next(
    ([tool, *arguments] for tool, *arguments in (("kustomize", "build"), ("kubectl", "kustomize"))
     if shutil.which(tool)), [],
)  # fmt: skip

ANY = ("s3", "kueue", "restricted", "network-policy")
COMPONENTS = {"raycluster": ("gpu", *ANY), "job": ("gpu-job", *ANY)}
"""What each can be combined with; a RayJob is a RayCluster with one component more."""
OVERLAYS = [
    (base, chosen, rayjob)
    for base, components in COMPONENTS.items()
    for chosen in [(), *((name,) for name in components), components]
    for rayjob in ([False, True] if base == "raycluster" else [False])
]

pytestmark = pytest.mark.skipif(not KUSTOMIZE, reason="neither kustomize nor kubectl is here")

Resources = list[dict[str, Any]]
Render = Callable[..., Resources]


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders an overlay that a user could write, beside a copy of what there is."""
    folder = tmp_path_factory.mktemp("manifests") / "kubernetes"
    shutil.copytree(KUBERNETES, folder)
    rendered: dict[str, Resources] = {}

    def overlay(base: str, components: tuple[str, ...] = (), *, rayjob: bool = False) -> Resources:
        # What follows rayjob holds for the job too.
        last = [name for name in components if name == "restricted"]
        names = [n for n in components if n not in last] + ["rayjob"] * rayjob + last
        content = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"../{base}"],
            "components": [f"../components/{name}" for name in names],
        }
        return kustomize(yaml.safe_dump(content))

    def kustomize(content: str) -> Resources:
        if content not in rendered:
            (folder / "mine").mkdir(exist_ok=True)
            (folder / "mine" / "kustomization.yaml").write_text(content, encoding="utf-8")
            rendered[content] = _kustomize(folder / "mine")
        return rendered[content]

    return lambda base, *arguments, **options: (
        kustomize(base) if "\n" in base else overlay(base, *arguments, **options)
    )


def _kustomize(folder: Path) -> Resources:
    done = subprocess.run([*KUSTOMIZE, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _of_kind(resources: Resources, kind: str) -> dict[str, Any]:
    (found,) = (resource for resource in resources if resource["kind"] == kind)
    return found


def _pods(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - YAML
    """Every pod template in resources of whatever kind."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict) and "containers" in item.get("spec", {}):
            yield item
        if isinstance(item, dict | list):
            yield from _pods(item)


def _unrestricted(pod: dict[str, Any]) -> list[str]:
    """What the pod security standard `restricted`, and this project beyond it, would refuse."""
    security = pod.get("securityContext", {})
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    if not security.get("runAsNonRoot") or security.get("runAsUser") == 0:
        found.append("root")
    if security.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        found.append("seccomp")
    allowed = {"name", "emptyDir", "persistentVolumeClaim", "secret", "configMap", "projected"}
    if any(set(volume) - allowed for volume in pod.get("volumes", [])):
        found.append("volume")
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        own = container.get("securityContext", {})
        wanted = {
            "privileges": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "writable root": own.get("readOnlyRootFilesystem") is True,
            "privileged": not own.get("privileged"),
            "ports of the host": not any("hostPort" in p for p in container.get("ports", [])),
            "unbounded": {"cpu", "memory"} <= set(container["resources"]["limits"]),
        }
        found += [f"{container['name']}: {name}" for name, good in wanted.items() if not good]
    return found


def _closed(schema: Any) -> Any:  # noqa: ANN401 - JSON schema
    """The schema, refusing fields that it does not name: Kubernetes would drop them silently."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("x-kubernetes-preserve-unknown-fields") is not True:
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.fixture(scope="module")
def validate() -> Callable[[dict[str, Any]], None]:
    """Validates a resource against its kind's schema: Kubernetes' own, or KubeRay's."""
    validators: dict[str, jsonschema.Draft202012Validator] = {}

    def check(resource: dict[str, Any]) -> None:
        kind = resource["kind"]
        if kind not in DEFINITIONS:
            kubernetes_validate.validate(resource, "1.37", strict=True)
            return
        if not SCHEMAS.is_dir():
            pytest.skip(f"KubeRay's schemas are not in {SCHEMAS.name}")
        if kind not in validators:
            # A megabyte, which Python's own reader of YAML takes seconds for.
            text = (SCHEMAS / DEFINITIONS[kind]).read_bytes()
            versions = yaml.load(text, yaml.CSafeLoader)["spec"]["versions"]
            schema = next(v["schema"]["openAPIV3Schema"] for v in versions if v["name"] == "v1")
            closed = _closed(schema["properties"]["spec"])
            validators[kind] = jsonschema.Draft202012Validator(closed)
        validators[kind].validate(resource["spec"])

    return check


@pytest.mark.parametrize(("base", "components", "rayjob"), OVERLAYS)
def test_every_overlay_is_valid_and_confined(
    render: Render,
    validate: Callable[[dict[str, Any]], None],
    base: str,
    components: tuple[str, ...],
    rayjob: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Each component alone, and all: every field known, every pod as `restricted` wants it."""
    resources = render(base, components, rayjob=rayjob)
    kinds = {resource["kind"] for resource in resources}
    assert kinds & {"RayCluster", "RayJob", "Job"} == {
        "RayJob" if rayjob else {"raycluster": "RayCluster", "job": "Job"}[base]
    }
    for pod in _pods(resources):
        assert _unrestricted(pod["spec"]) == []
    for resource in resources:
        validate(resource)


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "Job", "PersistentVolumeClaim"])
def test_a_misspelt_field_is_found(
    render: Render, validate: Callable[[dict[str, Any]], None], kind: str
) -> None:
    """The schemas are closed, at every kind."""
    base = "job" if kind in {"Job", "PersistentVolumeClaim"} else "raycluster"
    resource = _of_kind(render(base, rayjob=kind == "RayJob"), kind)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        validate(resource | {"spec": resource["spec"] | {"misspelt": 1}})


def test_a_loose_pod_is_found() -> None:
    """Each of the rules is one that can be broken."""
    container = {"name": "c", "resources": {"limits": {}}, "ports": [{"hostPort": 1}]}
    pod = {
        "hostNetwork": True,
        "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
        "containers": [container | {"securityContext": {"privileged": True}}],
    }
    assert len(_unrestricted(pod)) == 4 + 6


@pytest.mark.parametrize("shipped", ["raycluster", "rayjob", "job", "results"])
def test_shipped_folders_are_what_their_names_say(render: Render, shipped: str) -> None:
    """`kubectl apply -k` takes them as they are."""
    wanted = {"rayjob": ("raycluster", True)}.get(shipped, (shipped, False))
    assert _kustomize(KUBERNETES / shipped) == render(wanted[0], rayjob=wanted[1])


def test_a_job_s_cluster_is_the_cluster(render: Render) -> None:
    """Whatever the components have made of it."""
    names = COMPONENTS["raycluster"]
    job = _of_kind(render("raycluster", names, rayjob=True), "RayJob")
    cluster = _of_kind(render("raycluster", names), "RayCluster")
    assert job["spec"]["rayClusterSpec"] == cluster["spec"]
    assert job["metadata"]["labels"] == cluster["metadata"]["labels"]


def test_the_autoscaler_and_the_submitter_are_confined_too(render: Render) -> None:
    """KubeRay makes their containers, whose security is theirs to be told."""
    spec = _of_kind(render("raycluster", rayjob=True), "RayJob")["spec"]
    cluster = spec["rayClusterSpec"]
    submitter = spec["submitterPodTemplate"]["spec"]["containers"][0]
    assert submitter["name"] == "ray-job-submitter"
    scaler = cluster["autoscalerOptions"]
    assert scaler["securityContext"] == submitter["securityContext"]
    volumes = {v["name"] for v in cluster["headGroupSpec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in scaler["volumeMounts"]} <= volumes


def test_versions_are_this_project_s(render: Render) -> None:
    """Ray's as locked, the images' and labels' as this package's; both kinds of image are used."""
    locked = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    resources = render("raycluster", ("gpu",), rayjob=True)
    spec = _of_kind(resources, "RayJob")["spec"]["rayClusterSpec"]
    assert f"\nray=={spec['rayVersion']}\n" in locked
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        assert group["labels"] == own_labels() | {"python-version": "3.11"}
        assert group["rayStartParams"]["object-store-memory"] == str(OBJECT_STORE_BYTES)
    assert _images(resources) == {f"mnistcmp:{__version__}-{kind}" for kind in ("cpu", "gpu")}
    assert _images(render("job", ("gpu-job",))) == {f"mnistcmp:{__version__}-gpu"}


def _images(resources: Resources) -> set[str]:
    return {
        container["image"]
        for pod in _pods(resources)
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    }


def test_the_head_takes_no_task_and_asks_for_the_token(render: Render) -> None:
    """Autoscaling as Ray wants it; workers find the loops that the image has compiled."""
    spec = _of_kind(render("raycluster", ("gpu",)), "RayCluster")["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"]
    assert spec["autoscalerOptions"]["version"] == "v2"
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    dockerfile = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    for group in spec["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        assert pod["restartPolicy"] == "Never"
        assert not pod["automountServiceAccountToken"]
        _, _, compiled, where = pod["initContainers"][0]["command"]
        assert f"NUMBA_CACHE_DIR={compiled} python" in dockerfile
        assert f"NUMBA_CACHE_DIR={where} \\" in dockerfile
    for pod in _pods(spec):
        mounts = {mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
        assert {"/tmp", "/home/mnistcmp", "/dev/shm"} <= mounts  # noqa: S108 - in the pod


def test_jobs_end_in_bounded_time_and_clean_up(render: Render) -> None:
    """Deadlines, bounded retries, removal; a name that KubeRay can lengthen."""
    for job in (
        _of_kind(render("raycluster", rayjob=True), "RayJob"),
        _of_kind(render("job"), "Job"),
    ):
        assert len(job["metadata"]["name"]) <= 47
        for field in ("activeDeadlineSeconds", "ttlSecondsAfterFinished"):
            assert job["spec"][field] > 0


def test_a_refused_request_or_failed_runs_build_no_second_cluster(render: Render) -> None:
    """KubeRay retries whatever failed; a Job says which exit statuses end it."""
    spec = _of_kind(render("raycluster", rayjob=True), "RayJob")["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["shutdownAfterJobFinishes"]
    assert spec["submitterConfig"]["backoffLimit"] > 0
    job = _of_kind(render("job"), "Job")["spec"]
    (rule,) = (r for r in job["podFailurePolicy"]["rules"] if r["action"] == "FailJob")
    assert rule["onExitCodes"]["values"] == [1, 2]
    (container,) = job["template"]["spec"]["containers"]
    assert rule["onExitCodes"]["containerName"] == container["name"]


@pytest.mark.parametrize("rayjob", [False, True])
def test_credentials_of_an_object_store_reach_who_writes_alone(
    render: Render,
    rayjob: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The head from a Secret, no worker and no submitter; the manifests themselves hold none."""
    resources = render("raycluster", ("gpu", "s3"), rayjob=rayjob)
    with_secret = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in _pods(resources)
        if any("envFrom" in container for container in pod["spec"]["containers"])
    }
    assert with_secret == {"driver"}
    assert "AWS_" not in yaml.safe_dump(resources)
    (pod,) = _pods(render("job", ("s3",)))
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "mnistcmp-s3"}}]


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "Job"])
def test_kueue_admits_what_does_not_grow(render: Render, kind: str) -> None:
    """The queue's label is the owner's, and no autoscaler asks for more than was granted."""
    base = "job" if kind == "Job" else "raycluster"
    resource = _of_kind(render(base, ("kueue",), rayjob=kind == "RayJob"), kind)
    assert resource["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "mnistcmp"
    if kind != "Job":
        spec = resource["spec"].get("rayClusterSpec", resource["spec"])
        assert not spec["enableInTreeAutoscaling"]
        assert "autoscalerOptions" not in spec


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "Job"])
def test_network_policies_hold_every_pod_in(render: Render, kind: str) -> None:
    """Both ways; from outside comes the operator alone, to the driver's dashboard."""
    base = "job" if kind == "Job" else "raycluster"
    resources = render(base, ("network-policy",), rayjob=kind == "RayJob")
    policies = {
        resource["metadata"]["name"]: resource["spec"]
        for resource in resources
        if resource["kind"] == "NetworkPolicy"
    }
    for pod in _pods([r for r in resources if r["kind"] != "NetworkPolicy"]):
        labels = pod["metadata"]["labels"].items()
        assert labels >= policies["mnistcmp"]["podSelector"]["matchLabels"].items()
    assert all(p["policyTypes"] == ["Ingress", "Egress"] for p in policies.values())
    ours = {"podSelector": policies["mnistcmp"]["podSelector"]}
    assert policies["mnistcmp"]["ingress"] == [{"from": [ours]}]
    (operator,) = policies["mnistcmp-driver"]["ingress"]
    assert operator["ports"] == [{"port": 8265, "protocol": "TCP"}]


def test_a_restricted_namespace_holds_everything(render: Render) -> None:
    """It is made, says so, and every resource is in it."""
    resources = render("raycluster", ("s3", "restricted"), rayjob=True)
    namespace = _of_kind(resources, "Namespace")["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [r["metadata"]["namespace"] for r in resources if r["kind"] != "Namespace"]
    assert set(others) == {namespace["name"]}


def test_the_readme_s_overlay_is_one(
    render: Render, validate: Callable[[dict[str, Any]], None]
) -> None:
    """It renders, is valid, its images are the registry's, its request one that jobs take."""
    readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    resources = render(example)
    for resource in resources:
        validate(resource)
    assert {image.split(":")[0] for image in _images(resources)} == {
        "registry.example/team/mnistcmp"
    }
    *_, request = shlex.split(_of_kind(resources, "RayJob")["spec"]["entrypoint"])
    assert read_work(request, KINDS).output == "s3://BUCKET/table1"


def test_the_entry_points_are_the_image_s(render: Render) -> None:
    """Script and request are files of `jobs`, at the place that they have in the image."""
    job = _of_kind(render("raycluster", rayjob=True), "RayJob")
    python, *files = job["spec"]["entrypoint"].split()
    dockerfile = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY jobs /opt/jobs" in dockerfile
    assert python == "python"
    assert files == ["/opt/jobs/run.py", "/opt/jobs/table1.json"]
    assert all((PROJECT / "jobs" / Path(file).name).is_file() for file in files)
