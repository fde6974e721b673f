"""`mnistcmp predict`: what a stored network says of two images."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli.console import make_console

if TYPE_CHECKING:
    from mnistcmp.predict.images import Digit
    from mnistcmp.predict.model import Answer, Model


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
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether the first image's digit is less than or equal to the second's.

    The network is the one of the best validation accuracy among those whose weights the folder
    has. Images are one digit each, best as MNIST's: light on dark, with a margin around it.
    """
    from mnistcmp.predict.images import read_digit
    from mnistcmp.predict.model import answer, choose_model
    from mnistcmp.results.store import ResultsStore

    paths = first, second
    digits = read_digit(first), read_digit(second)
    model = choose_model(ResultsStore(results), architecture, seed)
    said = answer(model.weights, *digits)
    if json:
        typer.echo(json_module.dumps(_to_json(model, said, paths, digits), indent=2))
        return
    console = make_console()
    for line in _lines(model, said, paths, digits):
        console.print(line, highlight=False, markup=False)


def _lines(
    model: "Model", said: "Answer", paths: tuple[Path, Path], digits: tuple["Digit", "Digit"]
) -> list[str]:
    run, validated = model.weights.run, f"{100 * model.validation_accuracy:.1f}%"
    chosen = "the only one asked for, with a"
    if model.candidates > 1:
        chosen = f"the best of {model.candidates} by"
    verdict = "yes" if said.probability > 1 / 2 else "no"
    lines = [f"First digit <= second digit: {verdict} (probability of yes {said.probability:.3f})."]
    for path, of_digit in zip(paths, said.digits or (), strict=False):
        ranked = sorted(range(10), key=lambda digit: -of_digit[digit])
        named = ", ".join(f"{digit} ({of_digit[digit]:.3f})" for digit in ranked[:3])
        lines.append(f"{path} shows {named}.")
    lines += [
        f"Note on {path}: {note}."
        for path, digit in zip(paths, digits, strict=True)
        for note in digit.notes
    ]
    lines.append(
        f"Answered by {run.architecture} seed {run.seed}, recipe {run.recipe.label}: {chosen} "
        f"validation accuracy of {validated}."
    )
    return lines


def _to_json(
    model: "Model", said: "Answer", paths: tuple[Path, Path], digits: tuple["Digit", "Digit"]
) -> dict[str, object]:
    run = model.weights.run
    return {
        "first_less_or_equal": said.probability > 1 / 2,
        "probability": said.probability,
        "images": [
            {
                "path": str(path),
                "digit_probabilities": None if said.digits is None else said.digits[place],
                "notes": digit.notes,
            }
            for place, (path, digit) in enumerate(zip(paths, digits, strict=True))
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
