"""The limit of compute nMAD for K → ∞: what the score would be without sampling noise.

If relative deviations and sampling noise are both normal, their variances add, and so
nMAD(K)² = nMAD(∞)² + floor(K)². The estimate is √(nMAD² − floor²): plain subtraction takes away too
much. In simulations (docs/laws.md) it was nearer the truth than a normal model of the deviations, a
mixture model of them, or an extrapolation over growing sub-samples of K.
"""

import math

import numpy as np

from .bootstrap import ratio_contrast
from .columns import CompositeColumns
from .deviation import Flags, Floats, nmad, ratio
from .draws import Draws, compute_sums
from .floor import expected_deviations
from .score import LawScore

__all__ = ["limit_score", "nmad_limit"]

_MODEL = (
    "rests on normal deviations: too high, and its interval too, where some composites obey the "
    "law and others are far from it"
)


def nmad_limit(nmad_at_k: float, floor_at_k: float) -> float:
    """√(max(0, nMAD² − floor²)).

    Args:
        nmad_at_k (`float`): `nmad` of the means of K draws.
        floor_at_k (`float`): `noise_floor` of the same draws.

    Returns:
        `float`: biased upwards near 0, where noise cannot fall below it (about +0.03 for a lawful
        model at K = 8, 250 triplets and lengths that vary by half), and by up to 0.07 where some
        composites obey the law and others are far from it. NaN where the floor is.
    """
    return math.sqrt(max(0.0, nmad_at_k**2 - floor_at_k**2)) if floor_at_k >= 0 else math.nan


def difference_of_squares(theta: Floats) -> tuple[Floats, Floats]:
    """θ₀² − θ₁² and its gradient, for nMAD and its floor as ratios over the same sum."""
    return theta[:, 0] ** 2 - theta[:, 1] ** 2, theta[:, :2] * np.array([2.0, -2.0])


def squared_terms(tokens: Floats) -> tuple[Floats, Floats, Flags]:
    """Columns |C12 − ΣC| and E|·| under the law, their scale, and the rows that have both."""
    parts_sum, composed = compute_sums(tokens)
    expected, _ = expected_deviations(tokens)
    known = ~np.isnan(parts_sum + composed + expected)
    gap = np.abs(composed - parts_sum)
    columns = np.stack([gap, expected], axis=1)
    return columns, np.stack([parts_sum, parts_sum], axis=1), known


def limit_score(
    draws: Draws, *, level: float = 0.95, bootstrap: int = 1000, seed: int = 0
) -> LawScore:
    """`nmad_limit` of closed draws with an interval over composites, as a `LawScore`.

    The interval is taken on nMAD² − floor² and then rooted. Where the deviations are far from
    normal it covers the truth far less often than its level says: the reason always warns.
    """
    return limit_of(CompositeColumns.of(draws), level=level, bootstrap=bootstrap, seed=seed)


def limit_of(
    columns: CompositeColumns, *, level: float = 0.95, bootstrap: int = 1000, seed: int = 0
) -> LawScore:
    """`limit_score` of the draws that the columns were made of; see there."""
    closed = columns.closed
    known = ~np.isnan(closed.sum(axis=1))
    parts_sum, composed, expected = closed[known].T
    value = low = high = math.nan
    reason: str | None = None
    if not known.any():
        reason = "no composite has two closed draws of each of its questions; draw K >= 2"
    elif not parts_sum.sum() > 0:
        reason = "the parts were answered without any reasoning token"
    else:
        value = nmad_limit(nmad(parts_sum, composed), floor_of(parts_sum, expected))
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


def floor_of(parts_sum: Floats, expected: Floats) -> float:
    """`noise_floor` of ΣC and E|C12 − ΣC| of each composite, shape `[n]` each."""
    keep = ~np.isnan(expected)
    return ratio(expected[keep].sum(), parts_sum[keep].sum())


def _root(square: float) -> float:
    return math.sqrt(max(0.0, square)) if not math.isnan(square) else math.nan
