"""How many inputs are made up for each parser: few in every test run, as many as FUZZ asks for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ", "100")),
    # The same inputs each time, and none kept from one time to the next.
    derandomize=True,
    database=None,
    # `reads` ends what takes too long; a machine that is busy is no fault of a parser.
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all inputs of a module."""
    return tmp_path_factory.mktemp("scratch")
