"""The script for Slurm."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_slurm_s_script_trains_what_jobs_has() -> None:
    """The same script, and by default the same request."""
    script = (PROJECT / "cluster" / "slurm" / "table1.sbatch").read_text(encoding="utf-8")
    named = re.findall(r"\$checkout/jobs/([a-z0-9.]+)", script)
    assert sorted(named) == ["run.py", "table1.json"]
    assert all((PROJECT / "jobs" / name).is_file() for name in named)
