"""What people write: study files, recipes, seeds, searches, durations, addresses, networks."""

import math
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mnistcmp.cli.durations import seconds_of
from mnistcmp.cluster.address import IN_CLEAR, find_cluster, is_http_url
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.source import find_source
from mnistcmp.results.location import Location
from mnistcmp.results.output import Output, SharedFolder
from mnistcmp.study.file import build_study, format_study, parse_study, read_study
from mnistcmp.study.named import CARRY_OVER, TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import LARGEST_SEED, MOST_SEEDS, format_seeds, parse_seeds
from mnistcmp.study.study import MOST_RUNS, Study
from mnistcmp.tune.search import MOST_POINTS, plan_search
from mnistcmp.tune.space import parse_grid, parse_range
from tests.fuzz.inputs import changed, mangled, reads, texts, values

WHOLE = format_study(CARRY_OVER)
TOML = [
    b"[",
    b"]]",
    b"=",
    b'"',
    b"'''",
    b"\n",
    b"inf",
    b"-0x",
    b"{a.b=",
    b"\\u001b",
    b"1979-05-27",
    b"\xff",
]
MANY = "9" * 5000
FIELDS = st.sampled_from(["lr", *Recipe.model_fields]) | texts
DIGITS = st.text("0123456789-, \n٣", max_size=24)
MODULE = b"""import json, numpy as np
from torch import nn


class Net(nn.Module):
    def forward(self, pair):
        return f"{np.abs(pair)!r}", [(lambda: {1: x}) for x in pair]
"""
NETWORKS = st.sampled_from(
    [
        "tests.support.custom_networks:Net",
        "tests:x",
        "os:path",
        "mnistcmp.networks:x",
        "nets.py:Net",
    ]
)


def _toml(content: Any) -> str:  # noqa: ANN401 - whatever was made up
    """As TOML, what TOML can say of it."""
    try:
        return tomli_w.dumps(content)
    except (TypeError, ValueError, AttributeError):
        return WHOLE.replace("true", repr(content)[:200])


@given(
    st.text()
    | mangled(WHOLE.encode(), TOML).map(lambda content: content.decode(errors="replace"))
    | changed(CARRY_OVER.to_toml_dict()).map(_toml)
)
@example("a = " + MANY)
@example("a = " + "[" * 5000)
@example("a = " + "{a=" * 5000)
@example(".".join(["a"] * 1_000_000) + " = 1")
@example("name = 'x'\nquestion = 'not red: \\u001b[31m'")
@example('name = "x"\nquestion = "red: \\u001b[31m"')
@example(f'name = "x"\nrecipe.epochs = 0x{"f" * 9000}')
@example(f'name = "x"\nseeds = 0x{"f" * 9000}')
@example(f'name = "x"\nseeds = [0x{"f" * 9000}]')
@example('name = "x"\n"\ud800" = 1')
@example(
    'name = "x"\nseeds = "' + ",".join(f"{n}-{n + 999_999}" for n in range(0, 10**8, 10**6)) + '"'
)
@example(f'name = "x"\nseeds = 1_000_000\narchitectures = {[f"m:N{n}" for n in range(20_000)]}')
def test_a_study_file(text: str) -> None:
    """What it describes is written and read back as the same, and its runs have room in memory."""
    study = reads(lambda: parse_study(text, source="study.toml"))
    if study is not None:
        assert len(study.conditions) * len(study.seeds) <= MOST_RUNS
        assert parse_study(format_study(study), source="again") == study


@given(mangled(WHOLE.encode(), TOML) | st.binary())
def test_a_study_file_s_bytes(scratch: Path, content: bytes) -> None:
    """They may be no text at all."""
    path = scratch / "study.toml"
    path.write_bytes(content)
    reads(lambda: read_study(path))


@given(st.dictionaries(FIELDS, values, max_size=3) | changed(Recipe().model_dump(mode="json")))
@example({"train_pairs": 10, "validation_fraction": 0.999999})
@example({"epochs": 10**5000})
def test_a_recipe(fields: Any) -> None:  # noqa: ANN401 - whatever was made up
    """Its hash and its label are made, whatever its fields are."""
    study = reads(lambda: build_study({"name": "x", "recipe": fields}))
    if study is not None:
        recipe = study.recipe
        assert 2 <= recipe.batch_size <= recipe.split_size < recipe.train_pairs
        assert len(recipe.hash) == 12
        assert recipe.label


@given(DIGITS | texts | st.lists(DIGITS, max_size=8).map(",".join))
@example(MANY)
@example(f"0-{MANY}")
@example(f"{MANY}-{MANY}")
@example(",".join(f"{n}-{n + 999_999}" for n in range(0, 4 * 10**9, 10**6)))
def test_seeds(text: str) -> None:
    """In order, each once, and as many as fit into memory; they are written so that they read."""
    seeds = reads(lambda: parse_seeds(text))
    if seeds is not None:
        assert 1 <= len(seeds) <= MOST_SEEDS
        assert list(seeds) == sorted(set(seeds))
        assert 0 <= seeds[0] <= seeds[-1] <= LARGEST_SEED
        assert parse_seeds(format_seeds(seeds)) == seeds


VALUES = st.lists(
    texts | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["true", "[0.1, 0.2]"]),
    max_size=4,
)


@st.composite
def _grids(draw: st.DrawFn) -> str:
    return ";".join(
        f"{draw(FIELDS)}={','.join(draw(VALUES))}" for _ in range(draw(st.integers(1, 3)))
    )


@given(_grids() | texts)
@example("lr=" + "[" * 9000)
@example("lr=" + "," * 60_000)
@example(f"epochs=1,{MANY}")
@example("lr=1,nan,nan,inf")
@example("batch_size=" + ",".join(map(str, range(2, 1500))) + ";epochs=1,2,3,4,5,6,7,8")
def test_a_grid(text: str) -> None:
    """A search of no more points than there may be, each a recipe."""
    if reads(lambda: parse_grid(text)) is not None:
        search = reads(lambda: plan_search(TABLE1, grids=[text]))
        assert search is None or 2 <= search.size == len(search.points()) <= MOST_POINTS


@given(st.builds("{}={}".format, FIELDS, VALUES.map(":".join)) | texts)
@example("lr=0.001:" + "9" * 400)
@example("lr=0.001:inf")
@example("lr=nan:1")
@example(f"epochs=1:{MANY}")
@example("epochs=1:true")
def test_a_range(text: str) -> None:
    """Two finite ends, the lower one first, and what is drawn between them is valid."""
    found = reads(lambda: parse_range(text))
    if found is not None:
        assert -math.inf < found.low < found.high < math.inf
        assert found.low <= found.take((found.low + found.high) / 2) <= found.high
        reads(lambda: plan_search(TABLE1, ranges=[text], method="random", samples=2))


@given(st.text("0123456789.hms ٣", max_size=12) | texts)
@example("9" * 400 + "s")
@example("9" * 400 + "h1s")
def test_a_duration(text: str) -> None:
    """Seconds above nothing, and not without end."""
    found = reads(lambda: seconds_of(text, option="--budget"))
    assert found is None or 0 < found < math.inf


URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP:", "ray://", ""]),
    st.sampled_from(["127.0.0.1", "[::1", "[::1]", "a@b", "localhost", "a..b", "x" * 300]) | texts,
    st.sampled_from(["", ":8265", ":99999", ":x", "/a b", "\n:1", "?q#f"]),
    texts,
)


@given(URLS | texts, st.none() | texts, st.none() | st.sampled_from(["0", "1", "2"]))
def test_a_cluster_s_address(
    scratch: Path, address: str, token: str | None, insist: str | None
) -> None:
    """It is one of HTTP, and a token goes there that a header can hold."""
    environment = {"RAY_AUTH_TOKEN": token, IN_CLEAR: insist, "HOME": "/nonexistent"}
    known = {name: text for name, text in environment.items() if text is not None}

    cluster = reads(lambda: find_cluster(address, known, scratch))
    if cluster is not None:
        assert is_http_url(cluster.address)
        assert cluster.token is None or cluster.token.isascii()


@given(
    st.builds(
        "{}{}/{}".format,
        st.sampled_from(["s3://", "gs://", "abfs://", "s3:/", "file://", "C:\\", ""]),
        texts | st.sampled_from(["bucket", "[b", "u:p@b", "c@account.dfs.core.windows.net"]),
        texts | st.sampled_from(["p", "p?region=x", "p?scheme=%", "?", "#"]),
    )
)
@example("s3://[b/p")
@example("s3://\0b/p")
@example("gs://b/p?retry_limit_seconds=x")
def test_a_place_for_results(place: str) -> None:
    """A folder or an object store; nothing is asked of either yet."""
    # Amazon would be asked in which region such a bucket is.
    assume(not place.startswith("s3://") or "region=" in place or place[5:6] in {"[", "\0"})
    shared = SharedFolder(here=Path("/nonexistent/here"), there="/results")
    reads(lambda: Location(place))
    reads(lambda: Output.local(place, "x"))
    reads(lambda: Output.submitted(place, "x", shared))
    reads(lambda: Output.joined(place, "x", "/results"))


@given(
    NETWORKS | texts | st.builds("{}:{}".format, texts, texts) | st.text(".:/\\aé_1 ", max_size=12)
)
@example("a" * 5000 + ":N")
@example(".".join(["a"] * 5000) + ":N")
def test_a_network_of_one_s_own(name: str) -> None:
    """It is looked for, and not imported."""
    found = reads(lambda: architecture(name))
    if found is not None and found.custom:
        reads(lambda: find_source(name))


@given(mangled(MODULE, [b"import ", b"(" * 300, b"\0", b"\xff"]))
@example(b"(" * 100_000)
@example(b"x = " + b"-" * 100_000 + b"1")
def test_the_source_of_a_network_of_one_s_own(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """What it imports is found without running it, and where it is no Python, it is passed over."""
    folder = scratch / "source"
    folder.mkdir(exist_ok=True)
    (folder / "fuzzed_nets.py").write_bytes(content)
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        assert len(find_source("fuzzed_nets:Net").digest) == 16


def test_studies_that_are_as_large_as_they_may_be() -> None:
    """A million seeds are read, and so many runs more are not."""
    large = Study(name="large", seeds=tuple(range(MOST_SEEDS)))
    assert len(large.conditions) * len(large.seeds) == 5 * MOST_SEEDS
    names = [f"m:N{n}" for n in range(11)]
    assert reads(lambda: Study(name="x", seeds="1000000", architectures=names)) is None
