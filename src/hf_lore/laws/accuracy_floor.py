"""The noise floor of log-accuracy nMAD: what a model with A(x12) = A(x1)·A(x2) scores at this K.

Counts of K draws are coarse, so the score of a law-abiding model depends on how the accuracies of
its questions are spread. That spread is estimated from the parts' counts (a mixture of binomials on
a grid of accuracies), and lawful models with that spread are drawn and scored. Seeded; no normal
approximation, which fails near A = 0 and A = 1.
"""

import math

import numpy as np
import numpy.typing as npt

from .accuracy import ZeroRule, counts, log_accuracy
from .deviation import Floats, ratio

__all__ = ["log_accuracy_floor"]

# Accuracies that a question may have: fine near 0 and 1, where the logarithm and the counts turn.
_GRID = np.sin(np.linspace(0.0, np.pi / 2, 101)) ** 2
_STEPS = 200
# Simulated composites: the relative error of the floor is then about 0.5%.
_SIMULATED = 100_000


def accuracy_mixture(n_correct: Floats, n_draws: Floats) -> tuple[Floats, Floats]:
    """Weights on `_GRID` of the mixture of binomials that fits the counts best, by EM.

    Returns:
        The weights `[101]`, and each question's likelihood over the grid `[n, 101]`, to a factor.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(n_correct[:, None] > 0, n_correct[:, None] * np.log(_GRID), 0.0)
        missed = (n_draws - n_correct)[:, None]
        high = np.where(missed > 0, missed * np.log1p(-_GRID), 0.0)
    likelihood = low + high
    likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    # Questions with equal counts are alike: fit each kind once, by its number.
    _, first, size = np.unique(
        np.stack([n_correct, n_draws], axis=1), axis=0, return_index=True, return_counts=True
    )
    rows, share = likelihood[first], size / len(n_correct)
    weights = np.full(len(_GRID), 1.0 / len(_GRID))
    for _ in range(_STEPS):
        posterior = rows * weights
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = share @ posterior
    return weights, likelihood


def log_accuracy_floor(
    n_correct: npt.ArrayLike, n_draws: npt.ArrayLike, zero: ZeroRule = "half", seed: int = 0
) -> float:
    """Expected log-accuracy nMAD of a model that obeys the law exactly, with these K.

    Args:
        n_correct: right draws, shape `[n_composites, m + 1]`, the composed question last.
        n_draws: draws, same shape.
        zero (`str`, defaults to `"half"`): the rule of `log_accuracy` that the score uses.
        seed (`int`, defaults to 0): of the simulated models.

    Returns:
        `float`, dimensionless, comparable with the log-accuracy `nmad` under the same rule. NaN
        where nothing was drawn twice, since one draw does not show how accuracies are spread, or
        where no part ever fails.
    """
    right, total = counts(n_correct, n_draws)
    if right.ndim != 2 or right.shape[1] < 3:
        raise ValueError(
            f"counts have shape {right.shape}; fix: pass [n_composites, m + 1], m >= 2"
        )
    drawn = (total > 0).all(axis=1)
    right, total = right[drawn], total[drawn]
    if len(right) == 0 or total[:, :-1].max() < 2:
        return math.nan
    parts = right[:, :-1].ravel(), total[:, :-1].ravel()
    weights, likelihood = accuracy_mixture(*parts)
    cumulative = np.cumsum(likelihood * weights, axis=1)
    cumulative /= cumulative[:, -1:]
    generator = np.random.Generator(np.random.SFC64(seed))
    deviation = scale = 0.0
    for _ in range(max(1, _SIMULATED // len(right))):
        uniform = generator.random(len(cumulative))[:, None]
        accuracy = _GRID[(cumulative < uniform).sum(axis=1)].reshape(len(right), -1)
        lawful = np.concatenate([accuracy, accuracy.prod(axis=1, keepdims=True)], axis=1)
        logs = log_accuracy(generator.binomial(total.astype(np.int64), lawful), total, zero)
        parts_sum = logs[:, :-1].sum(axis=1)
        keep = ~np.isnan(logs).any(axis=1)
        deviation += float(np.abs(logs[keep, -1] - parts_sum[keep]).sum())
        scale += float(np.abs(parts_sum[keep]).sum())
    return ratio(deviation, scale)
