"""The script for Slurm."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnistcmp.cluster.events import Reported, from_line
from mnistcmp.results.store import ResultsStore
from tests.support.commands import without_clusters
from tests.support.servers import free_port

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "cluster" / "slurm" / "table1.sbatch"
COMMANDS = {
    "scontrol": "echo 127.0.0.1",
    "srun": 'while [ "$1" != ray ]; do shift; done; exec "$@"',
}
"""Slurm's, as they are on an allocation of one node, this one."""
OWN_PROCESSES = (
    "unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
"""As a job's are; all of them end with the first, and `ray stop` sees no others."""


def test_slurm_s_script_trains_what_jobs_has() -> None:
    """The same script, and by default the same request; a job that is preempted starts again."""
    script = SCRIPT.read_text(encoding="utf-8")
    named = re.findall(r"\$checkout/jobs/([a-z0-9.]+)", script)
    assert sorted(named) == ["run.py", "table1.json"]
    assert all((PROJECT / "jobs" / name).is_file() for name in named)
    assert "\n#SBATCH --requeue\n" in script


@pytest.fixture
def short_folder() -> Iterator[str]:
    """For Ray, whose sockets have long names."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.ray
def test_a_job_that_is_preempted_goes_on_when_it_is_queued_again(
    tmp_path: Path, short_folder: str
) -> None:
    """Killed without a warning, the same script trains what is missing, and ends well."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([*OWN_PROCESSES, "true"], check=False).returncode:
        pytest.skip("this machine makes no process namespaces")
    (tmp_path / "jobs").symlink_to(PROJECT / "jobs")
    for name, body in COMMANDS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    study = {
        "name": "mine",
        "architectures": ["baseline"],
        "seeds": "0-39",
        "recipe": {"epochs": 4},
    }
    environment = without_clusters() | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "VIRTUAL_ENV": sys.prefix,
        "RAY_TMPDIR": short_folder,
        "MNISTCMP_RAY_PORT": str(free_port()),
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NODELIST": "here",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_CPUS_PER_TASK": "1",
    }
    command = [*OWN_PROCESSES, "bash", str(SCRIPT), json.dumps({"study": study})]
    store = ResultsStore(tmp_path / "results" / "mine")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 240
        while not store.finished_run_ids() and time.monotonic() < deadline:
            time.sleep(0.1)
        first.kill()
    kept = len(store.finished_run_ids())
    assert 0 < kept < 40
    again = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert again.returncode == 0, again.stderr
    (reported,) = (e for e in map(from_line, again.stdout.splitlines()) if isinstance(e, Reported))
    assert reported.trained == 40 - kept
    assert len(store.finished_run_ids()) == 40
