"""The driver of a submitted job: the work as at home, its events printed into the job's log."""

import sys
from collections.abc import Mapping
from pathlib import Path

from mnistcmp.cluster.custom import check_custom_networks
from mnistcmp.cluster.events import Event, Refused, output_of, to_line
from mnistcmp.cluster.launch import Launch
from mnistcmp.cluster.places import JoinedPlace
from mnistcmp.cluster.work import Work, read_work
from mnistcmp.errors import UserError


def run_job(request: str, kinds: Mapping[str, str]) -> int:
    """Does what a request asks for on the cluster around.

    Args:
        request: The JSON of work, or a file of it.
        kinds: As for `read_work`.

    Returns:
        The exit status: 0 done, 1 some runs failed, 2 the request could not be carried out.
    """
    failed = False
    try:
        work = read_request(request, kinds)
        keep_weights = isinstance(work, Launch) and work.weights == "best"
        study = check_custom_networks(work.study, keep_weights=keep_weights)
        work = work.model_copy(update={"study": study})
        for event in JoinedPlace().run(work):
            _print(event)
            failed = event.has_failures
    except UserError as error:
        _print(Refused(message=str(error)))
        return 2
    return 1 if failed else 0


def read_request(request: str, kinds: Mapping[str, str]) -> Work:
    """The work of a request, which is JSON or a file of it.

    Raises:
        UserError: It is no request, or the file cannot be read.
    """
    return read_work(request if request.lstrip().startswith("{") else _read(request), kinds)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(
            f"cannot read the job's request {file}: {reason}. Allowed: a file of JSON, or JSON."
        ) from error


def _print(event: Event) -> None:
    sys.stdout.write(to_line(event) + "\n")
    if event.is_last and (output := output_of(event)) is not None:
        sys.stdout.write(f"Done. Results are in {output}.\n")
    sys.stdout.flush()
