"""The README, docs/python.md and the notebook show the same; the notebook does what it says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import mnistcmp
from tests.support.examples import PROJECT, README_EXAMPLE, blocks
from tests.support.notebook import NOTEBOOK, executed


def test_the_documents_begin_alike() -> None:
    """With the README's program, or what of it makes sense in a notebook."""
    assert blocks("docs/python.md", "python")[0] == README_EXAMPLE
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert README_EXAMPLE.startswith("".join(first["source"]))


def test_every_name_of_the_api_is_explained() -> None:
    """In docs/python.md."""
    text = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in mnistcmp.__all__ if f"mnistcmp.{name}" not in text] == []


NUMBER = re.compile(r"[-+]?\b\d[\d,]*(?:\.\d+)?")


def _given(cells: list[dict[str, Any]]) -> list[str]:
    """The text of what each cell's last expression gave."""
    return [
        "".join(output["data"]["text/plain"])
        for cell in cells
        for output in cell.get("outputs", ())
        if output["output_type"] == "execute_result"
    ]


def _words(text: str) -> list[str]:
    return NUMBER.sub("#", text.replace("─", "")).split()


@pytest.mark.ray
def test_the_notebook_works(tmp_path: Path) -> None:
    """In a kernel, whose event loop runs already: what it was stored with, to other rounding."""
    stored = _given(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"])
    after = executed(tmp_path)
    now = _given(after.cells)
    assert len(now) == 5
    assert [*map(_words, now)] == [*map(_words, stored)]
    for text, before in zip(now, stored, strict=True):
        if not text.startswith("Study"):
            # Tables of pandas: accuracies and error rates. Another kind of processor has others.
            numbers, numbers_before = ([*map(float, NUMBER.findall(t))] for t in (text, before))
            assert numbers == pytest.approx(numbers_before, abs=0.1)
    kinds = [output.output_type for cell in after.cells for output in cell.get("outputs", ())]
    assert "stream" not in kinds
