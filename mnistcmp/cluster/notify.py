"""A message at the end of a launch, to wherever somebody wants to be told."""

import requests

from mnistcmp.cluster.address import is_http_url
from mnistcmp.errors import UserError
from mnistcmp.report.contents import Report

SECONDS = 10.0
"""Patience with whoever is told: results are stored already, and nobody is to wait for long."""


def check_url(url: str) -> None:
    """Looks whether a message can be posted to a URL.

    Raises:
        UserError: It is no such URL.
    """
    if not is_http_url(url):
        raise UserError(
            f"--notify '{url}' is no URL to post to. Allowed: http://HOST/PATH, or https."
        )


def notify(url: str, report: Report, *, trained: int, failed: int) -> str | None:
    """Posts what a launch came to, as one JSON object; where that fails, a line that says why.

    The line does not have the URL, which may be a secret.
    """
    message = {
        "study": report.study,
        "answer": report.answer,
        "trained": trained,
        "failed": failed,
        "missing": len(report.missing),
    }
    try:
        requests.post(url, json=message, timeout=SECONDS).raise_for_status()
    except requests.HTTPError as error:
        reason = f"HTTP {error.response.status_code}"
    except requests.Timeout:
        reason = f"no answer within {SECONDS:g} s"
    except requests.ConnectionError:
        reason = "the connection was refused or lost"
    except requests.RequestException as error:
        reason = type(error).__name__
    else:
        return None
    return f"Nobody was notified: {reason}. Look at the URL of --notify."
