"""The progress display."""

from dataclasses import replace

import pytest

from mnistcmp.cli.console import soften_streams
from mnistcmp.cluster.events import ConditionProgress, Ended, InTraining, Progress
from mnistcmp.display.progress import (
    MOST_LINES,
    ProgressDisplay,
    describe_conditions,
    describe_ended,
    sparkline,
)
from mnistcmp.display.terminal import REPLACING, Terminal


def _progress() -> Progress:
    return Progress(
        total=50,
        workers=2,
        running=20,
        conditions=(
            ConditionProgress(
                condition="siamese-shared-aux", total=10, finished=4, mean=0.9741, deviation=0.0031
            ),
            ConditionProgress(
                condition="baseline", total=10, finished=2, diverged=1, failed=1, mean=0.795
            ),
            ConditionProgress(condition="siamese-separate", total=10),
        ),
        finished=12,
        diverged=1,
        failed=1,
        share=0.26,
        training=(
            InTraining(
                condition="siamese-separate",
                seeds=tuple(range(10)),
                host="here",
                device="cpu",
                epoch=57,
                epochs=150,
                train=(1.0,) * 10,
                validation=(0.8, 0.84) * 5,
            ),
        ),
        elapsed=60,
        left=171,
        best=Ended(condition="siamese-shared-aux", seed=0, accuracy=0.978),
        latest=Ended(condition="baseline", seed=3, error="OSError: no [/dev/shm/x]"),
    )


@pytest.mark.parametrize("width", ["80", "120"])
def test_progress_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str
) -> None:
    """Every number of it, on as many lines as it takes."""
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")
    display = ProgressDisplay(Terminal())
    display.update(_progress())
    display.close()
    printed = capsys.readouterr().out
    for shown in (
        "13/50 runs, 20 running on 2 workers, 1 diverged, 1 failed",
        "left 0:02:51",
        "latest baseline seed 3 failed: OSError: no [/dev/shm/x]",
        "best siamese-shared-aux seed 0 97.8%",
        "siamese-shared-aux 4/10 97.41 ± 0.31%",
        "baseline 2/10 79.50%, 1 diverged, 1 failed",
        "siamese-separate 0/10; 10 in epoch 57 of 150, validation 82.0%, error ▁",
    ):
        assert shown in printed


def test_a_file_gets_a_line_with_what_is_in_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Now and then, and at the end with all conditions."""
    display, progress = ProgressDisplay(Terminal()), _progress()
    display.update(progress)
    display.update(replace(progress, elapsed=61))
    display.update(replace(progress, elapsed=63, finished=49))
    first, last = capsys.readouterr().out.splitlines()
    assert first == (
        "[13/50] 26%, 20 running on 2 workers, 1 diverged, 1 failed, siamese-separate 0/10; "
        "10 in epoch 57 of 150, validation 82.0%, elapsed 0:01:00, left 0:02:51"
    )
    assert "baseline 2/10 79.50%, 1 diverged, 1 failed" in last


def test_stacks_of_a_condition_that_are_not_equally_far_are_not_averaged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the first and the furthest have reached, and the curve of the furthest."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("FORCE_COLOR", "1")
    progress = _progress()
    (far,) = progress.training
    near = replace(far, seeds=(10, 11), epoch=3, validation=(0.5, 0.6))
    both = replace(progress, training=(replace(far, epoch=50, validation=(0.4,) * 10), near))
    display = ProgressDisplay(Terminal())
    display.update(both)
    display.update(replace(progress, training=(far, near)))
    display.close()
    printed = capsys.readouterr().out
    assert "12 in epoch 3 to 57 of 150, validation 55.0% to 82.0%, error █▁" in printed


def test_a_curve_falls_as_its_numbers_do() -> None:
    """From the least to the greatest; long ones are thinned."""
    assert sparkline([0.5, 0.25, 0.15]) == "█▃▁"
    assert sparkline([0.3]) == "▁"
    assert len(sparkline(list(range(1000)))) == 16


def test_a_curve_shows_in_ascii_too() -> None:
    """Where a stream has no blocks, as lines and signs of about their heights."""
    soften_streams()
    assert sparkline([0.5, 0.25, 0.15]).encode("ascii", REPLACING) == b"#,_"


def test_a_run_that_diverged_is_told() -> None:
    """With its epoch."""
    ended = Ended(condition="baseline", seed=3, diverged_epoch=7)
    assert describe_ended(ended) == "baseline seed 3 diverged in epoch 7"


def test_of_many_conditions_those_under_way_are_shown() -> None:
    """The rest are counted."""
    parts = [ConditionProgress(condition=f"c{n}", total=2, finished=2) for n in range(20)]
    parts += [ConditionProgress(condition="under way", total=2, finished=1, mean=0.5)]
    parts += [ConditionProgress(condition=f"w{n}", total=2) for n in range(20)]
    lines = describe_conditions(parts, {})
    assert len(lines) == MOST_LINES
    assert lines[0] == "under way 1/2 50.00%"
    assert lines[-1] == "32 other conditions; 20 of all have ended"


def test_a_long_error_is_cut_on_the_screen() -> None:
    """The table of failures has it whole."""
    shown = describe_ended(Ended(condition="own", seed=0, error="ValueError: " + "x" * 200_000))
    assert len(shown) < 1000
    assert shown.endswith("xxx...")
