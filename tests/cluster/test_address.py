"""Which cluster a command means."""

from pathlib import Path

import pytest

from mnistcmp.cluster.address import IN_CLEAR, ClusterState, find_cluster, is_loopback
from mnistcmp.errors import UserError

HERE = "http://127.0.0.1:8265"
LIKE_IT = "http://localhost.example:1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose cluster is up."""
    (tmp_path / ".cluster").mkdir()
    (tmp_path / ".cluster" / "token").write_text("secret\n")
    (tmp_path / "results").mkdir()
    ClusterState(
        address=HERE,
        kind="containers",
        results=str(tmp_path / "results"),
        results_there="/results",
        workers=2,
        worker_cpus=1,
    ).write(tmp_path)
    return tmp_path


def test_the_option_goes_before_the_environment_and_that_before_the_checkout(
    checkout: Path,
) -> None:
    """--address, MNISTCMP_ADDRESS, Ray's variables, make cluster-up."""
    environment = {"RAY_ADDRESS": "http://ray:1", IN_CLEAR: "0"}
    assert _address(None, {}, checkout) == (HERE, "make cluster-up")
    assert _address(None, environment, checkout) == ("http://ray:1", "RAY_ADDRESS")
    environment["RAY_API_SERVER_ADDRESS"] = "http://api:1"
    assert _address(None, environment, checkout) == ("http://api:1", "RAY_API_SERVER_ADDRESS")
    environment["MNISTCMP_ADDRESS"] = "http://ours:1/"
    assert _address(None, environment, checkout) == ("http://ours:1", "MNISTCMP_ADDRESS")
    assert _address("https://named:1", environment, checkout) == ("https://named:1", "--address")


def _address(
    option: str | None, environment: dict[str, str], start: Path
) -> tuple[str, str] | None:
    found = find_cluster(option, environment, start)
    return None if found is None else (found.address, found.found)


def test_a_cluster_is_found_from_every_folder_of_its_checkout(checkout: Path) -> None:
    """And nowhere else."""
    below = checkout / "some" / "folder"
    below.mkdir(parents=True)
    assert _address(None, {}, below) == (HERE, "make cluster-up")
    assert find_cluster(None, {}, checkout.parent) is None


def test_the_checkout_s_token_goes_to_the_checkout_s_cluster_only(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others get Ray's own token: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "file").write_text("from-file")
    path = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "file")}
    cases: list[tuple[str | None, dict[str, str], str | None]] = [
        (None, {"RAY_AUTH_TOKEN": "other"}, "secret"),
        (HERE, {}, "secret"),
        ("https://elsewhere:1", {}, None),
        ("https://elsewhere:1", path, "from-file"),
        ("https://elsewhere:1", path | {"RAY_AUTH_TOKEN": "other"}, "other"),
    ]
    for option, environment, token in cases:
        found = find_cluster(option, environment, checkout)
        assert found is not None
        assert found.token == token
        assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff\xfe", "not UTF-8 text"), (None, "Is a directory")]
)
def test_a_token_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """Where a cluster is meant that asks for one; without a cluster, nobody looks at it."""
    path = tmp_path / "token"
    path.mkdir() if content is None else path.write_bytes(content)
    environment = {"RAY_AUTH_TOKEN_PATH": str(path)}
    with pytest.raises(UserError, match=f"cannot read the cluster's token {path}: {reason}"):
        find_cluster(HERE, environment, tmp_path)
    assert find_cluster(None, environment, tmp_path) is None


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "auto", "ray://head:10001", "http://"])
def test_what_is_not_a_dashboard_s_address_is_refused(address: str) -> None:
    """The line says where the address came from and what one looks like."""
    with pytest.raises(UserError, match=r"RAY_ADDRESS: .* Allowed: http://HOST:8265"):
        find_cluster(None, {"RAY_ADDRESS": address}, Path("/"))


def test_a_broken_state_file_is_named(checkout: Path) -> None:
    """With what to do about it."""
    (checkout / ".cluster" / "state.json").write_text("{")
    with pytest.raises(UserError, match=r"state\.json: .*Remove it"):
        find_cluster(None, {}, checkout)


ELSEWHERE = "http://head:8265", "http://10.0.0.7:8265", "http://127.0.0.1.example:1", "http://0:1"
HERE_TOO = HERE, "http://localhost:1", "http://LOCALHOST:1", "http://[::1]:1", "http://127.9.9.9:1"


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_token_goes_in_clear_to_no_other_machine(address: str, tmp_path: Path) -> None:
    """Unless it is asked for; the line says what is safe, and does not show the token."""
    token = {"RAY_AUTH_TOKEN": "secret"}
    with pytest.raises(
        UserError, match=r"in clear.*https://.*MNISTCMP_TOKEN_OVER_HTTP to"
    ) as error:
        find_cluster(address, token, tmp_path)
    assert "secret" not in str(error.value)
    for said in ("", "no", "yes"):
        with pytest.raises(UserError, match="in clear"):
            find_cluster(None, token | {"RAY_ADDRESS": address, IN_CLEAR: said}, tmp_path)
    for wish, sent in (("1", "secret"), ("0", None)):
        insisted = find_cluster(address, token | {IN_CLEAR: wish}, tmp_path)
        assert insisted is not None
        assert insisted.token == sent


@pytest.mark.parametrize("address", [*HERE_TOO, "https://head:8265"])
def test_a_token_goes_to_this_machine_and_over_tls(address: str, tmp_path: Path) -> None:
    """However this machine is written."""
    found = find_cluster(address, {"RAY_AUTH_TOKEN": "secret"}, tmp_path)
    assert found is not None
    assert found.token == "secret"  # noqa: S105 - not one


def test_without_a_token_there_is_nothing_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that asks for none is reached as before."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for address in ELSEWHERE:
        found = find_cluster(address, {}, tmp_path)
        assert found is not None
        assert found.token is None


def test_only_the_host_localhost_becomes_a_number(tmp_path: Path) -> None:
    """A name that begins like it is another machine's."""
    found = [find_cluster(a, {IN_CLEAR: "1"}, tmp_path) for a in ("http://localhost:1", LIKE_IT)]
    assert [cluster and cluster.address for cluster in found] == ["http://127.0.0.1:1", LIKE_IT]
    assert not is_loopback("localhost.example")


@pytest.mark.parametrize("text", ["two words", "two\nlines", "sch\u00f6n", "\x1b[31mred"])
def test_what_no_header_can_hold_is_no_token(text: str, tmp_path: Path) -> None:
    """From a variable or a file; it is not shown, since most of it may be a token."""
    (tmp_path / "token").write_text(text)
    for place, value in (("RAY_AUTH_TOKEN", text), ("RAY_AUTH_TOKEN_PATH", tmp_path / "token")):
        with pytest.raises(UserError, match="is not a token") as error:
            find_cluster(HERE, {place: str(value)}, tmp_path)
        assert text not in str(error.value)
