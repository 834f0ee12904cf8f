"""Accuracy from counts: log A where no draw was right, and pass@k.

`log_accuracy` must say something about a question that was never answered right, whose observed
log A is minus infinity. The rules on offer are named in `ZERO_RULES`; docs/laws.md shows how
much each moves the score. Units: natural logarithms.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from .deviation import Floats

__all__ = ["ZERO_RULES", "ZeroRule", "log_accuracy", "pass_at_k"]

ZeroRule = Literal["half", "jeffreys", "clip", "exclude"]
ZERO_RULES: tuple[ZeroRule, ...] = ("half", "jeffreys", "clip", "exclude")


def counts(n_correct: npt.ArrayLike, n_draws: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 of one shape, checked: 0 ≤ correct ≤ draws."""
    right, total = np.broadcast_arrays(
        np.asarray(n_correct, dtype=np.float64), np.asarray(n_draws, dtype=np.float64)
    )
    if np.any(right < 0) or np.any(right > total):
        raise ValueError("n_correct must lie between 0 and n_draws; fix: check the columns' order")
    return right, total


def log_accuracy(
    n_correct: npt.ArrayLike, n_draws: npt.ArrayLike, zero: ZeroRule = "half"
) -> Floats:
    """Natural log of each question's accuracy, estimated from its counts.

    Args:
        n_correct: right draws, any shape.
        n_draws: draws, same shape or broadcast against it.
        zero (`str`, defaults to `"half"`): what stands for log A.

            - `"half"`: log((c + ½) / (K + ½)), whose bias is of order K⁻² where A is not tiny
              (Walter 1975; Pettigrew, Gart & Thomas 1986). A perfect question keeps log A = 0.
            - `"jeffreys"`: log((c + ½) / (K + 1)), the posterior mean under Jeffreys' prior. A
              perfect question gets log A < 0, so a perfect model would score nMAD = 0.5.
            - `"clip"`: log(max(c, ½) / K), which only touches c = 0.
            - `"exclude"`: log(c / K), and NaN for c = 0. Leaves out the hardest questions.

    Returns:
        float64 of the broadcast shape; NaN where nothing was drawn.

    Raises:
        ValueError: counts out of range, or an unknown rule.
    """
    right, total = counts(n_correct, n_draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        if zero == "half":
            values = np.log((right + 0.5) / (total + 0.5))
        elif zero == "jeffreys":
            values = np.log((right + 0.5) / (total + 1.0))
        elif zero == "clip":
            values = np.log(np.maximum(right, 0.5) / total)
        elif zero == "exclude":
            values = np.log(np.where(right > 0, right, np.nan) / total)
        else:
            raise ValueError(f"zero is {zero!r}; fix: one of {', '.join(ZERO_RULES)}")
    return np.where(total > 0, values, np.nan)


def pass_at_k(n_correct: npt.ArrayLike, n_draws: npt.ArrayLike, k: int = 1) -> Floats:
    """Probability that at least one of k draws is right, without bias: 1 − C(n−c, k) / C(n, k).

    Args:
        n_correct: c, right draws, any shape.
        n_draws: n, draws, same shape or broadcast against it.
        k (`int`, defaults to 1): at least 1.

    Returns:
        float64 of the broadcast shape, one value a question; NaN where n < k, since k draws out of
        fewer were never seen.

    Raises:
        ValueError: counts out of range, or k < 1.

    Source: Chen et al. 2021, arXiv 2107.03374, equation 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; fix: at least 1")
    right, total = counts(n_correct, n_draws)
    # C(n−c, k) / C(n, k) = Π_{i<k} (n − c − i) / (n − i): no factorial overflows.
    missed = np.ones_like(total)
    for i in range(k):
        missed = missed * np.maximum(total - right - i, 0.0) / np.maximum(total - i, 1.0)
    return np.where(total >= k, 1.0 - missed, np.nan)
