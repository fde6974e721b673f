"""The table of architectures: name, network, what was published of it.

The table is read for plans and reports too, so networks, and with them torch, are imported only
when one is built: that takes a second. Networks that are not in it, `PACKAGE.MODULE:NAME`, are
imported no sooner, since results are read where they cannot be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.networks.custom import make_network
from mnistcmp.networks.names import FORM, is_custom, parse_name
from mnistcmp.networks.options import NetworkOptions

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Test accuracy as the report prints it: mean and standard deviation of 10 rounds, in %."""

    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A network and how it is trained, under one name."""

    name: str
    description: str
    build: Callable[[NetworkOptions], "nn.Module"]
    """Makes the network with fresh weights, from torch's default generator."""
    weight_sharing: bool | None = None
    """None where there is one branch only."""
    auxiliary_loss: bool | None = False
    """Whether each branch is also trained to name its digit; None where the network returns two
    digits if it is, which shows when it is built, and in its results."""
    published: Published | None = None
    takes_options: bool = True
    """Whether a recipe's fields that shape networks shape this one."""

    @property
    def custom(self) -> bool:
        """Whether the network is not this package's."""
        return is_custom(self.name)

    @property
    def factors(self) -> tuple[bool, bool] | None:
        """Weight sharing and auxiliary loss, of the four networks of Table I that cross them."""
        if self.weight_sharing is None or self.name not in TABLE1_ARCHITECTURES:
            return None
        return self.weight_sharing, bool(self.auxiliary_loss)

    def goes_by(self, options: NetworkOptions) -> NetworkOptions:
        """What the network makes of a recipe's options: without them it ends in logits."""
        return options if self.takes_options else replace(options, softmax="nowhere")


def _baseline(options: NetworkOptions) -> "nn.Module":
    from mnistcmp.networks.report import Baseline  # noqa: PLC0415 - see above

    return Baseline(options)


def _plain_baseline(options: NetworkOptions) -> "nn.Module":
    plain = replace(options, batch_norm="none", branch_dropout=(0.0, 0.0), conv_dropout=0.0)
    return _baseline(plain)


def _siamese(options: NetworkOptions, *, shared: bool) -> "nn.Module":
    from mnistcmp.networks.report import Siamese  # noqa: PLC0415 - see above

    return Siamese(options, shared=shared)


def _digits_exact(_options: NetworkOptions) -> "nn.Module":
    from mnistcmp.networks.exact import ExactComparison  # noqa: PLC0415 - see above

    return ExactComparison()


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture(
            name="baseline",
            description="one network sees both images as two channels",
            build=_baseline,
            published=Published(mean=82.17, deviation=1.686),
        ),
        Architecture(
            name="siamese-shared",
            description="one branch for both images, then a head that compares",
            build=partial(_siamese, shared=True),
            weight_sharing=True,
            published=Published(mean=90.43, deviation=2.881),
        ),
        Architecture(
            name="siamese-shared-aux",
            description="as siamese-shared, the branch trained to name the digits too",
            build=partial(_siamese, shared=True),
            weight_sharing=True,
            auxiliary_loss=True,
            published=Published(mean=97.74, deviation=0.455),
        ),
        Architecture(
            name="siamese-separate",
            description="a branch for each image, then a head that compares",
            build=partial(_siamese, shared=False),
            weight_sharing=False,
            published=Published(mean=90.63, deviation=1.616),
        ),
        Architecture(
            name="siamese-separate-aux",
            description="as siamese-separate, each branch trained to name its digit too",
            build=partial(_siamese, shared=False),
            weight_sharing=False,
            auxiliary_loss=True,
            published=Published(mean=97.62, deviation=0.780),
        ),
        Architecture(
            name="baseline-plain",
            description="the baseline without dropout and batch norm",
            build=_plain_baseline,
            published=Published(mean=78.71, deviation=1.11),
        ),
        Architecture(
            name="digits-exact",
            description="one branch names both digits, a rule compares them; not the report's",
            build=_digits_exact,
            weight_sharing=True,
            auxiliary_loss=True,
            takes_options=False,
        ),
    )
}

TABLE1_ARCHITECTURES = (
    "baseline",
    "siamese-shared",
    "siamese-shared-aux",
    "siamese-separate",
    "siamese-separate-aux",
)
"""The rows of the report's Table I, in its order."""


def architecture(name: str) -> Architecture:
    """The architecture of that name; an own network's is not imported yet.

    Raises:
        UserError: There is none.
    """
    if is_custom(name):
        return _own(name)
    if name not in ARCHITECTURES:
        raise unknown_name("architecture", name, [*ARCHITECTURES, f"{FORM} for your own"])
    return ARCHITECTURES[name]


def _own(name: str) -> Architecture:
    alike = parse_name(name).attribute.lower().replace("_", "-")
    if alike in ARCHITECTURES:
        raise UserError(
            f"'{name}' is named like the built-in {alike}, and tables would confuse the two. Give "
            "it another name."
        )
    return Architecture(
        name=name,
        description="a network of your own",
        build=partial(_build_own, name),
        auxiliary_loss=None,
        takes_options=False,
    )


def _build_own(name: str, _options: NetworkOptions) -> "nn.Module":
    from mnistcmp.networks.outputs import answering  # noqa: PLC0415 - see above

    return answering(make_network(name))
