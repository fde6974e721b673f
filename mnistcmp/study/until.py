"""As many seeds as a study needs: the rule by which a launch adds seeds, and its looks."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

BATCH = 5
"""Seeds between two looks: as few as an interval can be of, and enough to be trained together."""
MOST_LOOKS = 40
"""Beyond them batches are larger, so that the error is not spread too thin."""


class UntilClear(BaseModel):
    """Seeds are added until each comparison is clear, or shown to be smaller than a margin.

    A study's seeds are then those that a launch trains at most. With the margin and the batches
    they are the rule: another one would make other intervals of the same results.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Points. A difference that is shown to be smaller is as good as none."""

    batch: Annotated[int, Field(ge=2)] = BATCH
    """Seeds that are added at a time, before each look at the results."""

    def looks(self, seeds: int) -> tuple[int, ...]:
        """After how many of so many seeds is looked: after each batch, and at the end."""
        return (*range(self.batch, seeds, self.batch), seeds)


def until_clear(margin: float, most_seeds: int) -> UntilClear:
    """The rule of such a margin with at most so many seeds.

    Raises:
        pydantic.ValidationError: The margin is not above 0.
    """
    return UntilClear(margin=margin, batch=max(BATCH, math.ceil(most_seeds / MOST_LOOKS)))
