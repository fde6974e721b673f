"""The README, docs/python.md and the notebook show the same; the notebook does what it says."""

import json
from pathlib import Path

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


@pytest.mark.ray
def test_the_notebook_works(tmp_path: Path) -> None:
    """In a kernel, whose event loop runs already: the same numbers as it was stored with."""
    before = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    after = executed(tmp_path)

    def numbers(cells: list[dict[str, object]]) -> list[object]:
        """The text of what each cell's last expression gave."""
        return [
            "".join(output["data"]["text/plain"])
            for cell in cells
            for output in cell.get("outputs", ())  # type: ignore[attr-defined]
            if output["output_type"] == "execute_result"
        ]

    assert len(numbers(after.cells)) == 5
    assert numbers(after.cells) == numbers(before["cells"])
    kinds = [output.output_type for cell in after.cells for output in cell.get("outputs", ())]
    assert "stream" not in kinds
