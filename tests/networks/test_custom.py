"""Own networks: looked at, trained, reported, asked."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
import torch

from mnistcmp.cluster.custom import check_custom_networks
from mnistcmp.cluster.events import Refused, from_line
from mnistcmp.cluster.job import run_job
from mnistcmp.cluster.launch import Launch, Worker
from mnistcmp.cluster.tasks import _train_alone
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.graph import UntraceableError, trace
from mnistcmp.networks.layers import layer_table, parameter_count
from mnistcmp.networks.source import _digest_as_first_seen, find_source
from mnistcmp.predict.images import Digit
from mnistcmp.predict.model import answer, choose_model
from mnistcmp.provenance import environment
from mnistcmp.report.build import build_report
from mnistcmp.report.text import to_markdown
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import record_sources
from mnistcmp.study.study import Run, Study
from mnistcmp.training.check import check_network
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train
from tests.support.clusters import KINDS
from tests.support.commands import run_command
from tests.support.custom_networks import RIGHT, WRONG
from tests.support.fixtures import CPU, SMALL

NOT_KEPT = "cannot be kept with its weights. Take --weights none"
REFUSED = {
    "nowhere.nets:Net": "there is no module 'nowhere.nets' in this folder",
    "broken:Net": "importing 'broken' raises SyntaxError: ",
    "needy:Net": "importing 'needy' raises ModuleNotFoundError: No module named 'nonesuch'",
    "wrong:Wdie": "unknown class or function of 'wrong' 'Wdie'; did you mean 'Wide'? Allowed: lin",
    "empty:Net": "'empty' has no 'Net', nor any class or function",
    "wrong:number": "'wrong:number' is an int, not a class or a function that makes a network",
    "wrong:network": "'wrong:network' is a network already, not a class or a function",
    "wrong:wants": "is called without arguments, and raises TypeError: wants() missing 1 required",
    "wrong:gives_text": "returns a str; it has to return a torch.nn.Module when it is called",
    "wrong:without": "cannot be trained: it has no parameters",
    "wrong:frozen": "cannot be trained: none of its parameters is trainable",
    "wrong:kept": "gives the same network each time",
    "wrong:half_kept": "or one with parts of an earlier one, so runs would go on with each other's",
    "wrong:norm_kept": "or one with parts of an earlier one, so runs would go on with each other's",
    "wrong:SeedsItself": "seeds torch itself, so that all seeds would draw the same numbers",
    "wrong:SeedsEachTime": "seeds torch itself, so that all seeds would draw the same numbers",
    "wrong:Leaves": "'wrong:Leaves' is called without arguments, and raises SystemExit.",
    "wrong:LeavesLater": "'wrong:LeavesLater' raises SystemExit: enough. It is given pairs",
    "wrong:LeavesInEvaluation": "raises SystemExit: 3. It is given pairs, (N, 2",
    "wrong:LeavesAtOnce": "is called without arguments, and raises SystemExit: os._exit(0).",
    "wrong:LeavesAtOnceLater": "raises SystemExit: os._exit(0). It is given pairs",
    "wrong:Cancelled": "raises SystemExit: CancelledError: no Exception. It is given pairs",
    "wrong:Closes": "is called without arguments, and raises SystemExit: GeneratorExit.",
    "wrong:Bodiless": "raises NotImplementedError: Cannot copy out of meta tensor",
    "exiting:Net": "importing 'exiting' raises SystemExit: 1. Correct the module first",
    "wrong:Raises": "'wrong:Raises' raises ValueError: no. It is given pairs, (N, 2, 14, 14)",
    "wrong:Garbles": "'wrong:Garbles' raises ValueError: ? ?[31mxxx",
    "wrong:Switched": "'wrong:Switched' raises ValueError: no such mode.",
    "wrong:Wide": "returns (32, 10) for 32 pairs; expected are logits (32, 2), or a tuple",
    "wrong:Few": "returns tuple of 2 for 32 pairs",
    "wrong:Twos": "returns (32, 2) and (32, 2) and (32, 2) for 32 pairs",
    "wrong:Dict": "returns dict of 1 for 32 pairs",
    "wrong:Squeezed": "returns (2,) for 1 pairs",
    "wrong:Infinite": "gives a loss of nan on pairs of mean 0",
    "wrong:Detached": "no gradient reaches any of its parameters",
    "wrong:Random": "gives other numbers the second time with the same seed",
}


@pytest.fixture
def nets(custom_folder: Path) -> Path:
    """A folder with the modules `right` and `wrong`, and worse ones."""
    (custom_folder / "right.py").write_text(RIGHT)
    (custom_folder / "wrong.py").write_text(WRONG)
    (custom_folder / "broken.py").write_text("def:")
    (custom_folder / "exiting.py").write_text("raise SystemExit(1)")
    (custom_folder / "needy.py").write_text("import nonesuch")
    (custom_folder / "empty.py").touch()
    return custom_folder


def _numbers(result: TrainingResult) -> tuple[object, ...]:
    probabilities = result.predictions.probabilities.tobytes()
    return result.epochs, result.best_epoch, result.test, probabilities


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_what_cannot_be_trained_is_refused_in_one_line(
    nets: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    message: str,
) -> None:
    """By a dry run as by a launch; nothing is written, and torch's generator is left alone."""
    before, generator = sorted(nets.glob("*")), torch.get_rng_state()
    assert run_command(monkeypatch, "launch", "-a", name, "--dry-run", "--local") == 2
    written = capsys.readouterr()
    assert message in written.err
    assert written.err.count("\n") == 1
    assert [path for path in sorted(nets.glob("*")) if path.name != "__pycache__"] == before
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize(
    ("name", "digits"), [("Digits", True), ("plain", False), ("Recurrent", False)]
)
@pytest.mark.usefixtures("nets")
def test_a_network_that_can_be_trained_passes(name: str, digits: bool) -> None:  # noqa: FBT001
    """Whatever the recipe's batches are, the last one's size too."""
    for recipe in (Recipe(), SMALL, Recipe(batch_size=7, train_pairs=1002, epochs=1)):
        assert (check_network(f"right:{name}", recipe).digits is not None) == digits


@pytest.mark.usefixtures("nets")
def test_a_run_is_the_same_alone_and_beside_others(mnist: Mnist) -> None:
    """Bit for bit, dropout, rounds and all, whatever torch's generator was at."""
    fields = {"epochs": 2, "rounds": 2, "augmentation": "affine", "precision": "bf16"}
    recipe = Recipe.model_validate(SMALL.model_dump() | fields)
    check_network("right:Digits", recipe)
    runs = [Run(architecture="right:Digits", seed=seed, recipe=recipe) for seed in range(3)]
    torch.manual_seed(1)
    beside = train(runs, mnist, CPU)
    generator = torch.get_rng_state()
    (alone,) = train(runs[1:2], mnist, CPU)
    assert torch.equal(torch.get_rng_state(), generator)
    assert _numbers(alone) == _numbers(beside[1])
    assert _numbers(alone) != _numbers(beside[2])
    assert alone.parameters == 196 * 30 + 30 + 310 + 42


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Refusing", "raises ValueError: no state."),
        *product(("Noted", "Complex", "Sparse"), [NOT_KEPT]),
    ],
)
@pytest.mark.usefixtures("nets")
def test_a_state_that_cannot_be_kept_is_said_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    """Where weights are asked for, and only there."""
    arguments = ("launch", "-a", f"wrong:{name}", "--dry-run", "--local")
    assert run_command(monkeypatch, *arguments) == 0
    assert run_command(monkeypatch, *arguments, "--weights", "best") == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("nets")
def test_digits_that_are_returned_are_trained(mnist: Mnist) -> None:
    """With the recipe's weight; where there are none, the loss is the comparison's alone."""
    run = Run(architecture="right:Digits", seed=0, recipe=SMALL.model_copy(update={"epochs": 4}))
    unweighted = replace(run, recipe=run.recipe.model_copy(update={"auxiliary_weight": 0.0}))
    ((named,), (unnamed,)) = (train([each], mnist, CPU) for each in (run, unweighted))
    accuracies = [r.predictions.digit_accuracy for r in (named, unnamed)]
    assert accuracies[0] is not None
    assert accuracies[1] is not None
    assert accuracies[0] > accuracies[1] + 0.1
    assert named.epochs[0].train.loss > 4
    assert unnamed.epochs[0].train.loss < 2
    (plain,) = train([replace(run, architecture="right:plain")], mnist, CPU)
    assert plain.predictions.digit_accuracy is None


@pytest.mark.usefixtures("nets")
def test_the_recipe_s_network_options_change_nothing(mnist: Mnist) -> None:
    """An own network ends in logits, wherever the recipe has a softmax."""
    results = [
        train([Run(architecture="right:Digits", seed=0, recipe=recipe)], mnist, CPU)[0]
        for recipe in (SMALL, SMALL.model_copy(update={"softmax": "everywhere"}))
    ]
    assert _numbers(results[0]) == _numbers(results[1])
    predictions = results[1].predictions
    assert ((predictions.probabilities > 0.5) == predictions.predicted).all()


@pytest.mark.usefixtures("nets")
def test_a_worker_refuses_another_source(mnist: Mnist) -> None:
    """A stale copy is not trained under the name of the one that was launched."""
    run = Run(architecture="right:plain", seed=0, recipe=SMALL)
    study = check_custom_networks(Study(name="x", architectures=("right:plain",), recipe=SMALL))
    assert not list(Launch(study=study).worker.train((run,), mnist, "cpu"))
    stale = {"right:plain": study.sources["right:plain"][::-1]}
    with pytest.raises(UserError, match="is not that of the study"):
        list(Worker(sources=stale).train((run,), mnist, "cpu"))


def test_a_study_file_s_digest_is_held_to(
    nets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A launch that is to be made again is made of the same source, or not at all."""
    content = 'name = "x"\narchitectures = ["right:plain"]\n[sources]\n"right:plain" = "{}"\n'
    digest = find_source("right:plain").digest
    for noted, status in ((digest, 0), (digest[::-1], 2)):
        (nets / "study.toml").write_text(content.format(noted))
        assert run_command(monkeypatch, "launch", "study.toml", "--dry-run", "--local") == status
    assert "is not that of the study" in capsys.readouterr().err
    # Another architecture in its place has nothing to do with it.
    arguments = ("launch", "study.toml", "-a", "right:Digits", "--dry-run", "--local")
    assert run_command(monkeypatch, *arguments) == 0


def test_a_job_looks_at_its_own_networks_too(
    nets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its request may have been written by hand; nothing is trained or written."""
    before = sorted(nets.glob("*.*"))
    for name, message in (("nowhere.nets:Net", "there is no module"), ("wrong:Wide", "(32, 10)")):
        study = {"name": "x", "architectures": [name]}
        assert run_job(json.dumps({"study": study, "output": str(nets / "x")}), KINDS) == 2
        event = from_line(capsys.readouterr().out)
        assert isinstance(event, Refused)
        assert message in event.message
    assert sorted(nets.glob("*.*")) == before


@pytest.fixture
def stored(
    nets: Path, study: Study, mnist: Mnist, finish: Callable[[Run], Finished]
) -> ResultsStore:
    """A folder of the small study, and of two own networks with their weights."""
    store = ResultsStore(nets / "results")
    own = ("right:Digits", "right:plain")
    for launched in (study, study.model_copy(update={"architectures": own})):
        noted = record_sources(launched)
        store.prepare(noted)
        for run in launched.runs():
            if run.architecture in own:
                (result,) = train([run], mnist, CPU, keep_weights=True)
                when = datetime(2026, 1, 2, tzinfo=UTC)
                outcome = Finished(
                    run=run,
                    result=result,
                    environment=environment(),
                    started_at=when,
                    finished_at=when,
                )
            else:
                outcome = finish(run)
            store.write(pack(launched.name, [outcome]))
    return store


def test_rows_of_own_networks_stand_beside_the_built_in_ones(stored: ResultsStore) -> None:
    """Compared with the same reference over the same seeds; with digits where they name them."""
    report = build_report(stored)
    rows = {row.condition: row for row in report.rows}
    assert list(rows) == ["baseline", "siamese-shared-aux", "right:Digits", "right:plain"]
    assert [row.auxiliary_loss for row in rows.values()] == [False, True, True, False]
    assert rows["right:plain"].published is None
    compared = {c.condition: c for c in report.comparisons}
    assert compared["right:plain"].reference == "baseline"
    assert compared["right:plain"].difference is not None
    assert compared["right:plain"].difference.n == 2
    lines = [line for line in to_markdown(report).splitlines() if "| right:Digits" in line]
    assert [cell.strip() for cell in lines[0].split("|")][5:9] == ["–", "–", "–", "yes"]


def test_results_are_read_where_the_module_is_not(
    stored: ResultsStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Report, page, comparison, export; figures lack that one structure, and say so."""
    Path("right.py").unlink()
    for command in (
        "report results --json",
        "report results --html",
        "compare right:plain baseline --results results",
        "export csv results --output csv",
    ):
        assert run_command(monkeypatch, *command.split()) == 0
    assert "right:Digits" in Path("results/report.html").read_text(encoding="utf-8")
    assert "right:Digits" in Path("csv/runs.csv").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run_command(monkeypatch, "figures", "results", "--format", "svg") == 0
    written = capsys.readouterr()
    assert "No structure of right:plain is drawn: there is no module 'right'" in written.err
    assert "figures/figure-3-right-plain.svg" in written.out
    assert "figures/figure-1-right-plain.svg" not in written.out
    assert stored.finished_run_ids()


@pytest.mark.usefixtures("nets")
def test_a_network_that_ends_its_process_in_training_fails_alone(mnist: Mnist) -> None:
    """As one that raises: its worker goes on."""
    run = Run(architecture="wrong:LeavesInTraining", seed=0, recipe=Recipe(epochs=1))
    (outcome,) = _train_alone((run,), ("x", mnist, Worker()), "cpu", None).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.error == "SystemExit: 4"


@pytest.mark.usefixtures("nets")
def test_short_numbers_are_kept_as_float32(mnist: Mnist) -> None:
    """Nothing is lost, and the network takes them back."""
    run = Run(architecture="right:Short", seed=0, recipe=SMALL)
    (result,) = train([run], mnist, CPU, keep_weights=True)
    assert result.weights is not None
    tensors = result.weights.tensors
    assert {tensors[name].dtype.name for name in ("scale", "offset")} == {"float32"}
    network = architecture("right:Short").build(SMALL.network)
    network.load_state_dict({name: torch.from_numpy(part) for name, part in tensors.items()})
    assert torch.equal(network.state_dict()["scale"].float(), torch.from_numpy(tensors["scale"]))


def test_what_an_import_draws_or_seeds_does_not_matter(custom_folder: Path) -> None:
    """The first run of a process, which imports the module, starts as any other."""
    for name, drawing in {"drawing": "torch.rand(3)", "seeding": "torch.manual_seed(1)"}.items():
        text = f"import torch\n{drawing}\ndef net(): return torch.nn.Linear(2, 2)\n"
        (custom_folder / f"{name}.py").write_text(text)
        weights = []
        for _ in range(2):
            torch.manual_seed(0)
            weights.append(architecture(f"{name}:net").build(SMALL.network).state_dict())
        assert torch.equal(*(state["weight"] for state in weights))


def test_stored_weights_answer_as_they_did(stored: ResultsStore, mnist: Mnist) -> None:
    """The tensors have the network's own names; a source that has changed is refused."""
    model = choose_model(stored, "right:Digits", 0)
    assert {"digit.1.weight", "compare.bias"} < set(model.weights.tensors)
    row = stored.read("predictions").to_pandas().query(f"run_id == '{model.weights.run.run_id}'")
    pair = row.iloc[0]
    digits = (
        Digit(pixels=mnist.test.images[pair[image]], notes=())
        for image in ("first_image", "second_image")
    )
    said = answer(model.weights, *digits)
    assert said.probability == pytest.approx(float(pair["probability"]), abs=1e-5)
    assert said.digits is not None
    assert max(range(10), key=said.digits[0].__getitem__) == pair["predicted_first_digit"]
    Path("right.py").write_text(f"{RIGHT}\n# changed", encoding="utf-8")
    _digest_as_first_seen.cache_clear()
    with pytest.raises(UserError, match="is not that of the study"):
        choose_model(stored, "right:Digits", 0)


@pytest.mark.usefixtures("nets")
def test_architectures_shows_an_own_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its layers, whether it names digits; or why it cannot be trained."""
    assert run_command(monkeypatch, "architectures", "right:Digits", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["parameters"], entry["auxiliary_loss"], entry["published"]) == (6262, True, None)
    assert run_command(monkeypatch, "architectures", "right:Recurrent") == 0
    assert "LSTM(28, 8, batch_first=True)" in capsys.readouterr().out
    assert run_command(monkeypatch, "architectures", "wrong:without") == 2
    assert "it has no parameters" in capsys.readouterr().err


@pytest.mark.usefixtures("nets")
def test_a_graph_of_any_network_has_all_its_parameters() -> None:
    """Sizes and tuples are no steps; a network whose code looks at values has no graph."""
    options = SMALL.network
    for name in ("Digits", "Recurrent"):
        network = architecture(f"right:{name}").build(options)
        graph = trace(network)
        keys = [step.key for step in graph.steps]
        assert all(set(step.inputs) <= set(keys) for step in graph.steps)
        assert sum(step.parameters for step in graph.steps) == parameter_count(network)
        assert {row.name for row in layer_table(network)} <= {step.name for step in graph.steps}
        assert (graph.digits is not None) == (name == "Digits")
    with pytest.raises(UntraceableError):
        trace(architecture("right:Undecided").build(options))
