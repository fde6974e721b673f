"""The programs that the documents show."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def blocks(document: str, language: str) -> list[str]:
    """A document's blocks of code in a language."""
    text = (PROJECT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


README_EXAMPLE = next(block for block in blocks("README.md", "python") if "mnistcmp" in block)
"""The README's program that uses the API."""
