"""`mnistcmp doctor`: what this machine, environment and cluster are fit for."""

from dataclasses import asdict
from typing import Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import FAILED, echo, print_json
from mnistcmp.display.terminal import Terminal

STYLES = {"ok": "green", "note": "yellow", "fails": "bold red"}


def doctor(
    output: Annotated[
        str, typer.Option("--output", "-o", help="Where results would go: a folder, or a URI.")
    ] = "results",
    address: options.Address = None,
    json: options.Json = False,
) -> None:
    """Look what this machine, environment and cluster are fit for, and say what to do.

    Starts a Ray and trains for a moment, which takes seconds; writes nothing. A line
    is "ok", a "note" of what else does not work, or "fails": without it nothing trains here.
    Exit status: 0 if a launch on this machine works, else 1.
    """
    from mnistcmp.cluster.doctor import examine

    terminal, findings = Terminal(), []
    for finding in examine(output, address):
        findings.append(finding)
        if not json:
            terminal.print(f"{finding.state:6}", style=STYLES[finding.state], end="")
            terminal.say(f"{finding.about:9} {finding.text}")
    works = all(finding.state != "fails" for finding in findings)
    if json:
        from mnistcmp.report.as_json import dumps

        print_json(dumps({"works": works, "findings": [asdict(each) for each in findings]}))
    elif works:
        terminal.say("A launch on this machine works: mnistcmp launch --all --local")
    if not works:
        echo("mnistcmp: nothing trains on this machine before what fails is put right.", err=True)
        raise typer.Exit(FAILED)
