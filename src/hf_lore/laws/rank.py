"""Spearman's rank correlation between the number of steps N and compute or accuracy.

One family is a row `[n_steps]`; several are `[n_families, n_steps]`, and are then averaged the
paper's way before the correlation is taken. Values that were not measured are NaN and left out.
"""

import numpy as np
import numpy.typing as npt

from .deviation import Floats

__all__ = ["accuracy_spearman", "compute_spearman", "mean_curve", "spearman"]


def ranks(values: npt.ArrayLike) -> Floats:
    """Ranks from 1 along a 1-d array, ties sharing the mean of theirs."""
    x = np.asarray(values, dtype=np.float64)
    _, inverse, size = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size - 1) / 2.0)[inverse]


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's ρ of two 1-d arrays over the rows where neither is NaN.

    Returns:
        `float` in [−1, 1]; NaN with fewer than 2 rows or where one side is constant, which has no
        order to compare.

    Raises:
        ValueError: shapes that differ or are not 1-d.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape}; fix: pass two 1-d arrays of one length")
    keep = ~(np.isnan(a) | np.isnan(b))
    ra, rb = ranks(a[keep]), ranks(b[keep])
    if len(ra) < 2:
        return float("nan")
    ra, rb = ra - ra.mean(), rb - rb.mean()
    scale = np.sqrt((ra @ ra) * (rb @ rb))
    return float(np.clip((ra @ rb) / scale, -1.0, 1.0)) if scale > 0 else float("nan")


def mean_curve(values: npt.ArrayLike, *, normalise: bool = True) -> Floats:
    """The mean of several families' curves over N, each scaled to [0, 1] first.

    Args:
        values: shape `[n_families, n_steps]`, NaN where not measured.
        normalise (`bool`, defaults to `True`): min-max each family over its own steps, so that a
            wordy family weighs no more than a terse one. A constant family has no scale and is
            left out.

    Returns:
        Shape `[n_steps]`; NaN where no family was measured.
    """
    curves = np.atleast_2d(np.asarray(values, dtype=np.float64))
    measured = ~np.isnan(curves)
    if normalise:
        low = np.where(measured, curves, np.inf).min(axis=1, keepdims=True)
        high = np.where(measured, curves, -np.inf).max(axis=1, keepdims=True)
        measured = measured & (high > low)
        with np.errstate(invalid="ignore", divide="ignore"):
            curves = (curves - low) / (high - low)
    total = np.where(measured, curves, 0.0).sum(axis=0)
    size = measured.sum(axis=0)
    return np.where(size > 0, total / np.maximum(size, 1), np.nan)


def compute_spearman(n_steps: npt.ArrayLike, compute: npt.ArrayLike) -> float:
    """Spearman's ρ between N and mean reasoning tokens C.

    Args:
        n_steps: shape `[n_steps]`, N of each column.
        compute: shape `[n_steps]` for one family, or `[n_families, n_steps]`: then the ρ of the
            mean of the min-max normalised curves, which is the paper's score of a domain.

    Returns:
        `float`; the law asks for 1. NaN where undefined.

    Source: arXiv 2512.17901, section 3.1.
    """
    values = np.asarray(compute, dtype=np.float64)
    return spearman(n_steps, values if values.ndim == 1 else mean_curve(values))


def accuracy_spearman(n_steps: npt.ArrayLike, accuracy: npt.ArrayLike) -> float:
    """Spearman's ρ between N and log A.

    The logarithm keeps the order, so A itself is ranked and A = 0 needs no rule. Families are
    averaged as A, without normalising, before the logarithm: the mean of log A would depend on
    what stands for log 0.

    Args:
        n_steps: shape `[n_steps]`.
        accuracy: shape `[n_steps]` or `[n_families, n_steps]`, values in [0, 1] or NaN.

    Returns:
        `float`; the law asks for −1. NaN where undefined.
    """
    values = np.asarray(accuracy, dtype=np.float64)
    return spearman(n_steps, values if values.ndim == 1 else mean_curve(values, normalise=False))
