"""The command `mnistcmp`: its parts, and how errors reach the user."""

import inspect
import os
import re
import sys
from typing import Annotated

import typer

from mnistcmp import __version__
from mnistcmp.cli import exit_status
from mnistcmp.cli.architectures import architectures
from mnistcmp.cli.bench import bench
from mnistcmp.cli.compare import compare
from mnistcmp.cli.data import data_app
from mnistcmp.cli.export import export_app
from mnistcmp.cli.figures import figures
from mnistcmp.cli.jobs import attach, jobs, logs, status, stop
from mnistcmp.cli.launch import EXAMPLES, launch
from mnistcmp.cli.predict import predict
from mnistcmp.cli.report import report
from mnistcmp.cli.studies import studies
from mnistcmp.cli.tune import EXAMPLES as TUNE_EXAMPLES
from mnistcmp.cli.tune import tune
from mnistcmp.errors import UserError


def _paragraphs(text: str | None) -> str:
    """A docstring's paragraphs, each one line: the terminal's width breaks them, not ours."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text or ""))


app = typer.Typer(
    name="mnistcmp",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=EXAMPLES, help=_paragraphs(launch.__doc__))(launch)
app.command(epilog=TUNE_EXAMPLES, help=_paragraphs(tune.__doc__))(tune)
app.command()(report)
app.command()(studies)
app.command(help=_paragraphs(predict.__doc__))(predict)
app.command(help=_paragraphs(compare.__doc__))(compare)
app.command(help=_paragraphs(figures.__doc__))(figures)
app.command()(architectures)
app.command()(bench)
app.add_typer(data_app, name="data")
app.add_typer(export_app, name="export")
for command in (jobs, status, logs, attach, stop):
    app.command(rich_help_panel="Jobs on a cluster")(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mnistcmp {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Which network is better at comparing two digits, and how sure are we?

    Trains networks with many seeds on all processors (with Ray), keeps every result as Parquet,
    and prints means, deviations and confidence intervals beside the published numbers.

    Start with:  [bold]mnistcmp launch --all[/bold]
    """


app.callback(help=_paragraphs(_root.__doc__))(_root)


def main() -> None:
    """Runs the command. Exit status: 0 done, 1 some runs failed, 2 bad request, 130 interrupted."""
    try:
        status_code = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error), exit_status.REFUSED)
    except typer.TyperException as error:
        # Called without a command, typer has printed the help, and there is nothing to add.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        _fail(
            f"{message}. 'mnistcmp COMMAND --help' says more." if message else "", error.exit_code
        )
    except typer.Abort:
        _fail("stopped.", 1)
    except BrokenPipeError:
        # The reader (head, say) has seen enough: not an error, and nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(status_code if isinstance(status_code, int) else 0)


def _fail(message: str, status: int) -> None:
    if message:
        typer.echo(f"mnistcmp: {' '.join(message.split())}", err=True)
    sys.exit(status)
