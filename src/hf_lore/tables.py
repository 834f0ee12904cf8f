"""Scores as text: one run's, and several runs' side by side, in Markdown.

Every number that has an interval is printed with it, nMAD beside its noise floor.
"""

import math
from collections.abc import Mapping

from .laws import Comparison, LawScore
from .scoring import RunScores

__all__ = ["format_comparison", "format_paired", "format_scores"]


def format_scores(found: RunScores) -> str:
    """One run's scores, a line each, with what they left out."""
    lines = [f"{found.model} ({found.revision})", ""]
    lines += ["| score | value | 95% interval | noise floor | composites | truncated | note |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [
        f"| {s.name} | {_number(s.value)} | {_interval(s)} | {_floor(s)} | {s.n}"
        f"{f' ({s.excluded} excluded)' if s.excluded else ''} | {s.truncated} | {s.reason or ''} |"
        for s in found.scores
    ]
    if found.unanswerable:
        lines += ["", f"{found.unanswerable} draws could not be made (prompt too long, or refused)"]
    return "\n".join(lines)


def format_comparison(runs: Mapping[str, RunScores]) -> str:
    """Several runs on the same composites, a row each."""
    roles = list(next(iter(runs.values())).accuracy)
    names = ["x12" if role == "composed" else role for role in roles]
    header = [
        *("model", "nMAD_C [95% CI]", "floor", "signed deviation [95% CI]"),
        *("nMAD_logA [95% CI]", "floor", f"accuracy {', '.join(names)}"),
        *(f"tokens {', '.join(names)}", "ρ(N, C) [95% CI]", "truncated"),
    ]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for label, found in runs.items():
        cells = [
            label,
            _with_interval(found["nmad_compute"]),
            _floor(found["nmad_compute"]),
            _with_interval(found["signed_deviation"]),
            _with_interval(found["nmad_log_accuracy"]),
            _floor(found["nmad_log_accuracy"]),
            ", ".join(_number(found.accuracy[r], 2) for r in roles),
            ", ".join(_number(found.tokens[r], 0) for r in roles),
            _with_interval(rho) if (rho := found.get("rho_compute")) else "–",
            f"{100 * found['truncated_share'].value:.1f}%",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def format_paired(comparisons: Mapping[str, Mapping[str, Comparison]]) -> str:
    """Pairs of models on the same composites: what changed, with its interval and p-value."""
    lines = ["| pair | score | difference [95% CI] | p |", "|---|---|---|---|"]
    for pair, scores in comparisons.items():
        lines += [
            f"| {pair} | {name} | {_with_interval(found.difference)} | {_p_value(found.p_value)} |"
            for name, found in scores.items()
        ]
    return "\n".join(lines)


def _p_value(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _interval(score: LawScore) -> str:
    return f"{_number(score.ci_low)} to {_number(score.ci_high)}"


def _floor(score: LawScore) -> str:
    return "" if score.noise_floor is None else _number(score.noise_floor)


def _with_interval(score: LawScore) -> str:
    return f"{_number(score.value)} [{_number(score.ci_low)}, {_number(score.ci_high)}]"
