"""Bootstrap of sums and ratios: resamples rows (triplets or families), never draws.

A resample is a set of weights, one a row, of mean 1 and variance 1, and every statistic here is a
function of weighted column sums. So a thousand resamples of a million rows are one product of
matrices, taken in blocks that stay in the cache: nothing is gathered, and memory does not grow with
the number of resamples. Intervals are symmetric bootstrap-t: the spread of (θ* − θ) / se* sets how
many standard errors to go, which covers better than percentiles where lengths are skewed.
"""

import itertools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .deviation import Floats

__all__ = ["RatioEstimate", "bootstrap_sums", "bootstrap_weights", "ratio_contrast"]

# How many of the 256 byte values stand for the weights 0..5. Mean 256/256 = 1, second moment
# 512/256 = 2, so variance 1, and third central moment 252/256: Poisson(1) to the byte.
_BYTES = (94, 95, 46, 16, 4, 1)
_TABLE = np.repeat(np.arange(6, dtype=np.float64), _BYTES)
# Rows a block: the seed of a block depends on its number, so this is part of the result.
_BLOCK_ROWS = 4096
# Draws looked up at once: 32 × 4096 × 8 bytes = 1 MB stays in the second-level cache.
_BLOCK_DRAWS = 32


def _random_bytes(block: int, rows: int, draws: int, seed: int) -> npt.NDArray[np.uint8]:
    generator = np.random.SFC64(np.random.SeedSequence((seed, block)))
    size = rows * draws
    return generator.random_raw(-(-size // 8)).view(np.uint8)[:size].reshape(draws, rows)


def bootstrap_weights(n_rows: int, draws: int = 1000, seed: int = 0) -> Floats:
    """The weights that `bootstrap_sums` uses, shape `[draws, n_rows]`: for statistics that are not
    sums, and for tests. Takes 8 bytes a weight."""
    weights = np.empty((draws, n_rows))
    for block, start in enumerate(range(0, n_rows, _BLOCK_ROWS)):
        rows = min(_BLOCK_ROWS, n_rows - start)
        weights[:, start : start + rows] = _TABLE[_random_bytes(block, rows, draws, seed)]
    return weights


def bootstrap_sums(
    columns: npt.ArrayLike, draws: int = 1000, seed: int = 0, workers: int | None = None
) -> Floats:
    """Weighted column sums of each resample: `bootstrap_weights(n, draws, seed) @ columns`.

    Args:
        columns: shape `[n_rows, n_columns]`, no NaN.
        draws (`int`, defaults to 1000): resamples.
        seed (`int`, defaults to 0).
        workers (`int`, *optional*): threads, by default one a core; the result does not depend on
            it but for the order of additions.

    Returns:
        float64, shape `[draws, n_columns]`.
    """
    values = np.ascontiguousarray(columns, dtype=np.float64)
    blocks = range(0, len(values), _BLOCK_ROWS)

    def block_sums(part: Sequence[int]) -> Floats:
        total = np.zeros((draws, values.shape[1]))
        weights = np.empty((_BLOCK_DRAWS, _BLOCK_ROWS))
        for start in part:
            rows = values[start : start + _BLOCK_ROWS]
            raw = _random_bytes(start // _BLOCK_ROWS, len(rows), draws, seed)
            for first in range(0, draws, _BLOCK_DRAWS):
                some = raw[first : first + _BLOCK_DRAWS]
                buffer = weights[: len(some), : len(rows)]
                # "clip" is never needed, a byte cannot miss 256 entries, but spares the check.
                np.take(_TABLE, some, out=buffer, mode="clip")
                total[first : first + len(some)] += buffer @ rows
        return total

    workers = min(workers or os.cpu_count() or 1, len(blocks)) or 1
    if workers == 1:
        return block_sums(blocks)
    # Contiguous shares, so that the order of additions depends on the number of workers only.
    ends = [len(blocks) * i // workers for i in range(workers + 1)]
    shares = [blocks[first:last] for first, last in itertools.pairwise(ends)]
    with ThreadPoolExecutor(workers) as pool:
        return np.sum(list(pool.map(block_sums, shares)), axis=0)


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """A statistic with its interval, its standard error and the p-value of its being 0."""

    value: float
    ci_low: float
    ci_high: float
    standard_error: float
    p_value: float


_UNDEFINED = RatioEstimate(math.nan, math.nan, math.nan, math.nan, math.nan)
# θ of shape [R, q], the ratios of R resamples → the statistic [R] and its gradient [R, q].
SmoothFunction = Callable[[Floats], tuple[Floats, Floats]]


def ratio_contrast(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    contrast: Sequence[float] | SmoothFunction = (1.0,),
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> RatioEstimate:
    """Σ_j w_j θ_j of the ratios θ_j = Σ_i a_ij / Σ_i b_ij, with a bootstrap interval over rows i.

    With one column and w = 1 this is a ratio of sums; with two and w = (1, −1), the difference
    of two ratios measured on the same rows, the rows kept together.

    Args:
        numerators, denominators: shape `[n]` or `[n, q]`, no NaN.
        contrast: w, of length q; or any smooth function of θ, as one that returns its values and
            gradients.
        level (`float`, defaults to 0.95): of the symmetric bootstrap-t interval.
        draws (`int`, defaults to 1000): resamples.
        seed (`int`, defaults to 0).

    Returns:
        `RatioEstimate`: all NaN where a denominator's sum is not positive; without an interval
        where there are fewer than two rows.

    Source: Hall (1988), "On symmetric bootstrap confidence intervals", for the interval;
    Præstgaard & Wellner (1993) for exchangeable weights.
    """
    a, b = _as_columns(numerators), _as_columns(denominators)
    function = contrast if callable(contrast) else _linear(contrast)
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not belong together")
    if not np.all(b.sum(axis=0) > 0):
        return _UNDEFINED
    values, errors = _statistic(*_moments(a, b, None), function)
    value, error = float(values[0]), float(errors[0])
    if len(a) < 2:
        return replace(_UNDEFINED, value=value)
    replicates, spread = _statistic(*_moments(a, b, (draws, seed)), function)
    # A resample may weigh a denominator by 0 where rows are very few: it is no resample then.
    kept = np.isfinite(replicates)
    distance = np.abs(replicates[kept] - value)
    # A resample without spread is as far out as can be, unless it hit the value itself.
    studentised = np.where(distance > 0, np.inf, 0.0)
    np.divide(distance, spread[kept], out=studentised, where=spread[kept] > 0)
    reach = float(np.quantile(studentised, level, method="higher")) * error if error > 0 else 0.0
    observed = 0.0 if value == 0 else abs(value) / error if error > 0 else math.inf
    return RatioEstimate(
        value=value,
        ci_low=value - reach if math.isfinite(reach) else math.nan,
        ci_high=value + reach if math.isfinite(reach) else math.nan,
        # The plug-in variance of n rows is too small by (n − 1) / n.
        standard_error=error * math.sqrt(len(a) / (len(a) - 1)),
        p_value=(1 + int((studentised >= observed).sum())) / (1 + len(studentised)),
    )


def _linear(contrast: Sequence[float]) -> SmoothFunction:
    w = np.asarray(contrast, dtype=np.float64)
    return lambda theta: (theta @ w, np.broadcast_to(w, theta.shape))


def _as_columns(values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array


def _moments(
    a: Floats, b: Floats, resample: tuple[int, int] | None
) -> tuple[Floats, Floats, Floats]:
    """Sums Σa, Σb `[R, q]` and cross products of (a, b) `[R, 2q, 2q]`; R = 1 if not resampled."""
    q = a.shape[1]
    both = np.concatenate([a, b], axis=1)
    upper = np.triu_indices(2 * q)
    if resample is None:
        sums, products = both.sum(axis=0)[None], (both.T @ both)[None]
        return sums[:, :q], sums[:, q:], products
    columns = np.concatenate([both, both[:, upper[0]] * both[:, upper[1]]], axis=1)
    total = bootstrap_sums(columns, *resample)
    products = np.empty((len(total), 2 * q, 2 * q))
    products[:, upper[0], upper[1]] = products[:, upper[1], upper[0]] = total[:, 2 * q :]
    return total[:, :q], total[:, q : 2 * q], products


def _statistic(
    sum_a: Floats, sum_b: Floats, products: Floats, function: SmoothFunction
) -> tuple[Floats, Floats]:
    """The statistic and its linearised standard error, one a resample."""
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = sum_a / sum_b
        values, gradient = function(theta)
        # Influence of row i: Σ_j (∂_j / B_j) (a_ij − θ_j b_ij), linear in (a, b).
        scale = gradient / sum_b
        direction = np.concatenate([scale, -scale * theta], axis=1)
        variance = np.einsum("ri,rij,rj->r", direction, products, direction)
    return values, np.sqrt(np.maximum(variance, 0.0))
