"""Bootstrap of sums and ratios: resamples rows (triplets or families), never draws.

A resample is a set of weights, one a row, of mean 1 and variance 1, and every statistic here is a
function of weighted column sums. So a thousand resamples of a million rows are one product of
matrices, taken in blocks that stay in the cache: nothing is gathered, and memory does not grow with
the number of resamples. Intervals are symmetric bootstrap-t: the spread of (θ* − θ) / se* sets how
many standard errors to go, which covers better than percentiles where lengths are skewed.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

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
    shares = [
        blocks[len(blocks) * i // workers : len(blocks) * (i + 1) // workers]
        for i in range(workers)
    ]
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


def ratio_contrast(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    contrast: Sequence[float] = (1.0,),
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> RatioEstimate:
    """Σ_j w_j · (Σ_i a_ij / Σ_i b_ij) with a symmetric bootstrap-t interval over the rows i.

    With one column and w = 1 this is a ratio of sums; with two and w = (1, −1), the difference
    of two ratios measured on the same rows, the rows kept together.

    Args:
        numerators, denominators: shape `[n]` or `[n, q]`, no NaN.
        contrast: w, of length q.
        level (`float`, defaults to 0.95): of the interval.
        draws (`int`, defaults to 1000): resamples.
        seed (`int`, defaults to 0).

    Returns:
        `RatioEstimate`: all NaN where a denominator's sum is not positive; without an interval
        where there are fewer than two rows.

    Source: Hall (1988), "On symmetric bootstrap confidence intervals", for the interval;
    Præstgaard & Wellner (1993) for exchangeable weights.
    """
    a = _as_columns(numerators)
    b = _as_columns(denominators)
    w = np.asarray(contrast, dtype=np.float64)
    if a.shape != b.shape or a.shape[1] != len(w):
        raise ValueError(f"shapes {a.shape}, {b.shape} and {w.shape} do not belong together")
    if not np.all(b.sum(axis=0) > 0):
        return _UNDEFINED
    value, error = _contrast_with_error(*_moments(a, b, None), w)
    if len(a) < 2:
        return RatioEstimate(float(value[0]), math.nan, math.nan, math.nan, math.nan)
    replicate, spread = _contrast_with_error(*_moments(a, b, (draws, seed)), w)
    # Weighted by chance to a denominator of 0 (only thinkable with very few rows): not a resample.
    kept = np.isfinite(replicate)
    distance = np.abs(replicate[kept] - value[0])
    # A resample without spread is as far out as can be, unless it hit the value itself.
    studentised = np.where(distance > 0, np.inf, 0.0)
    np.divide(distance, spread[kept], out=studentised, where=spread[kept] > 0)
    quantile = float(np.quantile(studentised, level, method="higher"))
    # n / (n − 1): the plug-in variance of few rows is too small.
    se = float(error[0]) * math.sqrt(len(a) / (len(a) - 1))
    reach = quantile * float(error[0]) if error[0] > 0 else 0.0
    observed = abs(float(value[0])) / float(error[0]) if error[0] > 0 else math.inf
    if value[0] == 0:
        observed = 0.0
    p_value = (1 + int((studentised >= observed).sum())) / (1 + len(studentised))
    if not math.isfinite(reach):
        return RatioEstimate(float(value[0]), math.nan, math.nan, se, p_value)
    return RatioEstimate(
        float(value[0]), float(value[0]) - reach, float(value[0]) + reach, se, p_value
    )


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


def _contrast_with_error(
    sum_a: Floats, sum_b: Floats, products: Floats, w: Floats
) -> tuple[Floats, Floats]:
    """Σ w·Σa/Σb and its linearised standard error, a row a resample."""
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = sum_a / sum_b
        # Influence of row i: Σ_j (w_j / B_j) (a_ij − θ_j b_ij), linear in (a, b).
        scale = w / sum_b
        direction = np.concatenate([scale, -scale * theta], axis=1)
        variance = np.einsum("ri,rij,rj->r", direction, products, direction)
    return theta @ w, np.sqrt(np.maximum(variance, 0.0))
