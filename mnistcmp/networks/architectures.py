"""The table of architectures: name, network, what was published of it.

The table is read for plans and reports too, so networks, and with them torch, are imported only
when one is built. Custom networks, `PACKAGE.MODULE:NAME`, are not in the table; they are imported
no sooner, so that results can be read where the networks cannot be imported.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError, look_up
from mnistcmp.networks.custom import FORM, is_custom, make_network, parse_name
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
    network: str
    """Where the class or function is that makes the network: `PACKAGE.MODULE:NAME`."""
    weight_sharing: bool | None = None
    """Whether both images go through the same weights; None where there is one branch only."""
    auxiliary_loss: bool | None = False
    """Whether each branch is also trained to name its digit; None where that depends on what the
    network returns, which shows when it is built, and in its results."""
    takes_options: bool = True
    """Whether a recipe's fields that shape networks shape this one."""
    published: Published | None = None
    """The report's number for it under the report's recipe; see `published`."""

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

    def build(self, options: NetworkOptions) -> "nn.Module":
        """The network, which returns `Outputs`; its weights come from torch's default generator.

        Raises:
            UserError: A custom network cannot be imported or made.
        """
        from mnistcmp.networks.outputs import returning_outputs  # noqa: PLC0415 - imports torch

        network = make_network(self.network, *([options] if self.takes_options else []))
        return returning_outputs(network) if self.custom else network

    def effective_options(self, options: NetworkOptions) -> NetworkOptions:
        """A recipe's options as the network has them: one that takes none ends in logits."""
        return options if self.takes_options else replace(options, softmax="nowhere")


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture(
            name="baseline",
            description="one network sees both images as two channels",
            network="mnistcmp.networks.report:Baseline",
            published=Published(mean=82.17, deviation=1.686),
        ),
        Architecture(
            name="siamese-shared",
            description="one branch for both images, then a head that compares",
            network="mnistcmp.networks.report:siamese_shared",
            weight_sharing=True,
            published=Published(mean=90.43, deviation=2.881),
        ),
        Architecture(
            name="siamese-shared-aux",
            description="as siamese-shared, the branch trained to name the digits too",
            network="mnistcmp.networks.report:siamese_shared",
            weight_sharing=True,
            auxiliary_loss=True,
            published=Published(mean=97.74, deviation=0.455),
        ),
        Architecture(
            name="siamese-separate",
            description="a branch for each image, then a head that compares",
            network="mnistcmp.networks.report:siamese_separate",
            weight_sharing=False,
            published=Published(mean=90.63, deviation=1.616),
        ),
        Architecture(
            name="siamese-separate-aux",
            description="as siamese-separate, each branch trained to name its digit too",
            network="mnistcmp.networks.report:siamese_separate",
            weight_sharing=False,
            auxiliary_loss=True,
            published=Published(mean=97.62, deviation=0.780),
        ),
        Architecture(
            name="digits-exact",
            description="one branch names both digits, a rule compares them; not the report's",
            network="mnistcmp.networks.exact:ExactComparison",
            weight_sharing=True,
            auxiliary_loss=True,
            takes_options=False,
        ),
    )
}

TABLE1_ARCHITECTURES = tuple(name for name, entry in ARCHITECTURES.items() if entry.published)
"""The rows of the report's Table I, in its order."""

PLAIN_BASELINE = Published(mean=78.71, deviation=1.11)
"""The baseline without dropout and batch norm, of which the report says no name."""


def architecture(name: str) -> Architecture:
    """The architecture of that name; a custom network is not imported yet.

    Raises:
        UserError: There is none.
    """
    if not is_custom(name):
        return look_up("architecture", name, ARCHITECTURES, f"{FORM} for your own")
    _, attribute = parse_name(name)
    if (alike := attribute.lower().replace("_", "-")) in ARCHITECTURES:
        raise UserError(
            f"'{name}' is named like the built-in {alike}, and tables would confuse the two. Give "
            "it another name."
        )
    return Architecture(
        name=name,
        description="a network of your own",
        network=name,
        auxiliary_loss=None,
        takes_options=False,
    )


def published(name: str, options: NetworkOptions) -> Published | None:
    """What the report prints of an architecture under a recipe's options; None where nothing."""
    if name == "baseline" and options.is_plain:
        return PLAIN_BASELINE
    return architecture(name).published
