"""The manifests for Kubernetes: against KubeRay's schemas, and against what this project is."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mnistcmp import __version__
from mnistcmp.cluster.node import own_labels

PROJECT = Path(__file__).resolve().parents[2]
KUBERAY = PROJECT / "cluster" / "kuberay"
SCHEMAS = PROJECT.parent / "shared" / "kuberay-crds"


def _load(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((KUBERAY / name).read_text(encoding="utf-8"))


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


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"KubeRay's schemas are not in {SCHEMAS.name}")
@pytest.mark.parametrize(
    ("manifest", "definition"),
    [("raycluster.yaml", "ray.io_rayclusters.yaml"), ("rayjob.yaml", "ray.io_rayjobs.yaml")],
)
def test_manifests_are_valid_kuberay_resources(manifest: str, definition: str) -> None:
    """Every field is one that KubeRay knows, of the right type; a misspelt one would be found."""
    resource = _load(manifest)
    # A megabyte, which Python's own reader of YAML takes seconds for.
    versions = yaml.load((SCHEMAS / definition).read_bytes(), yaml.CSafeLoader)["spec"]["versions"]
    schema = next(v["schema"]["openAPIV3Schema"] for v in versions if v["name"] == "v1")
    spec = _closed(schema["properties"]["spec"])
    jsonschema.validate(resource["spec"], spec)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(resource["spec"] | {"misspelt": 1}, spec)


def _cluster_spec() -> Any:  # noqa: ANN401 - YAML
    return _load("raycluster.yaml")["spec"]


def test_the_job_s_cluster_is_the_cluster() -> None:
    """Two files say the same of pods, groups and security."""
    assert _load("rayjob.yaml")["spec"]["rayClusterSpec"] == _cluster_spec()


def test_versions_are_this_project_s() -> None:
    """Ray's as locked, the images' and labels' as this package's."""
    locked = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    spec = _cluster_spec()
    assert f"\nray=={spec['rayVersion']}\n" in locked
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    for group in groups:
        assert group["labels"] == own_labels() | {"python-version": "3.11"}
        for container in group["template"]["spec"]["containers"]:
            assert re.fullmatch(rf"mnistcmp:{re.escape(__version__)}-[cg]pu", container["image"])


def test_pods_are_confined_and_the_head_takes_no_task() -> None:
    """No root, no capabilities, read-only root, token authentication; autoscaling as Ray wants."""
    spec = _cluster_spec()
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"]
    assert spec["autoscalerOptions"]["version"] == "v2"
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        pod = group["template"]["spec"]
        assert pod["restartPolicy"] == "Never"
        assert pod["securityContext"]["runAsNonRoot"]
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        writable = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/tmp", "/home/mnistcmp", "/dev/shm"} <= writable  # noqa: S108 - in the pod


def test_the_job_ends_in_bounded_time_and_cleans_up() -> None:
    """Deadlines, retries, removal; a name that KubeRay can lengthen."""
    job = _load("rayjob.yaml")
    assert len(job["metadata"]["name"]) <= 47
    spec = job["spec"]
    assert spec["shutdownAfterJobFinishes"]
    for field in ("activeDeadlineSeconds", "preRunningDeadlineSeconds", "backoffLimit"):
        assert spec[field] > 0
    assert spec["ttlSecondsAfterFinished"] > 0


def test_the_job_s_entry_point_is_the_image_s() -> None:
    """Script and request are files of `jobs`, at the place that they have in the image."""
    python, *files = _load("rayjob.yaml")["spec"]["entrypoint"].split()
    dockerfile = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY jobs /opt/jobs" in dockerfile
    assert python == "python"
    assert files == ["/opt/jobs/run.py", "/opt/jobs/table1.json"]
    assert all((PROJECT / "jobs" / Path(file).name).is_file() for file in files)


def test_slurm_s_script_trains_what_jobs_has() -> None:
    """The same script, and by default the same request."""
    script = (KUBERAY.parent / "slurm" / "table1.sbatch").read_text(encoding="utf-8")
    named = re.findall(r"\$checkout/jobs/([a-z0-9.]+)", script)
    assert sorted(named) == ["run.py", "table1.json"]
    assert all((PROJECT / "jobs" / name).is_file() for name in named)
