"""How far composites are from the sum of their parts: nMAD, signed deviation, slope.

Plain statistics of two arrays, without intervals: `f_sum` = f(x1) + f(x2) + … and `f_composed` =
f(x12…), a row a composite, for f = mean reasoning tokens or f = log accuracy. Both must be measured
with the same units. What could not be measured is NaN and is left out, row by row.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["nmad", "proportional_slope", "signed_deviation"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def paired(parts_sum: npt.ArrayLike, composed: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Both columns as float64 of equal length, without the rows where either is NaN."""
    left = np.asarray(parts_sum, dtype=np.float64)
    right = np.asarray(composed, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(
            f"parts_sum has shape {left.shape} and composed {right.shape}; "
            "fix: pass two 1-d arrays, one value a composite"
        )
    keep = ~(np.isnan(left) | np.isnan(right))
    return left[keep], right[keep]


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> float:
    """`numerator / denominator`, or NaN over zero: nothing to normalise by."""
    top, bottom = float(np.asarray(numerator)), float(np.asarray(denominator))
    return top / bottom if bottom > 0 else float("nan")


def nmad(parts_sum: npt.ArrayLike, composed: npt.ArrayLike) -> float:
    """Normalised mean absolute deviation from compositionality, Σ|f12 − f1 − f2| / Σ|f1 + f2|.

    Args:
        parts_sum: shape `[n]`, f(x1) + f(x2) + … of each composite.
        composed: shape `[n]`, f of the composed question, in the same unit.

    Returns:
        `float`, dimensionless: 0 is perfect, 1 is as bad as answering the composite with nothing.
        NaN where no row has both values, or where every parts' sum is 0.

    Raises:
        ValueError: shapes that differ or are not 1-d.

    Source: arXiv 2512.17901, section 3.2.
    """
    left, right = paired(parts_sum, composed)
    return ratio(np.abs(right - left).sum(), np.abs(left).sum())


def signed_deviation(parts_sum: npt.ArrayLike, composed: npt.ArrayLike) -> float:
    """Σ(f12 − f1 − f2) / Σ|f1 + f2|: negative where composites are thought about too little.

    Args and errors as `nmad`, of which this is the version with its sign: its absolute value is at
    most nMAD, and sampling noise averages out of it.
    """
    left, right = paired(parts_sum, composed)
    return ratio((right - left).sum(), np.abs(left).sum())


def proportional_slope(parts_sum: npt.ArrayLike, composed: npt.ArrayLike) -> tuple[float, float]:
    """Least-squares slope through the origin of f12 on f1 + f2, and R².

    Returns:
        `(slope, r_squared)`: the law has slope 1. R² = 1 − SS_residual / SS_total with SS_total
        about the mean, so it can be negative where a constant fits better. NaN where undefined.
    """
    left, right = paired(parts_sum, composed)
    slope = ratio(left @ right, left @ left)
    residual = right - slope * left
    total = ((right - right.mean()) ** 2).sum() if len(right) else 0.0
    return slope, 1.0 - ratio(residual @ residual, total)
