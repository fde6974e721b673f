"""Networks that a Python program gives as classes or functions."""

import linecache
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch import nn

from mnistcmp.errors import UserError
from mnistcmp.networks.given import kept, name_network
from mnistcmp.networks.source import find_source
from mnistcmp.study.study import Study

SCRIPT = '''
from torch import nn, tanh

from shapes import PIXELS

HIDDEN = 8
LAYERS = [nn.Flatten]


def activation():
    return nn.ReLU()


class Net(nn.Module):
    """Two layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            *(layer() for layer in LAYERS),
            nn.Linear(PIXELS, HIDDEN),
            activation(),
            nn.Linear(HIDDEN, 2),
        )

    def forward(self, pairs):
        return tanh(self.layers(pairs))


class Other(nn.Module):
    """Not a part of the first."""

    def forward(self, pairs):
        return pairs
'''


class Script:
    """A script that runs: its text, and what it defines."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file, self._monkeypatch = folder / "train.py", monkeypatch

    def run(self, text: str = SCRIPT) -> dict[str, Any]:
        """Runs the text as `python train.py` would; what it defines."""
        self._file.write_text(text, encoding="utf-8")
        linecache.checkcache(str(self._file))
        main = ModuleType("__main__")
        self._monkeypatch.setitem(sys.modules, "__main__", main)
        exec(compile(text, self._file, "exec"), vars(main))  # noqa: S102 - a script
        return vars(main)


@pytest.fixture
def script(custom_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """A script in a folder of its own, with a module beside it."""
    (custom_folder / "shapes.py").write_text("PIXELS = 2 * 14 * 14\n", encoding="utf-8")
    for name in list(kept):
        monkeypatch.delitem(kept, name)
    return Script(custom_folder, monkeypatch)


def test_a_class_of_a_module_is_named_as_on_the_command_line() -> None:
    """Whoever reads the results finds it by that name."""
    study = Study(name="own", architectures=["baseline", nn.Flatten])
    assert study.architectures == ("baseline", "torch.nn.modules.flatten:Flatten")


def test_a_script_s_class_makes_its_network(script: Script) -> None:
    """As any other architecture does."""
    from mnistcmp.networks.architectures import architecture  # noqa: PLC0415
    from mnistcmp.study.recipe import Recipe  # noqa: PLC0415

    study = Study(name="own", architectures=[script.run()["Net"]])
    assert study.architectures == ("__main__:Net",)
    network = architecture("__main__:Net").build(Recipe().network)
    assert sum(parameter.numel() for parameter in network.parameters()) == 392 * 8 + 8 + 8 * 2 + 2


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('"""Not a part of the first."""', '"""Of nothing."""', True),
        ("HIDDEN = 8", "HIDDEN = 8  # as many as it needs", True),
        ("return nn.ReLU()", "return  nn.ReLU( )", True),
        ("HIDDEN = 8", "HIDDEN = 9", False),
        ("LAYERS = [nn.Flatten]", "LAYERS = [nn.Flatten, nn.ReLU]", False),
        ("return nn.ReLU()", "return nn.Tanh()", False),
        ("self.layers(pairs)", "-self.layers(pairs)", False),
    ],
)
def test_the_digest_is_of_what_the_network_is_made_of(
    script: Script, *, before: str, after: str, same: bool
) -> None:
    """Of what it refers to, whatever its layout; not of what else the script has."""
    name_network(script.run()["Net"])
    digest = find_source("__main__:Net").digest
    name_network(script.run(SCRIPT.replace(before, after))["Net"])
    assert (find_source("__main__:Net").digest == digest) is same


def test_the_digest_is_of_the_modules_beside_too(script: Script, custom_folder: Path) -> None:
    """Those that the script's network imports from, but nothing that pip installed."""
    text = SCRIPT.replace("from shapes import PIXELS", "import shapes")
    name_network(script.run(text.replace("(PIXELS", "(shapes.PIXELS"))["Net"])
    source = find_source("__main__:Net")
    assert source.files == {"shapes.py": custom_folder / "shapes.py"}
    assert source.folders == (str(custom_folder),)


def _local() -> type[nn.Module]:
    class Inner(nn.Module):
        """Defined in a function."""

    return Inner


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Flatten(), "is no architecture. Allowed: a name, or a class or function"),
        (partial(nn.Linear, 392, 2), "is no architecture. Allowed: a name, or a class or function"),
        (_local(), "is defined inside something else, where no other process finds it"),
        (lambda: nn.Flatten(1), "is defined inside something else"),
    ],
)
def test_what_no_other_process_could_find_is_refused(network: object, message: str) -> None:
    """In one line, as the study is made."""
    with pytest.raises(UserError, match=message):
        Study(name="own", architectures=[network])


def test_what_was_typed_at_a_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could tell later whether it was changed."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(SCRIPT.replace("from shapes", "#"), "<stdin>", "exec"), vars(main))  # noqa: S102
    name = name_network(vars(main)["Net"])
    with pytest.raises(UserError, match="the source of Net is not to be had"):
        find_source(name)


@pytest.mark.parametrize("value", ["(object(),)", "[lambda: 0]", "'x' * 20_000"])
def test_a_value_that_later_launches_could_not_compare_is_refused(
    script: Script, value: str
) -> None:
    """It would be another in each process, or is too long to be read."""
    name_network(script.run(SCRIPT.replace("[nn.Flatten]", f"{value} and [nn.Flatten]"))["Net"])
    assert find_source("__main__:Net").text
    name_network(script.run(SCRIPT.replace("[nn.Flatten]", value))["Net"])
    with pytest.raises(UserError, match="could not tell whether it was changed"):
        find_source("__main__:Net")


def test_a_script_s_network_is_not_found_by_another_process(script: Script) -> None:
    """It is not in a module; its results can be read all the same."""
    name_network(script.run()["Net"])
    kept.clear()
    assert Study(name="own", architectures=["__main__:Net"]).architectures == ("__main__:Net",)
    with pytest.raises(UserError, match="was defined in a script or notebook, and other processes"):
        find_source("__main__:Net")
