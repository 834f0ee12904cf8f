"""Differences between arms: paired within patient and seed, averaged with patients as the unit.

Seeds of one patient are repetitions of the same experiment on the same model; what generalises is
how patients differ. With P patients of equally many seeds, Student's t on the P patients' means is
the exact interval of the balanced random-intercept model. It is wide at P = 3, and says so. The
interval over seeds takes the patients as given: these very models, other data and trainings.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MissingExtraError
from .exam import SCORES
from .run import Result

__all__ = ["Effect", "effect", "mean_over"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean, of a score or of a paired difference.

    Args:
        mean (`float`): of the patients' means; NaN where nothing was measured.
        patients_low, patients_high (`float`): 95% interval over patients; NaN for fewer than two.
        seeds_low, seeds_high (`float`): 95% interval over seeds of these patients; NaN where no
            patient has two.
        p_seeds (`float`): two-sided, of no difference, patients taken as given.
        n_patients, n_seeds (`int`): patients, and pairs in all.
        by_patient: the patients' means.
    """

    mean: float
    patients_low: float
    patients_high: float
    seeds_low: float
    seeds_high: float
    p_seeds: float
    n_patients: int
    n_seeds: int
    by_patient: dict[str, float]


def effect(results: Sequence[Result], score: str, arm: str, other: str, setting: str) -> Effect:
    """The paired difference `arm` − `other` of a score, over what both have."""
    values = _values(results, score, arm, setting)
    others = _values(results, score, other, setting)
    return _effect({key: values[key] - others[key] for key in values if key in others})


def mean_over(results: Sequence[Result], score: str, arm: str, setting: str) -> Effect:
    """A score's mean; its p-value, of zero, is of no interest."""
    return _effect(_values(results, score, arm, setting))


def _values(
    results: Iterable[Result], score: str, arm: str, setting: str
) -> dict[tuple[str, int], float]:
    assert score in SCORES
    found = {
        (r.patient, r.seed): float(getattr(r.scores, score))
        for r in results
        if r.arm == arm and r.setting == setting
    }
    return {key: value for key, value in found.items() if not math.isnan(value)}


def _effect(values: dict[tuple[str, int], float]) -> Effect:
    patients: dict[str, list[float]] = {}
    for (patient, _), value in sorted(values.items()):
        patients.setdefault(patient, []).append(value)
    means = {name: sum(found) / len(found) for name, found in patients.items()}
    mean = sum(means.values()) / len(means) if means else math.nan
    # Each patient weighs the same, however many of its seeds are done.
    variances = [
        sum((v - means[name]) ** 2 for v in found) / (len(found) - 1) / len(found)
        for name, found in patients.items()
        if len(found) > 1
    ]
    freedom = sum(len(found) - 1 for found in patients.values())
    every = len(variances) == len(patients) and bool(patients)
    error = math.sqrt(sum(variances)) / len(patients) if every else math.nan
    between = math.nan
    if len(means) > 1:
        spread = sum((m - mean) ** 2 for m in means.values()) / (len(means) - 1)
        between = math.sqrt(spread / len(means))
    low, high = _interval(mean, between, len(means) - 1)
    seeds_low, seeds_high = _interval(mean, error, freedom)
    return Effect(
        mean, low, high, seeds_low, seeds_high, _p_value(mean, error, freedom),
        len(means), len(values), means,
    )  # fmt: skip


def _interval(mean: float, error: float, freedom: int) -> tuple[float, float]:
    if math.isnan(error):
        return math.nan, math.nan
    half = float(_student().ppf(0.975, freedom)) * error
    return mean - half, mean + half


def _p_value(mean: float, error: float, freedom: int) -> float:
    if math.isnan(error):
        return math.nan
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * _student().sf(abs(mean) / error, freedom))


def _student() -> Any:
    try:
        from scipy.stats import t
    except ImportError:
        raise MissingExtraError("scipy", "demo") from None
    return t
