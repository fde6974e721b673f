"""Study files."""

from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.study.file import format_study, parse_study, read_study
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import RECIPES


def test_a_study_reads_back_as_it_was_written() -> None:
    """Writing and reading a study file loses nothing."""
    assert parse_study(format_study(TABLE1), source="text") == TABLE1


def test_a_study_file_may_name_a_recipe() -> None:
    """`recipe = "report-text"` is that recipe."""
    study = parse_study('name = "mine"\nrecipe = "report-text"\nseeds = 3', source="text")
    assert (study.recipe, study.seeds) == (RECIPES["report-text"], (0, 1, 2))


def test_a_study_file_may_change_a_recipe() -> None:
    """`base` names the recipe whose other fields stay."""
    text = 'name = "mine"\nseeds = [4, 2]\n[recipe]\nbase = "reference-code"\nepochs = 5'
    study = parse_study(text, source="text")
    assert study.recipe.changes() == {"softmax": "everywhere", "epochs": 5}
    assert study.seeds == (2, 4)


SEVERAL = """
name = "several"
question = "Which is better?"
architectures = ["baseline"]
reference = "text"

[recipes]
text = "report-text"

[recipes."code short"]
base = "reference-code"
epochs = 5
"""


def test_a_study_file_may_have_several_recipes() -> None:
    """Each under its name, in the file's order; it reads back as it was written."""
    study = parse_study(SEVERAL, source="text")
    assert [(c.name, c.recipe.changes()) for c in study.conditions] == [
        ("text", {"softmax": "nowhere"}),
        ("code short", {"softmax": "everywhere", "epochs": 5}),
    ]
    assert parse_study(format_study(study), source="text") == study


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not valid TOML"),
        ("seeds = 3", "the study field 'name' is missing"),
        ('name = "x"\nsedes = 3', "unknown study field 'sedes'; did you mean 'seeds'"),
        ('name = "x"\n[recipe]\nepoch = 3', "unknown recipe field 'epoch'; did you mean 'epochs'"),
        ('name = "x"\nrecipe = "defualt"', "unknown recipe 'defualt'; did you mean 'default'"),
        ('name = "x"\n[recipe]\nbase = 3', "recipe base 3: expected a name"),
        ('name = "x"\n[recipe]\nepochs = 0', "recipe field epochs: .*equal to 1, not 0"),
        ('name = "x"\nseeds = "5-2"', "the range 5-2 runs backwards"),
        ('name = "x"\nseeds = [-1]', "seeds.0: .*equal to 0, not -1"),
        ('name = "x"\nseeds = []', "study field seeds"),
        ('name = "x"\nseeds = true', "study field seeds"),
        (
            'name = "x"\n[seeds]\na = 1',
            r"seeds: has to be a count \(10\), a text .* or a list of seeds",
        ),
        ("name = 3", 'study field name: has to be a text, in quotes: "...", not 3'),
        (
            'name = "x"\narchitectures = "baseline"',
            r"architectures: has to be a list: \[..., ...\]",
        ),
        (
            'name = "x"\n[recipes]\na = "default"\nb = "default"',
            "the recipes 'a' and 'b' are the same",
        ),
        ('name = "x"\nrecipe = "default"\nrecipes.a.epochs = 3', "'recipe' or 'recipes', not both"),
        ('name = "x"\n[recipes.a]\nepoch = 3', "recipe field 'epoch'; did you mean 'epochs'"),
        ('name = "x"\n[recipes.a]\nepochs = 0', "recipe field epochs: .*equal to 1, not 0"),
        ('name = "x"\n[recipes."a,b"]\nepochs = 2', "recipe name 'a,b': "),
        ('name = "x"\nreference = "baselin"', "reference 'baselin'; did you mean 'baseline'"),
        ('name = "a/b"', "study field name"),
        ('name = "x"\narchitectures = "baseline"', "study field architectures"),
        ('name = "x"\narchitectures = [1]', "study field architectures.0"),
    ],
)
def test_a_wrong_study_file_is_refused_in_one_line(text: str, message: str) -> None:
    """The line names the file, what is wrong and what is allowed."""
    with pytest.raises(UserError, match=message) as caught:
        parse_study(text, source="mine.toml")
    assert str(caught.value).startswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_a_missing_study_file_is_named(tmp_path: Path) -> None:
    """The error says which file, and why it cannot be read."""
    with pytest.raises(UserError, match=r"nowhere\.toml: No such file"):
        read_study(tmp_path / "nowhere.toml")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """As some editors put it before UTF-8."""
    file = tmp_path / "study.toml"
    file.write_bytes(b"\xef\xbb\xbf" + 'name = "x"\nquestion = "\u00fc?"\n'.encode())
    assert read_study(file).question == "ü?"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """One line that says what to do."""
    file = tmp_path / "study.toml"
    file.write_text('name = "x"\nquestion = "ü?"\n', encoding=encoding)
    with pytest.raises(UserError, match="is not UTF-8 text; save it as UTF-8"):
        read_study(file)
