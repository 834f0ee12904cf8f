"""The study's results as Markdown."""

import math
from collections.abc import Mapping, Sequence

from .design import ARMS
from .effects import Effect, effect, mean_over
from .run import Result

__all__ = ["format_factors", "format_pairs", "format_scores", "study_tables"]

# Column → scores; a floor is shown beside the score that it belongs to.
COLUMNS = {
    "nMAD_C": "nmad_compute",
    "floor": "noise_floor",
    "signed deviation": "signed_deviation",
    "nMAD_logA": "nmad_log_accuracy",
    "its floor": "log_accuracy_floor",
    "ρ(N, C)": "rho_compute",
    "ρ(N, log A)": "rho_log_accuracy",
    "accuracy x1, x2": "accuracy_parts",
    "accuracy x12": "accuracy_composed",
    "longer parts": "accuracy_longer",
    "more parts": "accuracy_more_parts",
    "tokens x1 + x2": "tokens_parts",
    "tokens x12": "tokens_composed",
}
# Those of a summary.
SHORT = ("nMAD_C", "floor", "accuracy x12", "longer parts", "more parts", "tokens x12")
# Those of one factor at a time.
FACTOR = ("nMAD_C", "floor", "accuracy x12", "longer parts", "tokens x12")
# What arms are compared in, and the direction that is better.
COMPARED = {
    "nmad_compute": "lower",
    "excess_squared": "lower",
    "signed_deviation": "nearer 0",
    "nmad_log_accuracy": "lower",
    "excess_squared_log_accuracy": "lower",
    "rho_compute": "higher",
    "rho_log_accuracy": "lower",
    "accuracy_composed": "higher",
    "accuracy_longer": "higher",
    "accuracy_more_parts": "higher",
    "tokens_composed": "",
}


def study_tables(results: Sequence[Result], setting: str) -> str:
    """A setting's scores, its splits, and SFT-Compo against every other arm, paired."""
    arms = [arm for arm in ARMS if any(r.arm == arm and r.setting == setting for r in results)]
    tables = [format_scores(results, setting, arms), _format_splits(results, setting, arms)]
    pairs = [("sft_compo", other) for other in arms if other != "sft_compo"]
    if "sft_compo" in arms:
        tables.append(format_pairs(results, setting, pairs))
    return "\n\n".join(table for table in tables if table)


def format_scores(
    results: Sequence[Result], setting: str, arms: Sequence[str], *, short: bool = False
) -> str:
    """A row an arm: means of the patients' means, nMAD_C with its interval over seeds."""
    columns = SHORT if short else tuple(COLUMNS)
    rows = [[arm, *_cells(results, setting, arm, columns)] for arm in arms]
    return _table(["arm", "models", *columns], rows)


def format_factors(results: Sequence[Result], factors: Mapping[str, Mapping[float, str]]) -> str:
    """A table a factor: a row a value and an arm.

    Args:
        factors: label → value → setting.
    """
    tables = []
    for label, settings in factors.items():
        rows = [
            [f"{value:g}", arm, *cells]
            for value, setting in settings.items()
            for arm in ("sft_compo", "sft_control")
            if (cells := _cells(results, setting, arm, FACTOR))[0] != "0"
        ]
        tables.append(_table([label, "arm", "models", *FACTOR], rows))
    return "\n\n".join(tables)


def _cells(results: Sequence[Result], setting: str, arm: str, columns: Sequence[str]) -> list[str]:
    found = {c: mean_over(results, COLUMNS[c], arm, setting) for c in columns}
    texts = [_number(e.mean, c.startswith("tokens")) for c, e in found.items()]
    first = found["nMAD_C"]
    texts[0] += f" {_range(first.seeds_low, first.seeds_high)}"
    return [str(first.n_seeds), *texts]


def format_pairs(results: Sequence[Result], setting: str, pairs: Sequence[tuple[str, str]]) -> str:
    """A row a score, a column a pair of arms: the paired difference, how sure, from how many."""
    found = {
        score: [effect(results, score, one, other, setting) for one, other in pairs]
        for score in COMPARED
    }
    header = ["score", "better", *(f"{one} − {other}" for one, other in pairs)]
    rows = [
        [score, COMPARED[score], *map(format_effect, effects)] for score, effects in found.items()
    ]
    counts = [
        f"{max(column, key=lambda e: e.n_seeds).n_patients} patients, "
        f"{max(e.n_seeds for e in column)} pairs"
        for column in zip(*found.values(), strict=True)
    ]
    return _table(header, [*rows, ["from", "", *counts]])


def format_effect(found: Effect) -> str:
    """`-0.029 ± 0.002 / 0.010 ***`: the difference, half of its 95% interval over patients and
    over seeds, and stars for p over seeds below 0.05, 0.01 and 0.001."""
    if math.isnan(found.mean):
        return "–"
    halves = (found.patients_high - found.mean, found.seeds_high - found.mean)
    stars = "*" * sum(found.p_seeds < bound for bound in (0.05, 0.01, 0.001))
    return f"{_number(found.mean)} ± {_number(halves[0])} / {_number(halves[1])} {stars}".strip()


def _format_splits(results: Sequence[Result], setting: str, arms: Sequence[str]) -> str:
    rows = []
    for arm in arms:
        splits = [r.split for r in results if (r.setting, r.arm) == (setting, arm) and r.split]
        if splits:
            means = [
                sum(getattr(s, name) for s in splits) / len(splits)
                for name in ("composites", "tokens_parts", "tokens_composed")
            ]
            gap = sum(s.mean_gap for s in splits) / len(splits)
            total = means[1] + means[2]
            rows.append([arm, *(f"{m:,.0f}" for m in (*means, total)), f"{gap:.2f}", ARMS[arm]])
    header = [
        "split",
        "triples",
        "tokens of parts",
        "of composites",
        "in all",
        "mean gap",
        "choice",
    ]
    return _table(header, rows) if rows else ""


def _number(value: float, tokens: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if tokens else f"{value:.3f}"


def _range(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
