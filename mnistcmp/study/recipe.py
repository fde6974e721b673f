"""A recipe: everything that shapes a training besides the architecture and the seed."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mnistcmp.networks.options import (
    Activation,
    BatchNormPlacement,
    NetworkOptions,
    SoftmaxPlacement,
)

RESULT_VERSION = 2
"""Part of every run's identity. Raised when the same recipe and seed would give other numbers (a
new random stream, a changed layer), so that old and new results are never taken for one another."""


def _to_tuple(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    return tuple(value) if isinstance(value, list) else value


Rate = Annotated[float, Field(ge=0, lt=1)]
Rates = Annotated[tuple[Rate, Rate], BeforeValidator(_to_tuple)]


class Recipe(BaseModel):
    """How a network is trained; the defaults are the protocol of the report.

    Raises:
        pydantic.ValidationError: A field is unknown, of another type, or out of range.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 150
    """Passes over the training split."""

    rounds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trainings in a row, each on fresh pairs and with a new optimizer, that hand on their weights.
    Each is tested, and the run's accuracy is the mean of theirs. The report's code has ten."""

    shuffle: bool = True
    """Whether the pairs are put into a new order before each epoch. The report's code does not."""

    batch_size: Annotated[int, Field(ge=2)] = 32
    """Pairs in an optimizer step. An epoch's last batch may be smaller, but not one pair alone."""

    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.005
    """The optimizer's learning rate; with the schedule `one-cycle`, the highest."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """The optimizer, with PyTorch's defaults; `adamw` decays weights apart from their gradients."""

    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """The optimizer's weight decay, for all parameters."""

    schedule: Literal["constant", "one-cycle"] = "constant"
    """How the learning rate changes in a round: `one-cycle` rises to it and falls to nearly
    nothing, Adam's momentum the other way round, as PyTorch's OneCycleLR has it."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a training target that goes to all classes alike."""

    augmentation: Literal["none", "affine"] = "none"
    """Changes to training images: `affine` turns, stretches, shears and moves each a little, at
    random."""

    precision: Literal["float32", "bf16"] = "float32"
    """Number format of training: `bf16` is PyTorch's mixed precision, which computes layers'
    products in bfloat16."""

    comparison_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of the comparison's cross-entropy beside the digits'."""

    auxiliary_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of each digit's cross-entropy beside the comparison's, where there is one."""

    softmax: SoftmaxPlacement = "before-head"
    """Where softmax stands.
    `before-head`: branches and head end in logits, the head reads the branches' softmax.
    `everywhere`: branches and head end in a softmax, and cross-entropy applies another.
    `nowhere`: the head reads logits.
    `branches-only`: as `everywhere`, but the head ends in logits.
    `head-only`: as `nowhere`, but the head ends in a softmax.
    The baseline, which has no head, ends in a softmax where a head would."""

    activation: Activation = "relu"
    """The activation function of branches and head."""

    batch_norm: BatchNormPlacement = "after"
    """Where batch norm stands: `after` or `before` each activation, or `none`."""

    branch_dropout: Rates = (0.30, 0.20)
    """Dropout rates after the branch's two hidden linear layers. 0 is no dropout."""

    head_dropout: Rates = (0.25, 0.20)
    """Dropout rates after the head's two hidden linear layers."""

    conv_dropout: Rate = 0.0
    """Dropout rate after each of the branch's two convolutional blocks."""

    train_pairs: Annotated[int, Field(ge=10, le=30_000)] = 1000
    """Pairs drawn from MNIST's 60,000 training images, before the validation split is taken."""

    test_pairs: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Pairs drawn from MNIST's 10,000 test images."""

    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the training pairs that chooses the weights instead of training them."""

    tested_epoch: Literal["best", "last"] = "best"
    """Epoch whose weights are tested: the one of the best validation accuracy, or the last, which
    is the best one under a schedule that ends."""

    @model_validator(mode="after")
    def _batches_fit_the_split(self) -> Self:
        """Batch norm cannot train on a batch of one, and an epoch needs at least one batch."""
        pairs = self.split_size
        if not 1 <= self.validation_pairs < self.train_pairs:
            raise ValueError(
                f"validation_fraction {self.validation_fraction} of {self.train_pairs} train_pairs "
                "leaves no pair on one side of the split; take one nearer to 0.2"
            )
        if self.batch_size > pairs:
            raise ValueError(
                f"batch_size {self.batch_size} is larger than the {pairs} pairs of the training "
                f"split; take 2 to {pairs}"
            )
        if pairs % self.batch_size == 1:
            raise ValueError(
                f"batch_size {self.batch_size} leaves a last batch of one of the {pairs} pairs of "
                "the training split, which batch norm cannot take; take another size"
            )
        return self

    @property
    def validation_pairs(self) -> int:
        """Training pairs held out to choose the best weights."""
        return round(self.train_pairs * self.validation_fraction)

    @property
    def split_size(self) -> int:
        """Training pairs that are trained on."""
        return self.train_pairs - self.validation_pairs

    @property
    def steps(self) -> int:
        """Steps of the optimizer in a round."""
        return self.epochs * -(-self.split_size // self.batch_size)

    @property
    def network(self) -> NetworkOptions:
        """What shapes the network."""
        return NetworkOptions(
            softmax=self.softmax,
            activation=self.activation,
            batch_norm=self.batch_norm,
            branch_dropout=self.branch_dropout,
            head_dropout=self.head_dropout,
            conv_dropout=self.conv_dropout,
        )

    @property
    def all_epochs(self) -> int:
        """Of a run: those of all its rounds."""
        return self.rounds * self.epochs

    def changes(self) -> dict[str, Any]:
        """The fields that differ from the defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def canonical(self) -> str:
        """One JSON text per meaning: a field added later leaves older recipes' texts alone."""
        return json.dumps(self.changes() | {"result_version": RESULT_VERSION}, sort_keys=True)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that identify the recipe."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """A short name that tells recipes apart, for instance `reference-code-epochs-2`."""
        changes = self.changes()
        base = "default"
        for name, recipe in RECIPES.items():
            wanted = recipe.changes()
            if wanted and wanted.items() <= changes.items():
                base = name
        rest = [
            f"{field.replace('_', '-')}-{_in_short(value)}".replace("+", "")
            for field, value in changes.items()
            if field not in RECIPES[base].changes()
        ]
        return "-".join(([] if base == "default" and rest else [base]) + rest)


def _in_short(value: Any) -> str:  # noqa: ANN401 - any field's
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


RECIPES = {
    "default": Recipe(),
    "reference-code": Recipe(softmax="everywhere"),
    "report-text": Recipe(softmax="nowhere"),
    "plain": Recipe(batch_norm="none", branch_dropout=(0.0, 0.0)),
}
"""The report's recipes: three readings of Table I's, which differ in where softmax stands, and that
of its baseline without dropout and batch norm. `default` puts a softmax between branches and head
only, the reading without a softmax layer on the branches that comes closest to the published table;
`reference-code` does as the report's code; `report-text` takes the report's text to the letter;
`plain` leaves the head's dropout, which the baseline has not, as it is."""
