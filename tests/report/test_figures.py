"""Figures as files: the networks' structure and the learning curves."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from mnistcmp.cli import main
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.networks.graph import trace
from mnistcmp.networks.layers import layer_table, parameter_count
from mnistcmp.report.build import build_report
from mnistcmp.report.figures.curves import Curves, draw_learning
from mnistcmp.report.figures.dots import draw_accuracies
from mnistcmp.report.figures.drawing import DARK, LIGHT, Drawing, to_png, to_svg
from mnistcmp.report.figures.structure import draw_structure
from mnistcmp.report.runs import read_groups
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.recipe import RECIPES, Recipe
from tests.support.commands import mnistcmp

DEFAULT = RECIPES["default"].network


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_graph_has_the_network_s_layers(name: str) -> None:
    """Names, shapes and parameters are those that a pass through the network meets."""
    network = ARCHITECTURES[name].build(DEFAULT)
    graph = trace(network)
    layers = layer_table(network)
    own = [s for s in graph.steps if s.same_weights_as is None]
    drawn = {s.name: (s.output_shape, s.parameters) for s in own}
    assert all(drawn[row.name] == (row.output_shape, row.parameters) for row in layers)
    assert sum(step.parameters for step in graph.steps) == parameter_count(network)
    repeated = sum(step.same_weights_as is not None for step in graph.steps)
    assert repeated == sum(row.uses - 1 for row in layers)


@pytest.mark.parametrize(
    ("recipe", "softmaxes", "auxiliary"),
    [
        ("default", ["branches.0.linear3", "branches.0.linear3"], "branches.0.linear3"),
        ("report-text", [], "branches.0.linear3"),
        (
            "reference-code",
            ["branches.0.linear3", "branches.0.linear3", "head.linear3"],
            "softmax",
        ),
    ],
)
def test_a_graph_says_where_softmax_stands(
    recipe: str, softmaxes: list[str], auxiliary: str
) -> None:
    """And which outputs the auxiliary losses take, for each reading of the report."""
    graph = trace(ARCHITECTURES["siamese-shared-aux"].build(RECIPES[recipe].network))
    names = {step.key: step.name for step in graph.steps}
    after = [names[s.inputs[0]] for s in graph.steps if s.name == "softmax"]
    assert after == softmaxes
    assert graph.digits is not None
    assert [names[key] for key in graph.digits] == [auxiliary, auxiliary]


def test_a_drawing_says_what_the_graph_has() -> None:
    """Every layer, the parameters, both losses, as text for those who search or hear it."""
    entry = ARCHITECTURES["siamese-separate-aux"]
    drawing = draw_structure(entry, DEFAULT)
    texts = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert "Figure 2. siamese-separate-aux: 141,361 parameters" in texts
    assert {row.name for row in layer_table(entry.build(DEFAULT))} <= set(texts)
    assert sum("auxiliary loss" in text for text in texts) == 2
    assert "A softmax follows branches.0.linear3, branches.1.linear3." in drawing.description


def test_other_recipes_are_drawn_as_they_are() -> None:
    """Tanh, no batch norm, dropout after convolutions: what the recipe builds is drawn."""
    recipe = Recipe(activation="tanh", batch_norm="none", conv_dropout=0.1)
    drawing = draw_structure(ARCHITECTURES["baseline"], recipe.network)
    texts = " ".join(text.get_text() for text in drawing.figure.axes[0].texts)
    assert "Tanh" in texts
    assert "Dropout" in texts
    assert "BatchNorm" not in texts


def test_curves_are_the_stored_epochs(store: ResultsStore) -> None:
    """Means and sample deviations of the errors, in %, as the table of epochs has them."""
    groups = read_groups(store, store.combined().conditions)
    curves = Curves.of(groups[0])
    epochs = store.read("epochs").to_pandas().query("architecture == 'baseline'")
    by_epoch = 100 * (1 - epochs.groupby("epoch")["validation_accuracy"].mean())
    assert curves.n == 2
    assert curves.validation.mean(axis=0) == pytest.approx(by_epoch.to_numpy())
    assert curves.validation.std(axis=0, ddof=1) == pytest.approx(
        100 * epochs.groupby("epoch")["validation_accuracy"].std().to_numpy()
    )


def _learning(store: ResultsStore) -> list[Drawing]:
    return draw_learning(read_groups(store, store.combined().conditions))


def test_the_same_results_give_the_same_bytes(store: ResultsStore) -> None:
    """SVG and PNG, drawn twice; no date, no random name."""
    first, second = _learning(store), _learning(store)
    assert [d.name for d in first] == ["figure-3-baseline", "figure-3-siamese-shared-aux"]
    for one, other in zip(first, second, strict=True):
        assert to_svg(one) == to_svg(other)
        assert to_png(one, dots_per_inch=50) == to_png(other, dots_per_inch=50)


def test_an_svg_describes_itself(store: ResultsStore) -> None:
    """Title and description inside, tied to the picture."""
    root = ET.fromstring(to_svg(_learning(store)[0]))  # noqa: S314 - our own
    ids = {element.get("id"): element.text for element in root.iter()}
    assert ids[root.get("aria-labelledby")] == "Figure 3. baseline, n = 2"
    assert "dropout on" in (ids[root.get("aria-describedby")] or "")


def _luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", "blue", "orange", "grey"])
def test_colours_stand_out_from_the_paper(colours: dict[str, str], name: str) -> None:
    """4.5 to 1 at least, as WCAG asks of text."""
    dark, light = sorted((_luminance(colours[name]), _luminance(colours["paper"])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_command_writes_the_figures(
    store: ResultsStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Six structures; with results, each condition's structure and curves, and the dots twice."""
    for results, expected in ([], 6), ([store.location.name], 6):
        output = tmp_path / f"figures-{len(results)}"
        command = ["mnistcmp", "figures", *results, "-o", str(output), "--format", "svg"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 0
        written = sorted(path.name for path in output.iterdir())
        assert len(written) == expected
        pattern = r"figure-[123]-[a-z0-9-]+\.svg|small-dots-(light|dark)\.svg"
        assert all(re.fullmatch(pattern, name) for name in written)
        assert len(capsys.readouterr().out.splitlines()) == expected


def test_dots_are_drawn_on_light_and_on_dark_paper(store: ResultsStore) -> None:
    """The same drawing in the colours of each palette, for a document that has both."""
    groups = read_groups(store, store.combined().conditions)
    [drawing] = draw_accuracies(build_report(store).rows, groups, name="small-dots")
    light, dark = (to_svg(drawing, colours).decode() for colours in (LIGHT, DARK))
    assert light != dark
    for text, colours, others in ((light, LIGHT, DARK), (dark, DARK, LIGHT)):
        assert colours["paper"] in text
        assert colours["ink"] in text
        assert not any(other in text for other in others.values())
    assert "baseline: n = 2, mean " in light


@pytest.mark.process
def test_figures_need_no_backend(tmp_path: Path) -> None:
    """Whatever MPLBACKEND names, as notebooks set it, and whatever a `matplotlibrc` asks for."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n", encoding="utf-8")
    program = """
import sys
from mnistcmp.cli import main
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.report.figures.drawing import to_png
from mnistcmp.report.figures.structure import draw_structure
from mnistcmp.study.recipe import Recipe
assert to_png(draw_structure(ARCHITECTURES["baseline"], Recipe().network), dots_per_inch=20)
sys.argv = ["mnistcmp", "data", "sheet"]
main()
"""
    settings = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "pairs.png").is_file()


@pytest.mark.process
def test_settings_that_are_no_text_get_one_line(tmp_path: Path) -> None:
    """Matplotlib reads a `matplotlibrc` in the working folder when it is imported."""
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    done = mnistcmp(tmp_path, os.environ, "data", "sheet")
    assert done.returncode == 2
    assert done.stderr.startswith("mnistcmp: matplotlib cannot read its settings: UnicodeDecodeErr")
    assert done.stderr.count("\n") == 1
