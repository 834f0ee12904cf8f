"""A run's draws as a few numbers a composite, put in block by block, and the scores of them.

`score_compositionality` works on the draws of all composites at once. What it needs of a composite,
the means of its questions, their errors and their counts, does not grow with K; that is kept here:
60 bytes and 16 a question. Scores are those of `score_compositionality` to the last bit, because
every sum over composites is a sum of the same column in the same order.
"""

import math
from typing import cast

import numpy as np
import numpy.typing as npt

from ..laws import (
    ZERO_RULES,
    CompositionalityScores,
    Draws,
    LawScore,
    ZeroRule,
    log_accuracy,
    log_accuracy_floor,
    nmad,
    nmad_limit,
)
from ..laws.bootstrap import ratio_contrast
from ..laws.compositionality import _r_squared, _renamed, _Scorer
from ..laws.deviation import Floats
from ..laws.deviation import ratio as safe_ratio
from ..laws.draws import compute_sums
from ..laws.floor import expected_deviations, mean_and_variance
from ..laws.limit import _MODEL, _root, difference_of_squares

__all__ = ["CompositeColumns", "score_columns", "score_zero_rules"]

_NO_TOKENS = "the parts were answered without any reasoning token"
_NEVER_WRONG = "no part was ever answered wrong, so there is no log accuracy to compose"


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
        return int(self._counts[1].max())


def score_columns(
    columns: CompositeColumns, *, level: float = 0.95, bootstrap: int = 1000, seed: int = 0
) -> CompositionalityScores:
    """`score_compositionality` of the draws that the columns were made of; see there."""
    # All that a scorer asks of draws is K and how many were truncated.
    scorer = _Scorer(cast("Draws", columns), level, bootstrap, seed)

    def compute(triple: Floats, suffix: str = "") -> tuple[LawScore, LawScore]:
        parts_sum, composed, expected = triple.T
        floor = _floor(parts_sum, expected)
        both = scorer.deviations(f"compute{suffix}", parts_sum, composed, floor, _NO_TOKENS)
        return both[0], _renamed(both[1], f"signed_deviation{suffix}")

    closed = columns.closed
    parts_sum, composed, _ = (np.ascontiguousarray(column) for column in closed.T)
    nmad_compute, signed = compute(closed)
    nmad_log, signed_log = _log_accuracy(scorer, columns, "half")
    nmad_filled = _renamed(nmad_compute, "nmad_compute_with_truncated")
    signed_filled = _renamed(signed, "signed_deviation_with_truncated")
    nmad_log_closed = _renamed(nmad_log, "nmad_log_accuracy_without_truncated")
    if columns.truncated.any():
        nmad_log_closed = _log_accuracy(scorer, columns, "half", with_truncated=False)[0]
        nmad_filled, signed_filled = compute(columns.filled, "_with_truncated")
    nmad_nonempty = _renamed(nmad_compute, "nmad_compute_without_empty")
    if columns.empty.any():
        nmad_nonempty = compute(columns.nonempty, "_without_empty")[0]
    right, total = columns.counts()
    accuracy = right / np.where(total > 0, total, np.nan)
    ones, present = np.ones(len(total)), total.sum(axis=1)

    def share(name: str, flagged: Floats) -> LawScore:
        return scorer.ratio(
            name, flagged, present, low=0.0, high=1.0, undefined="nothing was drawn"
        )

    def mean(name: str, values: Floats, unit: str = "1", high: float = math.inf) -> LawScore:
        return scorer.ratio(name, values, ones, unit=unit, low=0.0, high=high)

    return CompositionalityScores(
        nmad_compute=nmad_compute,
        nmad_compute_limit=_limit(columns, closed, level=level, bootstrap=bootstrap, seed=seed),
        signed_deviation=signed,
        slope=scorer.ratio(
            "slope",
            parts_sum * composed,
            parts_sum**2,
            unit="tokens/token",
            undefined=_NO_TOKENS,
        ),
        r_squared=_r_squared(scorer, parts_sum, composed),
        nmad_log_accuracy=nmad_log,
        signed_log_accuracy=signed_log,
        nmad_compute_with_truncated=nmad_filled,
        signed_deviation_with_truncated=signed_filled,
        nmad_compute_without_empty=nmad_nonempty,
        nmad_log_accuracy_without_truncated=nmad_log_closed,
        accuracy_parts=mean("accuracy_parts", accuracy[:, :-1].mean(axis=1), high=1.0),
        accuracy_composed=mean("accuracy_composed", accuracy[:, -1], high=1.0),
        tokens_parts=mean(
            "tokens_parts", np.where(np.isnan(composed), np.nan, parts_sum), "tokens"
        ),
        tokens_composed=mean(
            "tokens_composed", np.where(np.isnan(parts_sum), np.nan, composed), "tokens"
        ),
        truncated_share=share(
            "truncated_share", np.asarray(columns.truncated.sum(axis=1), dtype=np.float64)
        ),
        empty_share=share("empty_share", columns.empty.astype(np.float64)),
    )


def score_zero_rules(columns: CompositeColumns) -> dict[ZeroRule, LawScore]:
    """`zero_rule_sensitivity` of the draws that the columns were made of."""
    scorer = _Scorer(cast("Draws", columns), 0.95, 1000, 0)
    return {rule: _log_accuracy(scorer, columns, rule)[0] for rule in ZERO_RULES}


def _log_accuracy(
    scorer: _Scorer, columns: CompositeColumns, zero: ZeroRule, *, with_truncated: bool = True
) -> tuple[LawScore, LawScore]:
    right, total = columns.counts(with_truncated=with_truncated)
    logs = log_accuracy(right, total, zero)
    floor = log_accuracy_floor(right, total, zero, scorer.seed)
    suffix = "" if with_truncated else "_without_truncated"
    return scorer.deviations(
        f"log_accuracy{suffix}", logs[:, :-1].sum(axis=1), logs[:, -1], floor, _NEVER_WRONG
    )


def _floor(parts_sum: Floats, expected: Floats) -> float:
    """As `noise_floor` of the draws."""
    keep = ~np.isnan(expected)
    return safe_ratio(expected[keep].sum(), parts_sum[keep].sum())


def _limit(
    columns: CompositeColumns, closed: Floats, *, level: float, bootstrap: int, seed: int
) -> LawScore:
    """As `limit_score` of the draws."""
    known = ~np.isnan(closed.sum(axis=1))
    parts_sum, composed, expected = closed[known].T
    value = low = high = math.nan
    reason: str | None = None
    if not known.any():
        reason = "no composite has two closed draws of each of its questions; draw K >= 2"
    elif not parts_sum.sum() > 0:
        reason = _NO_TOKENS
    else:
        value = nmad_limit(nmad(parts_sum, composed), _floor(parts_sum, expected))
        estimate = ratio_contrast(
            np.stack([np.abs(composed - parts_sum), expected], axis=1),
            np.stack([parts_sum, parts_sum], axis=1),
            difference_of_squares,
            level=level,
            draws=bootstrap,
            seed=seed,
        )
        low, high = (_root(end) for end in (estimate.ci_low, estimate.ci_high))
        if math.isnan(low):
            reason = "too few composites for an interval"
        else:
            near_zero = "not told apart from 0, where it is biased upwards; " if low == 0 else ""
            reason = near_zero + _MODEL
    return LawScore(
        "nmad_compute_limit",
        value,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        n=int(known.sum()),
        k=columns.k,
        truncated=int(columns.truncated.sum()),
        excluded=int((~known).sum()),
        reason=reason,
    )
