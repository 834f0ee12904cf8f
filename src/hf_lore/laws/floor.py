"""The noise floor: what a model that obeys the compute law exactly would score at this K.

nMAD takes absolute values of differences between means of K draws, and so stays above 0 whatever
the model does. The floor is its expected value when C(x12) = C(x1) + C(x2) holds exactly and the
lengths vary within each question as observed. It is shown beside nMAD and never subtracted:
deviations and noise add in squares, so subtracting would take away too much.
"""

import numpy as np
import numpy.typing as npt

from .deviation import Floats

__all__ = ["noise_floor"]


def mean_and_variance(tokens: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Mean, squared standard error of the mean, and number of draws, over the last axis.

    NaN draws are left out. The standard error is NaN with fewer than two draws.
    """
    values = np.asarray(tokens, dtype=np.float64)
    measured = ~np.isnan(values)
    size = measured.sum(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(measured, values, 0.0).sum(axis=-1) / np.where(size > 0, size, np.nan)
        squares = np.where(measured, values - mean[..., None], 0.0) ** 2
        error = squares.sum(axis=-1) / np.where(size > 1, size * (size - 1), np.nan)
    return mean, error, size


def noise_floor(tokens: npt.ArrayLike) -> float:
    """Expected nMAD of a law-abiding model with these K and these within-question variances.

    Per composite, the difference of means has variance v = Σ_role s²/K, and a normal variable of
    mean 0 has E|·| = √(2v/π). The root of an estimated variance is too small on average, the more
    so the fewer the draws: it is divided by c₄ at Satterthwaite's degrees of freedom.

    Args:
        tokens: shape `[n_composites, m + 1, K]`, reasoning tokens of each draw, parts first and
            the composed question last; NaN for draws that are absent or were cut.

    Returns:
        `float`, dimensionless, comparable with `nmad` on the same draws. NaN where no composite
        has two draws of each of its questions: one draw shows no spread.

    Raises:
        ValueError: not a 3-d array with at least two parts.
    """
    values = np.asarray(tokens, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] < 3:
        raise ValueError(
            f"tokens has shape {values.shape}; fix: pass [n_composites, m + 1, K] with m >= 2 parts"
        )
    expected, parts_sum = expected_deviations(values)
    keep = ~np.isnan(expected)
    if not keep.any() or not parts_sum[keep].sum() > 0:
        return float("nan")
    return float(expected[keep].sum() / parts_sum[keep].sum())


def expected_deviations(values: Floats) -> tuple[Floats, Floats]:
    """E|C12 − ΣC| under the law and ΣC, shape `[n]` each, in tokens; NaN where not estimable."""
    mean, error, size = mean_and_variance(values)
    variance = error.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / (error**2 / (size - 1)).sum(axis=1)
    # All draws alike: no noise, whatever the correction.
    corrected = np.where(variance > 0, variance / c4(freedom) ** 2, variance)
    return np.sqrt(2.0 * corrected / np.pi), mean[:, :-1].sum(axis=1)


def c4(freedom: npt.ArrayLike) -> Floats:
    """E[s] / σ of a normal sample with that many degrees of freedom, to within 0.0025.

    The exact Γ((ν+1)/2) / Γ(ν/2) · √(2/ν) is not in numpy. This form has its 1/(4ν) tail and,
    unlike the series, holds at ν = 1 too.
    """
    nu = np.maximum(np.asarray(freedom, dtype=np.float64), 1.0)
    return np.sqrt(1.0 - 1.0 / (2.0 * nu + 0.75))
