"""Scatter plots of a composite against its parts, one panel a model, as PNG.

The diagonal is the law: points below it are composites thought about too little (reasoning tokens)
or answered worse than their parts allow (log accuracy). Draws only; measures nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingExtraError

__all__ = ["Panel", "plot_compositionality"]

# Colour-blind safe (Okabe and Ito).
_POINTS, _LAW, _FIT = "#0072B2", "#444444", "#D55E00"


@dataclass(frozen=True, slots=True)
class Panel:
    """One model's points.

    Args:
        title (`str`): which model.
        subtitle (`str`): its score.
        parts_sum, composed (`Sequence[float]`): one value a composite, the same unit.
    """

    title: str
    subtitle: str
    parts_sum: Sequence[float]
    composed: Sequence[float]


def plot_compositionality(
    path: Path, rows: Mapping[str, Sequence[Panel]], axes: Mapping[str, tuple[str, str]]
) -> None:
    """Write panels as one picture: a row a quantity, a column a model.

    Args:
        path: the PNG to write; its folder is made.
        rows: quantity → its panels, all rows of one length.
        axes: quantity → labels of the horizontal and vertical axis, units included.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "report") from None

    columns = max(len(panels) for panels in rows.values())
    figure = Figure(figsize=(3.5 * columns, 3.7 * len(rows)), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), columns, squeeze=False, sharex="row", sharey="row")
    for cells, (quantity, panels) in zip(grid, rows.items(), strict=True):
        values = np.concatenate([np.concatenate([p.parts_sum, p.composed]) for p in panels])
        # Nothing measured still makes a picture, an empty one.
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        margin = 0.05 * (high - low or 1.0)
        ends = np.array([low - margin, high + margin])
        for cell, panel in zip(cells, panels, strict=True):
            cell.plot(ends, ends, color=_LAW, lw=1.2, ls="--", label="the law: equal", zorder=1)
            cell.scatter(
                panel.parts_sum,
                panel.composed,
                s=14,
                alpha=0.55,
                color=_POINTS,
                lw=0,
                zorder=2,
                label="a composite",
            )
            x, y = np.asarray(panel.parts_sum), np.asarray(panel.composed)
            slope = float(x @ y / (x @ x)) if float(x @ x) > 0 else float("nan")
            cell.plot(ends, slope * ends, color=_FIT, lw=1.4, zorder=3, label="fit through 0")
            cell.set_title(f"{panel.title}\n{panel.subtitle}", fontsize=10)
            cell.set_xlim(ends[0], ends[1])
            cell.set_ylim(ends[0], ends[1])
            cell.set_aspect("equal")
            cell.grid(alpha=0.25)
            cell.set_xlabel(axes[quantity][0], fontsize=9)
            cell.text(
                0.97,
                0.04,
                f"slope {slope:.2f}",
                transform=cell.transAxes,
                ha="right",
                fontsize=9,
                color=_FIT,
            )
        cells[0].set_ylabel(axes[quantity][1], fontsize=9)
    grid[0][0].legend(fontsize=8, loc="upper left", framealpha=0.9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": "hf-lore"})
