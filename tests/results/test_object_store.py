"""Results in an object store: a real S3 server, spoken to over HTTP."""

from collections.abc import Callable

import pytest
from pyarrow import fs

from mnistcmp.errors import UserError
from mnistcmp.report.build import build_report
from mnistcmp.results.outcome import Finished
from mnistcmp.results.output import Output
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.servers import S3Server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a new bucket, its credentials in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.make_bucket()}"


def test_results_come_back_from_a_bucket(
    bucket: str, study: Study, finish: Callable[[Run], Finished]
) -> None:
    """Stored, found again, reported; what is missing is known."""
    store = ResultsStore(f"{bucket}/table1")
    store.prepare(study)
    *most, last = study.runs()
    for run in most:
        store.write(pack(study.name, [finish(run)]))
    again = ResultsStore(f"{bucket}/table1")
    assert again.missing(study.runs()) == (last,)
    assert len(again.read("predictions")) == 3 * study.recipe.test_pairs
    assert [row.n for row in build_report(again).rows] == [2, 1]


@pytest.mark.parametrize("key", ["my results/a b", "50%", "a%20b", "a+b/#1/ü"])
def test_a_key_is_taken_as_it_is_written(
    bucket: str, key: str, store: ResultsStore, study: Study
) -> None:
    """As other tools of S3 do, and not as an address of the web."""
    place = ResultsStore(f"{bucket}/{key}/")
    place.prepare(study)
    assert place.launches() == store.launches()
    files, _ = fs.FileSystem.from_uri(bucket)
    (launch,) = files.get_file_info(
        fs.FileSelector(f"{bucket.removeprefix('s3://')}/{key}/launches")
    )
    assert launch.is_file


def test_a_fresh_place_in_a_bucket_is_beside_the_old_one(bucket: str, study: Study) -> None:
    """As with folders."""
    place = f"{bucket}/table1"
    output = Output(here=place, there=place)
    assert output.fresh() == output
    ResultsStore(place).prepare(study)
    assert output.fresh().there == f"{place}-2"


def test_a_bucket_that_is_not_there_is_refused(bucket: str, study: Study) -> None:
    """One line that names it and says what to set."""
    with pytest.raises(UserError, match=r"s3://no-such-bucket/x: .*AWS_ACCESS_KEY_ID") as caught:
        ResultsStore("s3://no-such-bucket/x").prepare(study)
    assert bucket not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_credentials_are_asked_for_where_there_are_none(
    bucket: str, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that wants a key and gets none."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="Set AWS_ACCESS_KEY_ID"):
        ResultsStore(f"{bucket}/x").prepare(study)


@pytest.mark.parametrize("uri", ["ftp://x/y", "s3://", "s3://bucket", "s3:///x"])
def test_a_uri_of_another_kind_is_refused_without_asking_anybody(uri: str) -> None:
    """The line says what is allowed."""
    with pytest.raises(UserError, match=f"cannot use '{uri}' for results. Allowed: a folder, or"):
        ResultsStore(uri)
