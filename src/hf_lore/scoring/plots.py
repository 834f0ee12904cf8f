"""Pictures of runs of composites: C(x12) and log A(x12) against the sums of their parts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..laws import LawScore
from ..report.plots import Panel, plot_compositionality
from ..run import Run
from .composites import Point, RunScores

__all__ = ["plot_run", "plot_runs"]


def plot_run(run: Run, found: RunScores) -> Path:
    """Draw a run's scores; returns the picture's path.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    path = run.plots / "compositionality.png"
    plot_runs(path, {run.manifest.model: found})
    return path


def plot_runs(path: Path, runs: Mapping[str, RunScores]) -> None:
    """Scatter plots of several models side by side: reasoning tokens above, log accuracy below."""
    rows = {
        "tokens": [
            _panel(label, found["nmad_compute"], found.points, "tokens")
            for label, found in runs.items()
        ],
        "log_accuracy": [
            _panel(label, found["nmad_log_accuracy"], found.points, "log_accuracy")
            for label, found in runs.items()
        ],
    }
    axes = {
        "tokens": ("C(x1) + C(x2) [reasoning tokens]", "C(x12) [reasoning tokens]"),
        "log_accuracy": ("log A(x1) + log A(x2)", "log A(x12)"),
    }
    plot_compositionality(path, rows, axes)


def _panel(label: str, found: LawScore, points: Sequence[Point], quantity: str) -> Panel:
    pairs = [(getattr(p, f"parts_{quantity}"), getattr(p, f"composed_{quantity}")) for p in points]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    floor = "" if found.noise_floor is None else f", floor {found.noise_floor:.3f}"
    return Panel(
        label,
        f"nMAD {found.value:.3f} [{found.ci_low:.3f}, {found.ci_high:.3f}]{floor}",
        [x for x, _ in known],
        [y for _, y in known],
    )
