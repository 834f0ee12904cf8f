"""All compositionality scores of a set of composites, each with its interval and what it left out.

`score_compositionality` turns `Draws` into `LawScore`s. Intervals resample composites and take K as
given: they say how the score at this K would vary over other composites of the same kind. Truncated
and zero-length reasoning is counted, and the score is given with and without it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from .accuracy import ZERO_RULES, ZeroRule, log_accuracy
from .accuracy_floor import log_accuracy_floor
from .bootstrap import ratio_contrast
from .columns import CompositeColumns
from .deviation import Floats, proportional_slope
from .draws import Draws, compute_sums
from .limit import floor_of, limit_of
from .score import LawScore

__all__ = [
    "CompositionalityScores",
    "length_deciles",
    "score_by_group",
    "score_columns",
    "score_compositionality",
    "zero_rule_sensitivity",
]

_NO_TOKENS = "the parts were answered without any reasoning token"
_NEVER_WRONG = "no part was ever answered wrong, so there is no log accuracy to compose"
_ONE_DRAW = "one draw a question shows no spread, so the noise floor is unknown; draw K >= 2"


@dataclass(frozen=True, slots=True)
class CompositionalityScores:
    """What `score_compositionality` found. Lengths are reasoning tokens of closed draws, and a
    truncated draw is a wrong one, unless the field says otherwise.

    Args:
        nmad_compute: Σ|C12 − ΣC| / ΣΣC at this K, with its noise floor.
        nmad_compute_limit: an estimate of nMAD for K → ∞, see `nmad_limit`.
        signed_deviation: Σ(C12 − ΣC) / ΣΣC; negative is underthinking.
        slope: of C12 on ΣC through the origin, in tokens a token; the law has 1. Noise in ΣC pulls
            it towards 0.
        r_squared: of that line, about the mean; no interval.
        nmad_log_accuracy: the same for log A, with its noise floor.
        signed_log_accuracy: negative where composites are answered worse than the product of the
            parts' accuracies.
        nmad_compute_with_truncated, signed_deviation_with_truncated: truncated draws counted at the
            length at which they were cut, a lower bound.
        nmad_compute_without_empty: draws with no reasoning at all left out.
        nmad_log_accuracy_without_truncated: truncated draws left out instead of counted wrong.
        accuracy_parts, accuracy_composed: mean accuracy of a part, and of a composite.
        tokens_parts, tokens_composed: mean of ΣC and of C12, over composites that have both.
        truncated_share, empty_share: of all draws.
    """

    nmad_compute: LawScore
    nmad_compute_limit: LawScore
    signed_deviation: LawScore
    slope: LawScore
    r_squared: LawScore
    nmad_log_accuracy: LawScore
    signed_log_accuracy: LawScore
    nmad_compute_with_truncated: LawScore
    signed_deviation_with_truncated: LawScore
    nmad_compute_without_empty: LawScore
    nmad_log_accuracy_without_truncated: LawScore
    accuracy_parts: LawScore
    accuracy_composed: LawScore
    tokens_parts: LawScore
    tokens_composed: LawScore
    truncated_share: LawScore
    empty_share: LawScore

    def __iter__(self) -> Iterator[LawScore]:
        return (getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What all scores of one call share."""

    columns: CompositeColumns
    level: float
    bootstrap: int
    seed: int

    def ratio(
        self,
        name: str,
        numerator: Floats,
        denominator: Floats,
        *,
        unit: str = "1",
        noise_floor: float | None = None,
        low: float = -math.inf,
        high: float = math.inf,
        undefined: str = "no composite has a scored draw of each of its questions",
    ) -> LawScore:
        """Σ numerator / Σ denominator over the composites where both are known."""
        known = ~(np.isnan(numerator) | np.isnan(denominator))
        estimate = ratio_contrast(
            numerator[known],
            denominator[known],
            level=self.level,
            draws=self.bootstrap,
            seed=self.seed,
        )
        reasons = []
        if math.isnan(estimate.value):
            reasons.append(
                undefined
                if known.any()
                else "no composite has a scored draw of each of its questions"
            )
        elif math.isnan(estimate.ci_low):
            reasons.append("too few composites for an interval")
        if noise_floor is not None and math.isnan(noise_floor) and not math.isnan(estimate.value):
            reasons.append(_ONE_DRAW)
        return LawScore(
            name=name,
            value=estimate.value,
            unit=unit,
            ci_low=max(low, estimate.ci_low) if not math.isnan(estimate.ci_low) else math.nan,
            ci_high=min(high, estimate.ci_high) if not math.isnan(estimate.ci_high) else math.nan,
            ci_level=self.level,
            n=int(known.sum()),
            k=self.columns.k,
            noise_floor=noise_floor,
            truncated=int(self.columns.truncated.sum()),
            excluded=int((~known).sum()),
            reason="; ".join(reasons) or None,
        )

    def deviations(
        self, name: str, parts_sum: Floats, composed: Floats, floor: float, undefined: str
    ) -> tuple[LawScore, LawScore]:
        """nMAD and the signed deviation of one quantity."""
        scale = np.abs(parts_sum)
        gap = composed - parts_sum
        nmad_name, signed_name = f"nmad_{name}", f"signed_{name}"
        return (
            self.ratio(
                nmad_name, np.abs(gap), scale, noise_floor=floor, low=0.0, undefined=undefined
            ),
            self.ratio(signed_name, gap, scale, undefined=undefined),
        )


def score_compositionality(
    draws: Draws,
    *,
    zero: ZeroRule = "half",
    level: float = 0.95,
    bootstrap: int = 1000,
    seed: int = 0,
) -> CompositionalityScores:
    """Score the compositionality laws of compute and of accuracy.

    Args:
        draws (`Draws`): all composites with the same number of parts, independent ones only.
        zero (`str`, defaults to `"half"`): what stands for log A, see `log_accuracy`.
        level (`float`, defaults to 0.95): of the intervals.
        bootstrap (`int`, defaults to 1000): resamples of the composites.
        seed (`int`, defaults to 0): of the resamples and of the simulated floor.

    Returns:
        `CompositionalityScores`. A composite is scored on compute where each of its questions has
        a closed draw, else it is counted as excluded. Scores that cannot be had are NaN with a
        reason; nothing raises for lack of data.

    Source: arXiv 2512.17901, section 3.2, for nMAD.
    """
    columns = CompositeColumns.of(draws)
    return score_columns(columns, zero=zero, level=level, bootstrap=bootstrap, seed=seed)


def score_columns(
    columns: CompositeColumns,
    *,
    zero: ZeroRule = "half",
    level: float = 0.95,
    bootstrap: int = 1000,
    seed: int = 0,
) -> CompositionalityScores:
    """`score_compositionality` of the draws that the columns were made of; see there."""
    scorer = _Scorer(columns, level, bootstrap, seed)

    def compute(triple: Floats, suffix: str = "") -> tuple[LawScore, LawScore]:
        parts_sum, composed, expected = triple.T
        floor = floor_of(parts_sum, expected)
        both = scorer.deviations(f"compute{suffix}", parts_sum, composed, floor, _NO_TOKENS)
        return both[0], _renamed(both[1], f"signed_deviation{suffix}")

    closed = columns.closed
    parts_sum, composed, _ = (np.ascontiguousarray(column) for column in closed.T)
    nmad_compute, signed = compute(closed)
    nmad_log, signed_log = _log_accuracy(scorer, zero)
    nmad_filled = _renamed(nmad_compute, "nmad_compute_with_truncated")
    signed_filled = _renamed(signed, "signed_deviation_with_truncated")
    nmad_log_closed = _renamed(nmad_log, "nmad_log_accuracy_without_truncated")
    if columns.truncated.any():
        nmad_log_closed = _log_accuracy(scorer, zero, with_truncated=False)[0]
        if columns.knows_cuts:
            nmad_filled, signed_filled = compute(columns.filled, "_with_truncated")
        else:
            why = "the lengths at which draws were cut were not given"
            nmad_filled, signed_filled = (_undefined(s, why) for s in (nmad_filled, signed_filled))
    nmad_nonempty = _renamed(nmad_compute, "nmad_compute_without_empty")
    if columns.empty.any():
        nmad_nonempty = compute(columns.nonempty, "_without_empty")[0]
    right, total = columns.counts()
    accuracy = right / np.where(total > 0, total, np.nan)
    ones, present = np.ones(len(total)), total.sum(axis=1)

    def share(name: str, flagged: Floats) -> LawScore:
        return scorer.ratio(
            name, flagged, present, low=0.0, high=1.0, undefined="nothing was drawn"
        )

    def mean(name: str, values: Floats, unit: str = "1", high: float = math.inf) -> LawScore:
        return scorer.ratio(name, values, ones, unit=unit, low=0.0, high=high)

    return CompositionalityScores(
        nmad_compute=nmad_compute,
        nmad_compute_limit=limit_of(columns, level=level, bootstrap=bootstrap, seed=seed),
        signed_deviation=signed,
        slope=scorer.ratio(
            "slope",
            parts_sum * composed,
            parts_sum**2,
            unit="tokens/token",
            undefined=_NO_TOKENS,
        ),
        r_squared=_r_squared(scorer, parts_sum, composed),
        nmad_log_accuracy=nmad_log,
        signed_log_accuracy=signed_log,
        nmad_compute_with_truncated=nmad_filled,
        signed_deviation_with_truncated=signed_filled,
        nmad_compute_without_empty=nmad_nonempty,
        nmad_log_accuracy_without_truncated=nmad_log_closed,
        accuracy_parts=mean("accuracy_parts", accuracy[:, :-1].mean(axis=1), high=1.0),
        accuracy_composed=mean("accuracy_composed", accuracy[:, -1], high=1.0),
        # On the same composites, so that the two can be compared.
        tokens_parts=mean(
            "tokens_parts", np.where(np.isnan(composed), np.nan, parts_sum), "tokens"
        ),
        tokens_composed=mean(
            "tokens_composed", np.where(np.isnan(parts_sum), np.nan, composed), "tokens"
        ),
        truncated_share=share(
            "truncated_share", np.asarray(columns.truncated.sum(axis=1), dtype=np.float64)
        ),
        empty_share=share("empty_share", columns.empty.astype(np.float64)),
    )


def _log_accuracy(
    scorer: _Scorer, zero: ZeroRule, *, with_truncated: bool = True
) -> tuple[LawScore, LawScore]:
    right, total = scorer.columns.counts(with_truncated=with_truncated)
    logs = log_accuracy(right, total, zero)
    floor = log_accuracy_floor(right, total, zero, scorer.seed)
    suffix = "" if with_truncated else "_without_truncated"
    return scorer.deviations(
        f"log_accuracy{suffix}", logs[:, :-1].sum(axis=1), logs[:, -1], floor, _NEVER_WRONG
    )


def _renamed(score: LawScore, name: str) -> LawScore:
    return replace(score, name=name)


def _undefined(score: LawScore, reason: str) -> LawScore:
    return replace(score, value=math.nan, ci_low=math.nan, ci_high=math.nan, reason=reason)


def _r_squared(scorer: _Scorer, parts_sum: Floats, composed: Floats) -> LawScore:
    known = ~(np.isnan(parts_sum) | np.isnan(composed))
    value = proportional_slope(parts_sum, composed)[1]
    why = "no interval is given for R²"
    if math.isnan(value):
        why = "fewer than 2 composites, or composites that all have the same length"
    return LawScore(
        "r_squared",
        value,
        ci_level=scorer.level,
        n=int(known.sum()),
        k=scorer.columns.k,
        truncated=int(scorer.columns.truncated.sum()),
        excluded=int((~known).sum()),
        reason=why,
    )


def zero_rule_sensitivity(
    draws: Draws | CompositeColumns, seed: int = 0
) -> dict[ZeroRule, LawScore]:
    """`nmad_log_accuracy` under each of `ZERO_RULES`: how much the score owes to the rule."""
    columns = CompositeColumns.of(draws) if isinstance(draws, Draws) else draws
    scorer = _Scorer(columns, 0.95, 1000, seed)
    return {rule: _log_accuracy(scorer, rule)[0] for rule in ZERO_RULES}


def length_deciles(draws: Draws) -> list[str]:
    """A label a composite, "1" (shortest) to "10", by the parts' summed mean tokens; "unknown"
    where a part has no closed draw."""
    parts_sum = compute_sums(draws.tokens)[0]
    known = ~np.isnan(parts_sum)
    labels = ["unknown"] * draws.n
    order = np.flatnonzero(known)[np.argsort(parts_sum[known], kind="stable")]
    for rank, row in enumerate(order):
        labels[row] = str(1 + rank * 10 // len(order))
    return labels


def score_by_group(
    draws: Draws, groups: Sequence[str], *, zero: ZeroRule = "half", seed: int = 0
) -> dict[str, CompositionalityScores]:
    """The scores of each group of composites (by domain, level, length decile …), by label.

    Args:
        groups: one label a composite; a group may hold a single composite, whose scores then have
            no interval and say so.

    Raises:
        ValueError: not one label a composite.
    """
    if len(groups) != draws.n:
        raise ValueError(f"{len(groups)} labels for {draws.n} composites; fix: one each")
    labels = np.asarray(groups, dtype=object)
    return {
        label: score_compositionality(draws.take(labels == label), zero=zero, seed=seed)
        for label in dict.fromkeys(groups)
    }
