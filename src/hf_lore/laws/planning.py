"""How many composites and samples show a given difference between two models, and their tokens.

Not a formula but the score's own variance under stated assumptions, simulated once for each K:
normal relative deviations, log-normal sizes of questions, gamma-distributed lengths within one.
More draws a question lower the noise floor; more composites narrow the interval. Both cost tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from .deviation import Floats, nmad, signed_deviation
from .draws import Draws, compute_sums
from .floor import mean_and_variance
from .limit import nmad_limit

__all__ = ["PlanAssumptions", "PlanRow", "plan"]

PlannedScore = Literal["nmad_compute", "signed_deviation"]
_SIMULATED = 20_000


@dataclass(frozen=True, slots=True)
class PlanAssumptions:
    """What a plan takes for granted; best measured on a pilot, see `from_draws`.

    Args:
        tokens_part (`float`): mean reasoning tokens of a part.
        n_parts (`int`, defaults to 2).
        question_spread (`float`, defaults to 0.7): standard deviation of the log of the mean
            length between parts.
        draw_spread (`float`, defaults to 0.5): sd / mean of the lengths within one question.
        deviation_mean (`float`, defaults to -0.2), deviation_sd (`float`, defaults to 0.2): of
            (C12 − ΣC) / ΣC between composites, sampling noise left aside.
    """

    tokens_part: float
    n_parts: int = 2
    question_spread: float = 0.7
    draw_spread: float = 0.5
    deviation_mean: float = -0.2
    deviation_sd: float = 0.2

    def __post_init__(self) -> None:
        if not self.tokens_part > 0 or self.n_parts < 2:
            raise ValueError("a plan needs tokens_part above 0 and at least 2 parts; fix: see both")
        if min(self.question_spread, self.draw_spread, self.deviation_sd) < 0:
            raise ValueError("a spread is below 0; fix: pass standard deviations of 0 or more")

    @classmethod
    def from_draws(cls, pilot: Draws) -> "PlanAssumptions":
        """Measured on a pilot with at least two closed draws of each question.

        Raises:
            ValueError: no composite of the pilot has them.
        """
        mean, error, size = mean_and_variance(pilot.tokens)
        known = ~np.isnan(error).any(axis=1) & (mean > 0).all(axis=1)
        if known.sum() < 2:
            raise ValueError(
                "the pilot has fewer than 2 composites with 2 closed draws of each question; "
                "fix: draw more"
            )
        mean, error, size = mean[known], error[known], size[known]
        parts_sum, composed = compute_sums(pilot.tokens[known])
        logs = np.log(mean[:, :-1])
        # What the noise of K draws adds to the spread of the means is taken off again.
        noise = float((error / mean**2)[:, :-1].mean())
        scale = parts_sum[:, None]
        relative = (composed - parts_sum) / parts_sum
        deviation_noise = float((error / scale**2).sum(axis=1).mean())
        return cls(
            tokens_part=float(mean[:, :-1].mean()),
            n_parts=mean.shape[1] - 1,
            question_spread=math.sqrt(max(0.0, float(logs.var(ddof=1)) - noise)),
            draw_spread=math.sqrt(float((error * size).sum() / (mean**2).sum())),
            deviation_mean=signed_deviation(parts_sum, composed),
            deviation_sd=math.sqrt(max(0.0, float(relative.var(ddof=1)) - deviation_noise)),
        )


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One way to see the difference.

    Args:
        k (`int`): draws a question.
        n_composites (`int`): composites, asked of both models.
        tokens (`int`): reasoning tokens of both models together; answers come on top.
        nmad (`float`), noise_floor (`float`), nmad_limit (`float`): what a model as assumed would
            score at this K.
    """

    k: int
    n_composites: int
    tokens: int
    nmad: float
    noise_floor: float
    nmad_limit: float


def plan(
    assumptions: PlanAssumptions | Draws,
    difference: float,
    *,
    score: PlannedScore = "nmad_compute",
    power: float = 0.8,
    level: float = 0.95,
    correlation: float = 0.0,
    k_values: Sequence[int] = (2, 4, 8, 16, 32, 64),
    seed: int = 0,
) -> tuple[PlanRow, ...]:
    """The composites needed at each K to see `difference` between two models.

    Args:
        assumptions (`PlanAssumptions`, or a pilot's `Draws`): what the first model is like.
        difference (`float`): of the score, between the two models, in its own unit.
        score (`str`, defaults to `"nmad_compute"`): or `"signed_deviation"`.
        power (`float`, defaults to 0.8): chance to find it.
        level (`float`, defaults to 0.95): one minus the two-sided error of the test.
        correlation (`float`, defaults to 0): between the two models' scores of the same composite;
            0 asks for more than is needed where the models are alike.
        k_values: the K to consider.

    Returns:
        A `PlanRow` for each K, in the order given. The cheapest is `min(rows, key=lambda row:
        row.tokens)`, but low K has a high noise floor, which hides small deviations in nMAD.

    Raises:
        ValueError: arguments out of range.
    """
    if isinstance(assumptions, Draws):
        assumptions = PlanAssumptions.from_draws(assumptions)
    if not difference > 0 or not 0 < power < 1 or not 0 < level < 1 or not -1 <= correlation < 1:
        raise ValueError("fix: difference > 0, power and level in (0, 1), correlation in [-1, 1)")
    if score not in ("nmad_compute", "signed_deviation"):
        raise ValueError(f"score is {score!r}; fix: nmad_compute or signed_deviation")
    if not k_values or min(k_values) < 1:
        raise ValueError("k_values must hold counts of at least 1")
    normal = NormalDist()
    reach = normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)
    rows = []
    for k in k_values:
        parts_sum, composed = _simulate(assumptions, k, lawful=False, seed=seed)
        gap = composed - parts_sum
        top = np.abs(gap) if score == "nmad_compute" else gap
        theta = top.sum() / parts_sum.sum()
        variance = float(np.var((top - theta * parts_sum) / parts_sum.mean()))
        n = math.ceil(2.0 * (1.0 - correlation) * variance * (reach / difference) ** 2)
        # An interval needs two composites, whatever the variance.
        n = max(n, 2)
        floor = nmad(*_simulate(assumptions, k, lawful=True, seed=seed))
        value = nmad(parts_sum, composed)
        tokens = 2 * n * k * float((parts_sum + composed).mean())
        rows.append(PlanRow(k, n, round(tokens), value, floor, nmad_limit(value, floor)))
    return tuple(rows)


def _simulate(given: PlanAssumptions, k: int, *, lawful: bool, seed: int) -> tuple[Floats, Floats]:
    """Means over k draws, summed over the parts and of the composite, of simulated composites."""
    generator = np.random.Generator(np.random.SFC64(seed))
    spread = given.question_spread
    normal = generator.standard_normal((_SIMULATED, given.n_parts))
    parts = given.tokens_part * np.exp(spread * normal - spread**2 / 2)
    deviation = given.deviation_mean + given.deviation_sd * generator.standard_normal(_SIMULATED)
    factor = np.ones(_SIMULATED) if lawful else np.maximum(1.0 + deviation, 0.0)
    means = np.concatenate([parts, (factor * parts.sum(axis=1))[:, None]], axis=1)
    if given.draw_spread > 0:
        # The mean of k gamma variables is a gamma variable of k times the shape.
        shape = k / given.draw_spread**2
        means = means * generator.gamma(shape, 1.0 / shape, size=means.shape)
    return means[:, :-1].sum(axis=1), means[:, -1]
