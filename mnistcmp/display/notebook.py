"""A notebook's output that is replaced as it changes."""

from collections.abc import Sequence
from html import escape
from typing import Any


class NotebookOutput:
    """A bar with lines below, in the output of the cell that makes it."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, share: float, lines: Sequence[str]) -> None:
        """Shows how much is done, 0 to 1, and lines of text, in place of those before."""
        # A notebook has it.
        from IPython.display import display  # noqa: PLC0415

        text = "\n".join(lines)
        bar = f'<progress value="{share:.3f}" max="1" aria-label="work done"></progress>'
        data = {"text/html": f"{bar}<pre>{escape(text)}</pre>", "text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
