"""A study's two pictures: the arms side by side, and one factor at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError
from .design import ARMS
from .effects import Effect, mean_over
from .run import Result

__all__ = ["plot_arms", "plot_factors"]

_COLOURS = {
    "base": "#5A5F66",
    "sft_compo": "#0072B2",
    "sft_control": "#C14F00",
    "sft_anti": "#AA4F86",
    "token_matched": "#00805F",
    "longest_composed": "#8A6D00",
    "dpo": "#4B3F9E",
    "grpo": "#9E3F3F",
}
# Panel title → score, and the floor drawn beside it.
_ARM_PANELS: dict[str, tuple[str, str | None]] = {
    "nMAD of reasoning tokens": ("nmad_compute", "noise_floor"),
    "nMAD of log accuracy": ("nmad_log_accuracy", "log_accuracy_floor"),
    "accuracy of composites": ("accuracy_composed", None),
    "accuracy, longer parts than trained on": ("accuracy_longer", None),
    "accuracy, more parts than trained on": ("accuracy_more_parts", None),
    "reasoning tokens of a composite": ("tokens_composed", None),
}
_FACTOR_PANELS = {
    "nMAD of reasoning tokens": "nmad_compute",
    "accuracy of composites": "accuracy_composed",
    "accuracy, longer parts": "accuracy_longer",
}


def plot_arms(path: Path, results: Sequence[Result], settings: Sequence[str]) -> None:
    """A panel a score, a row an arm: each patient's mean, their mean, its interval over seeds.

    Args:
        settings: whose arms are drawn, in this order; an arm of several is drawn of the first.
    """
    rows = [
        (arm, next(s for s in settings if any((r.setting, r.arm) == (s, arm) for r in results)))
        for arm in ARMS
        if any(r.arm == arm and r.setting in settings for r in results)
    ]
    canvas, axes = _canvas(2, 3, (11.5, 1.6 + 0.62 * len(rows)))
    for axis, (title, (score, floor)) in zip(axes.flat, _ARM_PANELS.items(), strict=True):
        for row, (arm, setting) in enumerate(rows):
            _draw_row(axis, row, arm, mean_over(results, score, arm, setting))
            if floor:
                found = mean_over(results, floor, arm, setting).mean
                axis.plot([found], [row], marker="|", ms=15, color="#1A1D21", mew=1.6, zorder=4)
        axis.set_title(title + (" (| floor)" if floor else ""), fontsize=10, loc="left")
        axis.set_xlim(left=0)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.grid(axis="x", alpha=0.3, lw=0.6)
    for axis in axes[:, 0]:
        axis.set_yticks(range(len(rows)), [arm for arm, _ in rows])
    for axis in axes[:, 1:].flat:
        axis.set_yticks(range(len(rows)), [""] * len(rows))
    canvas.savefig(path, metadata={"Software": "hf-lore"})


def _draw_row(axis: Any, row: int, arm: str, found: Effect) -> None:
    colour = _COLOURS[arm]
    means = list(found.by_patient.values())
    axis.plot(means, [row] * len(means), "o", ms=4, mfc="white", mec=colour, alpha=0.9, zorder=3)
    if found.seeds_low == found.seeds_low:
        axis.plot([found.seeds_low, found.seeds_high], [row, row], color=colour, lw=3, alpha=0.45)
    axis.plot([found.mean], [row], "D", ms=6, color=colour, zorder=3)


def plot_factors(
    path: Path, results: Sequence[Result], factors: dict[str, dict[float, str]]
) -> None:
    """A column a factor, a row a score, a line an arm; bars are intervals over seeds.

    Args:
        factors: axis label → value of the factor → setting.
    """
    canvas, axes = _canvas(len(_FACTOR_PANELS), len(factors), (11.5, 8.0))
    drawn = {r.setting for r in results}
    for column, (label, named) in enumerate(factors.items()):
        settings = {x: s for x, s in named.items() if s in drawn}
        for row, (title, score) in enumerate(_FACTOR_PANELS.items()):
            axis = axes[row, column]
            for shift, arm in enumerate(("sft_compo", "sft_control")):
                found = {x: mean_over(results, score, arm, s) for x, s in settings.items()}
                found = {x: e for x, e in found.items() if e.n_seeds}
                # Drawn by rank and set apart a little, so that neither hides the other.
                xs = [list(settings).index(x) + 0.08 * (2 * shift - 1) for x in found]
                means = [e.mean for e in found.values()]
                axis.plot(xs, means, "-D", ms=5, lw=1.2, color=_COLOURS[arm], label=arm)
                for x, e in zip(xs, found.values(), strict=True):
                    axis.plot([x, x], [e.seeds_low, e.seeds_high], color=_COLOURS[arm], alpha=0.6)
            axis.set_xticks(range(len(settings)), [f"{x:g}" for x in settings])
            axis.set_ylim(0, 1 if score.startswith("accuracy") else None)
            axis.grid(alpha=0.3, lw=0.6)
            if column == 0:
                axis.set_ylabel(title)
            if row == len(_FACTOR_PANELS) - 1:
                axis.set_xlabel(label)
    axes[0, 0].legend(fontsize=8)
    canvas.savefig(path, metadata={"Software": "hf-lore"})


def _canvas(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "report") from None
    canvas = Figure(figsize=size, layout="constrained", dpi=110)
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(rows, columns, squeeze=False)
