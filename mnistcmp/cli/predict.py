"""`mnistcmp predict`: what a stored network says of two images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import print_json
from mnistcmp.display.terminal import Terminal


def predict(
    results: Annotated[
        str, typer.Argument(help="Results folder or URI of a launch with --weights best.")
    ],
    first: Annotated[Path, typer.Argument(help="PNG or JPEG of the first digit.")],
    second: Annotated[Path, typer.Argument(help="PNG or JPEG of the second digit.")],
    architecture: Annotated[
        str | None, typer.Option("--architecture", "-a", help="Only a network of this one.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Only a network of this seed.")] = None,
    json: options.Json = False,
) -> None:
    """Say whether the first image's digit is less than or equal to the second's.

    The network is the one of the best validation accuracy among those whose weights the folder
    has. Images are one digit each, best as MNIST's: light on dark, with a margin around it.
    """
    from mnistcmp.predict.images import read_digit
    from mnistcmp.predict.model import answer, choose_model
    from mnistcmp.report.as_json import dumps
    from mnistcmp.results.store import ResultsStore

    digits = read_digit(first), read_digit(second)
    model = choose_model(ResultsStore(results), architecture, seed)
    said = answer(model.weights, *digits)
    run = model.weights.run
    found = {
        "first_less_or_equal": said.probability > 1 / 2,
        "probability": said.probability,
        "images": [
            {
                "path": str(path),
                "digit_probabilities": None if said.digits is None else said.digits[place],
                "notes": digits[place].notes,
            }
            for place, path in enumerate((first, second))
        ],
        "model": {
            "run_id": run.run_id,
            "architecture": run.architecture,
            "seed": run.seed,
            "recipe": run.recipe.model_dump(mode="json"),
            "validation_accuracy": model.validation_accuracy,
            "best_of": model.candidates,
        },
    }
    if json:
        print_json(dumps(found))
        return
    for line in _lines(found, run.recipe.label):
        Terminal().say(line)


def _lines(found: dict[str, Any], recipe: str) -> list[str]:
    """What is told in JSON, for people."""
    images, model = found["images"], found["model"]
    verdict = "yes" if found["first_less_or_equal"] else "no"
    probability = f"probability of yes {found['probability']:.3f}"
    lines = [f"First digit <= second digit: {verdict} ({probability})."]
    for image in images:
        if of_digit := image["digit_probabilities"]:
            ranked = sorted(range(10), key=lambda digit, of=of_digit: -of[digit])  # type: ignore[misc]
            named = ", ".join(f"{digit} ({of_digit[digit]:.3f})" for digit in ranked[:3])
            lines.append(f"{image['path']} shows {named}.")
    lines += [f"Note on {image['path']}: {note}." for image in images for note in image["notes"]]
    chosen = "the only one asked for, with a"
    if model["best_of"] > 1:
        chosen = f"the best of {model['best_of']} by"
    lines.append(
        f"Answered by {model['architecture']} seed {model['seed']}, recipe {recipe}: {chosen} "
        f"validation accuracy of {model['validation_accuracy']:.1%}."
    )
    return lines
