"""`Draws`: what K samples of each composite and of its parts gave, as three arrays.

The one input of all compositionality scores. Units: reasoning tokens. A draw is *closed* (its
reasoning tokens are known), *truncated* (graded, but cut before the reasoning closed, so that its
length is only known to exceed something) or *absent* (fewer than K were drawn).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .deviation import Floats
from .floor import mean_and_variance

__all__ = ["Draws"]


@dataclass(frozen=True, eq=False)
class Draws:
    """Reasoning tokens and grades of each draw.

    Args:
        tokens: shape `[n_composites, m + 1, K]`, the parts first and the composed question last;
            NaN where the draw is truncated or absent.
        correct: same shape, 1.0 right, 0.0 not, NaN where the draw is absent.
        cut_tokens (*optional*): same shape, tokens generated until a truncated draw was cut, a
            lower bound of its length; NaN elsewhere. Without it the scores that count truncated
            draws are NaN.

    Raises:
        ValueError: shapes that differ, fewer than two parts, negative tokens, or a draw that has
            tokens but no grade.
    """

    tokens: Floats
    correct: Floats
    cut_tokens: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("tokens", "correct", "cut_tokens"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.asarray(values, dtype=np.float64))
        shape = self.tokens.shape
        if len(shape) != 3 or shape[1] < 3:
            raise ValueError(
                f"tokens has shape {shape}; fix: pass [n_composites, m + 1, K] with m >= 2 parts"
            )
        for name in ("correct", "cut_tokens"):
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, tokens has {shape}; fix: align")
        if np.any(self.tokens < 0):
            raise ValueError("a reasoning length is negative; fix: NaN for lengths not known")
        if np.any(~np.isnan(self.tokens) & np.isnan(self.correct)):
            raise ValueError(
                "a draw has tokens but no grade; fix: NaN in correct is for absent draws"
            )

    @classmethod
    def from_ragged(
        cls,
        tokens: Sequence[Sequence[Sequence[float | None]]],
        correct: Sequence[Sequence[Sequence[float | bool]]],
        cut_tokens: Sequence[Sequence[Sequence[float | None]]] | None = None,
    ) -> "Draws":
        """From nested sequences, `[composite][role][draw]` with any number of draws a question.

        None or NaN in `tokens` is a truncated draw. In `cut_tokens`, give a value to truncated
        draws only.

        Raises:
            ValueError: composites with different numbers of parts, or rows that do not align.
        """
        width = max((len(row) for item in tokens for row in item), default=0)
        roles = {len(item) for item in tokens}
        if len(roles) > 1:
            raise ValueError(
                f"composites have {min(roles) - 1} to {max(roles) - 1} parts; fix: score each "
                "number of parts by itself"
            )
        shape = (len(tokens), roles.pop() if roles else 3, width)

        def fill(rows: Sequence[Sequence[Sequence[float | None]]]) -> Floats:
            out = np.full(shape, np.nan)
            for i, item in enumerate(rows):
                for j, row in enumerate(item):
                    out[i, j, : len(row)] = [np.nan if v is None else float(v) for v in row]
            return out

        for i, item in enumerate(tokens):
            if [len(row) for row in item] != [len(row) for row in correct[i]]:
                raise ValueError(
                    f"composite {i}: tokens and correct have different draws; fix: align"
                )
        return cls(fill(tokens), fill(correct), None if cut_tokens is None else fill(cut_tokens))

    @property
    def n(self) -> int:
        """Composites."""
        return self.tokens.shape[0]

    @property
    def k(self) -> int:
        """The most draws of one question."""
        present = ~np.isnan(self.correct)
        return int(present.sum(axis=2).max()) if present.size else 0

    @property
    def truncated(self) -> npt.NDArray[np.bool_]:
        """Which draws were cut before the reasoning closed, same shape as `tokens`."""
        return np.isnan(self.tokens) & ~np.isnan(self.correct)

    def take(self, rows: npt.ArrayLike) -> "Draws":
        """The composites picked by an index or a mask."""
        index = np.asarray(rows)
        cut = None if self.cut_tokens is None else self.cut_tokens[index]
        return Draws(self.tokens[index], self.correct[index], cut)

    def with_truncated(self) -> Floats:
        """`tokens`, truncated draws filled in with the length at which they were cut."""
        if self.cut_tokens is None:
            return self.tokens
        return np.where(self.truncated, self.cut_tokens, self.tokens)

    def counts(self, *, with_truncated: bool = True) -> tuple[Floats, Floats]:
        """Right draws and draws of each question, shape `[n, m + 1]` each.

        A truncated draw answered nothing: it counts as a draw that is not right, or is left out.
        """
        counted = ~np.isnan(self.correct if with_truncated else self.tokens)
        right = np.where(counted, np.nan_to_num(self.correct), 0.0).sum(axis=2)
        return right, counted.sum(axis=2).astype(np.float64)


def compute_sums(tokens: Floats) -> tuple[Floats, Floats]:
    """Mean tokens: summed over the parts, and of the composite, shape `[n]`; NaN if unknown."""
    mean = mean_and_variance(tokens)[0]
    return mean[:, :-1].sum(axis=1), mean[:, -1]
