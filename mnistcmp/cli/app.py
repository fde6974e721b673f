"""The command `mnistcmp`: its parts, and how errors reach the user."""

import atexit
import errno
import gc
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from importlib.metadata import requires
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand
from typing_extensions import override

from mnistcmp import __version__
from mnistcmp.cli.bench import bench
from mnistcmp.cli.catalogue import architectures, studies
from mnistcmp.cli.console import REFUSED, echo, only_json, soften_streams
from mnistcmp.cli.data import sheet, verify
from mnistcmp.cli.doctor import doctor
from mnistcmp.cli.export import csv, mlflow, parquet, tensorboard
from mnistcmp.cli.failures import failures, rerun
from mnistcmp.cli.figures import figures
from mnistcmp.cli.jobs import attach, jobs, logs, status, stop
from mnistcmp.cli.launch import EXAMPLES, launch
from mnistcmp.cli.predict import predict
from mnistcmp.cli.recipes import recipes, schema
from mnistcmp.cli.report import compare, report
from mnistcmp.cli.tune import EXAMPLES as TUNE_EXAMPLES
from mnistcmp.cli.tune import tune
from mnistcmp.cli.watch import watch
from mnistcmp.errors import UserError
from mnistcmp.files import expand_home

UNPRINTABLE = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}
"""What a stream that is full, or closed to the command, answers."""


class Command(TyperCommand):
    """A command whose paths may begin with `~`, and which prints JSON alone where asked to."""

    @override
    def invoke(self, ctx: Any) -> Any:
        ctx.params = {name: _expanded(value) for name, value in ctx.params.items()}
        wants_json = ctx.params.get("json") or ctx.params.get("json_lines")
        with only_json() if wants_json else nullcontext():
            return super().invoke(ctx)


def _expanded(value: object) -> object:
    return type(value)(expand_home(str(value))) if isinstance(value, str | Path) else value


def _paragraphs(text: str | None) -> str:
    """A docstring's paragraphs, each one line: the terminal's width breaks them, not ours."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text or ""))


def _add(
    group: typer.Typer, *commands: Callable[..., None], epilog: str = "", panel: str | None = None
) -> None:
    for command in commands:
        words = _paragraphs(command.__doc__)
        group.command(cls=Command, help=words, epilog=epilog, rich_help_panel=panel)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"mnistcmp {__version__}")
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


app = typer.Typer(
    name="mnistcmp",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(help=_paragraphs(_root.__doc__))(_root)
_add(app, launch, epilog=EXAMPLES)
_add(app, tune, epilog=TUNE_EXAMPLES)
_add(app, watch, report, compare, figures, failures, rerun, predict, bench, doctor)
_add(app, studies, recipes, architectures, schema, panel="What there is to launch")
_add(app, jobs, status, logs, attach, stop, panel="Jobs on a cluster")
_data = typer.Typer(
    help="Verify MNIST, and look at the pairs that are made of it.", no_args_is_help=True
)
_export = typer.Typer(
    help="Bring stored results to MLflow, TensorBoard, a spreadsheet or one file a table.",
    no_args_is_help=True,
)
_add(_data, verify, sheet)
_add(_export, mlflow, tensorboard, csv, parquet)
app.add_typer(_data, name="data")
app.add_typer(_export, name="export")


def main() -> None:
    """Runs the command.

    Exit status: 0 done, 1 some runs or a check failed, 2 bad request, 130 interrupted.
    """
    # Libraries bring a million objects that stay: to go through them again and again while they are
    # imported takes a second, and once more at the end another.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    soften_streams()
    # Where the home folder cannot be written, matplotlib says so, and does without.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    status_code: object = None
    try:
        _check_working_folder()
        status_code = app(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        _fail(str(error), REFUSED)
    except typer.TyperException as error:
        # Called without a command, typer has printed the help, and there is nothing to add.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        _fail(
            f"{message}. 'mnistcmp COMMAND --help' says more." if message else "", error.exit_code
        )
    except ModuleNotFoundError as error:
        _fail(_what_to_install(error), REFUSED)
    except BrokenPipeError:
        # The reader (head, say) has seen enough: not an error, and nothing more can be written.
        _fail("", 1)
    except OSError as error:
        what = "cannot print any more" if error.errno in UNPRINTABLE else "cannot go on"
        _fail(f"{error.filename or what}: {error.strerror or error}.", REFUSED)
    sys.exit(status_code if isinstance(status_code, int) else 0)


def _what_to_install(error: ModuleNotFoundError) -> str:
    """A client's environment may lack what mnistcmp trains with; other modules are not missed.

    Raises:
        ModuleNotFoundError: The module is none of mnistcmp's needs.
    """
    missing = (error.name or "").split(".")[0]
    if missing not in {re.split(r"\W", need)[0] for need in requires("mnistcmp") or ()}:
        raise error
    return (
        f"this needs {missing}, which is not installed here, as for a client only. Install "
        "mnistcmp with all that it trains with: pip install mnistcmp."
    )


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(f"the working folder is gone ({error.strerror}). Go to another.") from error


def _fail(message: str, status: int) -> None:
    _leave(sys.stdout)
    with suppress(OSError):
        if message:
            echo(f"mnistcmp: {' '.join(message.split())}", err=True)
    _leave(sys.stderr)
    sys.exit(status)


def _leave(stream: TextIO) -> None:
    """Flushes a stream; where that fails, what is left of it goes nowhere, and fails no more."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
