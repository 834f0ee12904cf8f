"""Two models on the same composites: difference, interval and p-value of each score.

Rows are resampled together, so what makes a composite hard for both cancels. Only composites that
both models have are compared; plain nMAD carries each model's own noise floor, so a difference in
how much lengths vary shows up in it: `excess_squared` does not have that fault.
"""

from dataclasses import dataclass

import numpy as np

from .accuracy import ZeroRule, log_accuracy
from .bootstrap import RatioEstimate, ratio_contrast
from .deviation import Flags, Floats
from .draws import Draws, compute_sums
from .limit import difference_of_squares, squared_terms
from .score import LawScore

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One score of two models.

    Args:
        difference (`LawScore`): first minus second, on the composites both have.
        first, second (`float`): each model's score there.
        p_value (`float`): two-sided, of no difference; at least 1 / (1 + resamples). NaN where the
            difference is.
    """

    difference: LawScore
    first: float
    second: float
    p_value: float


def compare(
    first: Draws,
    second: Draws,
    *,
    zero: ZeroRule = "half",
    level: float = 0.95,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare two models, row by row the same composites.

    Args:
        first, second (`Draws`): same number of composites and of parts, in the same order; K may
            differ, but then so do the noise floors.

    Returns:
        By name: `nmad_compute`, `signed_deviation`, `nmad_log_accuracy`, `accuracy_composed`,
        `tokens_composed` and `excess_squared`, which is nMAD² − floor²: its difference is free of
        the two models' noise.

    Raises:
        ValueError: different numbers of composites or parts.
    """
    if first.tokens.shape[:2] != second.tokens.shape[:2]:
        raise ValueError(
            f"{first.tokens.shape[:2]} against {second.tokens.shape[:2]} composites and roles; "
            "fix: pass the same composites in the same order"
        )

    def paired(
        name: str, one: tuple[Floats, Floats], two: tuple[Floats, Floats], unit: str = "1"
    ) -> Comparison:
        top = np.stack([one[0], two[0]], axis=1)
        bottom = np.stack([one[1], two[1]], axis=1)
        known = ~np.isnan((top + bottom).sum(axis=1))
        estimate = ratio_contrast(
            top[known], bottom[known], (1.0, -1.0), level=level, draws=bootstrap, seed=seed
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            each = top[known].sum(axis=0) / bottom[known].sum(axis=0)
        return _comparison(name, estimate, each, known, first, second, level, unit)

    rows = {"first": _columns(first, zero), "second": _columns(second, zero)}
    result = {
        name: paired(name, rows["first"][name], rows["second"][name], unit)
        for name, unit in _UNITS.items()
    }
    terms = [squared_terms(draws.tokens) for draws in (first, second)]
    known = terms[0][2] & terms[1][2]
    top = np.concatenate([terms[0][0], terms[1][0]], axis=1)[known]
    bottom = np.concatenate([terms[0][1], terms[1][1]], axis=1)[known]
    estimate = ratio_contrast(
        top, bottom, _excess_difference, level=level, draws=bootstrap, seed=seed
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = (top.sum(axis=0) / bottom.sum(axis=0))[None]
    each = np.array(
        [difference_of_squares(theta[:, :2])[0][0], difference_of_squares(theta[:, 2:])[0][0]]
    )
    result["excess_squared"] = _comparison(
        "excess_squared", estimate, each, known, first, second, level, "1"
    )
    return result


_UNITS = {
    "nmad_compute": "1",
    "signed_deviation": "1",
    "nmad_log_accuracy": "1",
    "accuracy_composed": "1",
    "tokens_composed": "tokens",
}


def _columns(draws: Draws, zero: ZeroRule) -> dict[str, tuple[Floats, Floats]]:
    """Numerator and denominator of each score, a row a composite."""
    parts_sum, composed = compute_sums(draws.tokens)
    right, total = draws.counts()
    logs = log_accuracy(right, total, zero)
    log_parts = logs[:, :-1].sum(axis=1)
    accuracy = right[:, -1] / np.where(total[:, -1] > 0, total[:, -1], np.nan)
    one = np.ones(draws.n)
    return {
        "nmad_compute": (np.abs(composed - parts_sum), parts_sum),
        "signed_deviation": (composed - parts_sum, parts_sum),
        "nmad_log_accuracy": (np.abs(logs[:, -1] - log_parts), np.abs(log_parts)),
        "accuracy_composed": (accuracy, one),
        "tokens_composed": (composed, one),
    }


def _excess_difference(theta: Floats) -> tuple[Floats, Floats]:
    one, slope_one = difference_of_squares(theta[:, :2])
    two, slope_two = difference_of_squares(theta[:, 2:])
    return one - two, np.concatenate([slope_one, -slope_two], axis=1)


def _comparison(
    name: str,
    estimate: RatioEstimate,
    each: Floats,
    known: Flags,
    first: Draws,
    second: Draws,
    level: float,
    unit: str,
) -> Comparison:
    reason = None
    if np.isnan(estimate.value):
        reason = "no composite was scored for both models, or there is nothing to normalise by"
    elif np.isnan(estimate.ci_low):
        reason = "too few composites for an interval"
    score = LawScore(
        name=f"difference_{name}",
        value=estimate.value,
        unit=unit,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        ci_level=level,
        n=int(known.sum()),
        k=max(first.k, second.k),
        truncated=int(first.truncated.sum() + second.truncated.sum()),
        excluded=int((~known).sum()),
        reason=reason,
    )
    return Comparison(score, float(each[0]), float(each[1]), estimate.p_value)
