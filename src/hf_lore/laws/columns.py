"""What the compositionality scores need of each composite: a few numbers, put in block by block.

The means of a composite's questions, their errors and their counts do not grow with K: 60 bytes
and 16 a question. So a run larger than memory is scored from the same columns as arrays are, and
every sum over composites is a sum of the same column in the same order.
"""

import numpy as np
import numpy.typing as npt

from .deviation import Floats
from .draws import Draws, compute_sums
from .floor import expected_deviations, mean_and_variance

__all__ = ["CompositeColumns"]


class CompositeColumns:
    """What the scores need of each composite, a row each.

    Args:
        n (`int`): composites.
        roles (`int`): questions a composite, m parts and the composed one.
    """

    def __init__(self, n: int, roles: int) -> None:
        # Mean reasoning tokens of closed draws, [n, m + 1].
        self.means = np.full((n, roles), np.nan)
        # ΣC, C12 and E|C12 − ΣC| under the law, [n, 3]: with truncated draws at the length at which
        # they were cut, and without draws of no reasoning. Of closed draws the first two are means.
        self.expected = np.full(n, np.nan)
        self.filled = np.full((n, 3), np.nan)
        self.nonempty = np.full((n, 3), np.nan)
        # Right draws and all draws of each question; the same without truncated ones.
        self._counts = np.zeros((4, n, roles), dtype=np.uint16)
        self.empty = np.zeros(n, dtype=np.int32)
        # Whether the lengths at which draws were cut are known, of all that were cut.
        self.knows_cuts = True

    @classmethod
    def of(cls, draws: Draws) -> "CompositeColumns":
        """The columns of all composites of these draws."""
        columns = cls(draws.n, draws.tokens.shape[1])
        columns.put(0, draws)
        return columns

    def put(self, start: int, draws: Draws) -> None:
        """Fill the rows from `start` on with the composites of these draws."""
        rows = slice(start, start + draws.n)
        tokens = draws.tokens
        self.means[rows] = mean_and_variance(tokens)[0]
        self.expected[rows] = expected_deviations(tokens)[0]
        for column, values in (
            (self.filled, draws.with_truncated()),
            (self.nonempty, np.where(tokens > 0, tokens, np.nan)),
        ):
            column[rows] = np.stack([*compute_sums(values), expected_deviations(values)[0]], axis=1)
        counts = (*draws.counts(), *draws.counts(with_truncated=False))
        self._counts[:, rows] = np.stack(counts)
        self.empty[rows] = (tokens == 0).sum(axis=(1, 2))
        self.knows_cuts &= draws.cut_tokens is not None or not draws.truncated.any()

    @property
    def closed(self) -> Floats:
        """ΣC, C12 and E|C12 − ΣC| of closed draws, shape `[n, 3]`."""
        parts_sum = self.means[:, :-1].sum(axis=1)
        return np.stack([parts_sum, self.means[:, -1], self.expected], axis=1)

    def counts(
        self, rows: slice = slice(None), *, with_truncated: bool = True
    ) -> tuple[Floats, Floats]:
        """As `Draws.counts`, of some rows."""
        right, total = (self._counts[:2] if with_truncated else self._counts[2:])[:, rows]
        return right.astype(np.float64), total.astype(np.float64)

    @property
    def truncated(self) -> npt.NDArray[np.uint16]:
        """Truncated draws of each question, shape `[n, m + 1]`."""
        return self._counts[1] - self._counts[3]

    @property
    def k(self) -> int:
        """As `Draws.k`."""
        return int(self._counts[1].max(initial=0))
