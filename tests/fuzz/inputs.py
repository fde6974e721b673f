"""Inputs that are nearly right, and what is asked of whoever reads them."""

import json
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st

from mnistcmp.errors import LONGEST_LINE, UserError, printable

T = TypeVar("T")

SECONDS = 20
"""After which a parser hangs: most take a millisecond."""
ROOM = 2**31
"""Bytes that a process may have beside what it has before an input."""

texts = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "\0",
        "\x1b[31m",
        "\u202e",
        "\ud800",
        "9" * 5000,
        "[" * 5000,
        "../../x",
        "/etc/x",
        "\n",
        "x:y",
    ]
)
"""Any, and what breaks parsers elsewhere."""
numbers = (
    st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, 1e308])
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
"""As JSON has them, and Python's JSON beside them: NaN, Infinity."""


def reads(parse: Callable[[], T]) -> T | None:
    """What a parser makes of an input: a value, or None where it refused it in one line.

    Any other exception is the test's, and so is one line that a terminal obeys, or that is as long
    as its input.
    """
    with _a_while(), _little_memory():
        try:
            return parse()
        except UserError as error:
            line = str(error)
    assert line == printable(line)
    assert len(line.splitlines()) == 1
    assert len(line) <= LONGEST_LINE + 5
    return None


@contextmanager
def _a_while() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _little_memory() -> Iterator[None]:
    """The process cannot have much more memory than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@st.composite
def mangled(draw: st.DrawFn, whole: bytes, pieces: Sequence[bytes] = (b"",)) -> bytes:
    """A file cut off, with bits flipped, or with some bytes replaced, by others of its own too."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        match draw(st.integers(0, 3)):
            case 0:
                del content[start:]
            case 1 if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
            case 2:
                other = draw(st.integers(0, len(content)))
                length = draw(st.integers(0, 64))
                content[start : start + length] = content[other : other + length]
            case _:
                new = draw(st.binary(max_size=9) | st.sampled_from(pieces))
                content[start : start + draw(st.sampled_from([0, 1, len(new), 30]))] = new
    return bytes(content)


@st.composite
def changed(draw: st.DrawFn, document: object) -> object:
    """A document of JSON with some of its values, or keys, others than they were."""
    # A copy, whose parts can be changed.
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = document
        parent: Any = None
        key: Any = None
        while isinstance(node, dict | list) and node and draw(st.integers(0, 4)):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            parent, key = node, draw(st.sampled_from(keys))
            node = parent[key]
        new = draw(values)
        if parent is None:
            document = new if not draw(st.integers(0, 9)) else document
        elif draw(st.integers(0, 5)):
            parent[key] = new
        elif isinstance(parent, dict):
            parent[draw(texts)] = parent.pop(key)
        else:
            del parent[key]
    return document


def as_json(document: object) -> str:
    """A document as JSON, or nearly: NaN and halves of surrogate pairs are left as they are."""
    return json.dumps(document, ensure_ascii=False)
