"""Results folders of any size, made up, to see how long it takes to read and to compact them.

python -m tests.support.synthetic FOLDER --runs 1000000 --per-file 1000    the table `runs` alone
python -m tests.support.synthetic FOLDER --runs 20000                      a file per run and table
"""

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mnistcmp.results.parquet import encode
from mnistcmp.results.schema import to_table
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.named import TABLE1
from mnistcmp.study.study import Study

EPOCHS, PAIRS = 150, 1000
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fill(folder: Path, runs: int, *, per_file: int = 1) -> None:
    """Fills a folder with Table I's architectures, and as many seeds as the runs want.

    Files of several runs are parts, as compacting makes them, and then there are no details.
    """
    study = TABLE1.model_copy(update={"seeds": tuple(range(runs // 5))})
    store = ResultsStore(folder)
    store.prepare(study)
    random = np.random.default_rng(0)
    plan = [(name, seed) for seed in study.seeds for name in study.architectures]
    canonical = study.recipe.canonical()
    for start in range(0, len(plan), per_file):
        names, seeds = (
            list(column) for column in zip(*plan[start : start + per_file], strict=True)
        )
        ids = [_run_id(name, seed, canonical) for name, seed in zip(names, seeds, strict=True)]
        identity = {"run_id": ids, "architecture": names, "seed": seeds}
        file = f"{ids[0] if per_file == 1 else f'part-{start:08}'}.parquet"
        tables: dict[str, tuple[dict[str, Any], int]] = {}
        if per_file == 1:
            one = {name: column[0] for name, column in identity.items()}
            tables["predictions"] = one | _predictions(random), PAIRS
            tables["epochs"] = one | _epochs(random), EPOCHS
        tables["runs"] = identity | _runs(study, len(ids), random), len(ids)
        for name, (columns, rows) in tables.items():
            common = {"study": study.name, "recipe_hash": study.recipe.hash}
            table = to_table(name, columns | common, rows=rows)
            store.location.write(name, file, encode(name, table))


def _run_id(architecture: str, seed: int, canonical: str) -> str:
    """As `Run.run_id`, which a test holds it against; a million of those take half a minute."""
    return hashlib.sha256(json.dumps([architecture, seed, canonical]).encode()).hexdigest()[:16]


def _runs(study: Study, rows: int, random: np.random.Generator) -> dict[str, Any]:
    scores = ("loss", "accuracy")
    measured = [f"{of}_{score}" for of in ("train", "validation", "test") for score in scores]
    return {name: random.random(rows) for name in (*measured, "digit_accuracy", "seconds")} | {
        "recipe": study.recipe.model_dump_json(),
        "parameters": 71_119,
        "best_epoch": random.integers(1, EPOCHS, rows),
        "started_at": WHEN,
        "finished_at": WHEN,
        "host": "machine",
        "device": "cpu",
        "python_version": "3.11.7",
        "torch_version": "2.13.0",
        "ray_version": "2.60.0",
        "mnistcmp_version": "0.1.0",
        "git_revision": "0" * 40,
    }


def _epochs(random: np.random.Generator) -> dict[str, Any]:
    measured = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return {name: random.random(EPOCHS) for name in measured} | {"epoch": np.arange(1, EPOCHS + 1)}


def _predictions(random: np.random.Generator) -> dict[str, Any]:
    digits = ("first_digit", "second_digit", "predicted_first_digit", "predicted_second_digit")
    drawn = {name: random.integers(0, 10, PAIRS) for name in digits}
    images = {name: random.integers(0, 10_000, PAIRS) for name in ("first_image", "second_image")}
    return (
        drawn
        | images
        | {
            "pair": np.arange(PAIRS),
            "label": (drawn["first_digit"] <= drawn["second_digit"]).astype(int),
            "predicted": random.integers(0, 2, PAIRS),
            "probability": random.random(PAIRS),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--per-file", type=int, default=1)
    arguments = parser.parse_args()
    fill(arguments.folder, arguments.runs, per_file=arguments.per_file)
