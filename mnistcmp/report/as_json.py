"""Reports and comparisons for programs: numbers unrounded, accuracies in %."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from mnistcmp.report.contents import Report, SideBySide
from mnistcmp.report.methods import FLIPPED, INTERVALS
from mnistcmp.report.words import CLAIM, EXACT, POOLED, comparison_notes, comparison_sentence
from mnistcmp.study.recipe import Recipe


def to_json(report: Report) -> str:
    """All that a report says."""
    content = asdict(report)
    # Runs are said by what they lack, and recipes with their hash.
    del content["conditions"], content["failures"]
    return dumps(
        content
        | {
            "recipe": None if report.recipe is None else recipe_fields(report.recipe),
            "rows": [
                asdict(row) | {"recipe": recipe_fields(row.recipe), "difference": row.difference}
                for row in report.rows
            ],
            "rounds": [
                asdict(part) | {"within_published": part.within_published} for part in report.rounds
            ],
            "missing": [
                {
                    "condition": name,
                    "architecture": run.architecture,
                    "recipe_hash": run.recipe.hash,
                    "seed": run.seed,
                    "run_id": run.run_id,
                    "error": report.failures.get(run.run_id),
                }
                for name, runs in report.missing_runs().items()
                for run in runs
            ],
        }
    )


def comparisons_to_json(found: Sequence[SideBySide]) -> str:
    """Comparisons, with their sentences and what their tests are."""
    comparisons = [
        {"sentence": comparison_sentence(comparison), "notes": comparison_notes(comparison)}
        | asdict(comparison)
        for comparison in found
    ]
    methods = {
        "interval": INTERVALS[found[0].inference.intervals],
        "difference": "paired t test",
        "flips": FLIPPED,
        "within_seed": EXACT,
        "pooled": POOLED,
    }
    return dumps({"comparisons": comparisons, "methods": methods, "claim": CLAIM})


def recipe_fields(recipe: Recipe) -> dict[str, object]:
    """A recipe's fields and its hash."""
    return recipe.model_dump(mode="json") | {"hash": recipe.hash}


def dumps(content: object, indent: int | None = 2) -> str:
    """JSON in ASCII: what is not a number is null, and what is no text has question marks."""
    return json.dumps(_plain(content), indent=indent, allow_nan=False)


def _plain(content: object) -> object:
    match content:
        case float() if not math.isfinite(content):
            return None
        case str():
            return content.encode(errors="replace").decode()
        case Mapping():
            return {_plain(key): _plain(value) for key, value in content.items()}
        case list() | tuple():
            return [_plain(value) for value in content]
    return content
