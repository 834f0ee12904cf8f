"""Spearman's rank correlation between the number of steps N and compute or accuracy.

One family is a row `[n_steps]`; several are `[n_families, n_steps]`, and are then averaged the
paper's way before the correlation is taken. Values that were not measured are NaN and left out.
"""

import numpy as np
import numpy.typing as npt

from .deviation import Floats

__all__ = [
    "accuracy_spearman",
    "compute_spearman",
    "mean_curve",
    "scaled",
    "spearman",
    "spearman_rows",
]


def ranks(values: npt.ArrayLike) -> Floats:
    """Ranks from 1 along the last axis, ties sharing the mean of theirs; NaN stays NaN.

    Compares all pairs, which suits the tens of step counts of a curve and many curves at once.
    """
    x = np.asarray(values, dtype=np.float64)
    below = (x[..., None, :] < x[..., :, None]).sum(axis=-1)
    level = (x[..., None, :] == x[..., :, None]).sum(axis=-1)
    return np.where(np.isnan(x), np.nan, below + (level + 1) / 2.0)


def spearman_rows(x: npt.ArrayLike, curves: npt.ArrayLike) -> Floats:
    """Spearman's ρ of x `[n]` with each row of curves `[r, n]`, over the entries not NaN in both.

    Returns:
        Shape `[r]`, in [−1, 1]; NaN with fewer than 2 entries or where one side is constant, which
        has no order to compare.
    """
    rows = np.asarray(curves, dtype=np.float64)
    left = np.broadcast_to(np.asarray(x, dtype=np.float64), rows.shape)
    missing = np.isnan(left) | np.isnan(rows)
    centred = []
    for side in (left, rows):
        ranked = ranks(np.where(missing, np.nan, side))
        size = (~missing).sum(axis=1, keepdims=True)
        # Ranks of n values have the mean (n + 1) / 2, ties or not.
        centred.append(np.where(missing, 0.0, ranked - (size + 1) / 2.0))
    a, b = centred
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    product = (a * b).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, np.clip(product / scale, -1.0, 1.0), np.nan)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's ρ of two 1-d arrays, as `spearman_rows`.

    Raises:
        ValueError: shapes that differ or are not 1-d.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape}; fix: pass two 1-d arrays of one length")
    return float(spearman_rows(a, b[None])[0])


def scaled(values: npt.ArrayLike) -> Floats:
    """Each row min-max scaled to [0, 1] over its measured steps; a constant row, which has no
    scale, becomes NaN."""
    curves = np.atleast_2d(np.asarray(values, dtype=np.float64))
    measured = ~np.isnan(curves)
    low = np.where(measured, curves, np.inf).min(axis=1, keepdims=True)
    high = np.where(measured, curves, -np.inf).max(axis=1, keepdims=True)
    spread = np.where(high > low, high - low, np.nan)
    return (curves - np.where(np.isfinite(low), low, np.nan)) / spread


def mean_curve(values: npt.ArrayLike, *, normalise: bool = True) -> Floats:
    """The mean of several families' curves over N.

    Args:
        values: shape `[n_families, n_steps]`, NaN where not measured.
        normalise (`bool`, defaults to `True`): min-max each family over its own steps first, so
            that a wordy family weighs no more than a terse one; a constant family is left out.

    Returns:
        Shape `[n_steps]`; NaN where no family was measured.
    """
    curves = scaled(values) if normalise else np.atleast_2d(np.asarray(values, dtype=np.float64))
    measured = ~np.isnan(curves)
    size = measured.sum(axis=0)
    total = np.where(measured, curves, 0.0).sum(axis=0)
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
