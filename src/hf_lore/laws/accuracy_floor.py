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
# Simulated composites: the relative error of the floor is then below 1%.
_SIMULATED = 50_000


def accuracy_posteriors(n_correct: Floats, n_draws: Floats, size: Floats) -> Floats:
    """For each kind of question (c right of K), the probabilities of `_GRID` given its counts.

    Args:
        n_correct, n_draws: shape `[kinds]`.
        size: how many questions are of each kind.

    Returns:
        Shape `[kinds, 101]`, under the mixture of binomials that fits all counts best, by EM.
    """
    missed = n_draws - n_correct
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(n_correct[:, None] > 0, n_correct[:, None] * np.log(_GRID), 0.0)
        wrong = np.where(missed[:, None] > 0, missed[:, None] * np.log1p(-_GRID), 0.0)
    likelihood = right + wrong
    likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    weights = np.full(len(_GRID), 1.0 / len(_GRID))
    posterior = likelihood
    for _ in range(_STEPS):
        posterior = likelihood * weights
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = size @ posterior / size.sum()
    return posterior


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
    generator = np.random.Generator(np.random.SFC64(seed))
    # Questions of equal counts are alike: a number a kind.
    span = int(total.max()) + 1
    codes = (total[:, :-1] * span + right[:, :-1]).astype(np.int64)
    kinds, kind, size = np.unique(codes, return_inverse=True, return_counts=True)
    posterior = accuracy_posteriors(
        (kinds % span).astype(np.float64),
        (kinds // span).astype(np.float64),
        size.astype(np.float64),
    )
    cumulative = np.cumsum(posterior, axis=1)
    if len(right) > _SIMULATED:
        rows = generator.choice(len(right), _SIMULATED, replace=False)
    else:
        # Whole copies, so that each composite weighs the same.
        rows = np.tile(np.arange(len(right)), _SIMULATED // len(right))
    kind = kind.reshape(codes.shape)[rows]
    uniform = generator.random(kind.shape)
    accuracy = np.empty(kind.shape)
    for number, ladder in enumerate(cumulative):
        mine = kind == number
        step = np.searchsorted(ladder, uniform[mine] * ladder[-1], side="right")
        accuracy[mine] = _GRID[np.minimum(step, len(_GRID) - 1)]
    lawful = np.concatenate([accuracy, accuracy.prod(axis=1, keepdims=True)], axis=1)
    drawn_again = generator.binomial(total[rows].astype(np.int64), lawful)
    logs = log_accuracy(drawn_again, total[rows], zero)
    logs = logs[~np.isnan(logs).any(axis=1)]
    parts_sum = logs[:, :-1].sum(axis=1)
    return ratio(np.abs(logs[:, -1] - parts_sum).sum(), np.abs(parts_sum).sum())
