"""The laws of a run: its samples and verdicts as arrays, its scores in laws.json, and plots.

What is estimated, and how, is in laws/; here it is only fed and written down.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ConfigError
from .laws import (
    Draws,
    LawScore,
    log_accuracy,
    score_compositionality,
    score_monotonicity,
)
from .questions import Composite
from .report.plots import Panel, plot_compositionality
from .run import Run
from .sampling.sample import Sample
from .sampling.store import SampleStore
from .stages import read_verdicts
from .verification import Verdict

__all__ = ["Point", "RunScores", "load_scores", "plot_run", "plot_runs", "read_draws", "score"]


@dataclass(frozen=True, slots=True)
class Point:
    """One composite in a scatter plot; None where it could not be measured.

    `parts_*` are sums over the parts: of mean reasoning tokens, and of log accuracy.
    """

    composite_id: str
    parts_tokens: float | None
    composed_tokens: float | None
    parts_log_accuracy: float | None
    composed_log_accuracy: float | None


@dataclass(frozen=True, slots=True)
class RunScores:
    """What laws.json holds.

    Args:
        model, revision (`str`): who was measured.
        fingerprint (`str`): of the run's manifest.
        unanswerable (`int`): draws that never were: a prompt beyond the model's context, or one
            that the server refused.
        accuracy (`dict`): role → share of right draws.
        tokens (`dict`): role → mean reasoning tokens of closed draws.
        scores: every law score, each with its interval, floor and what it left out.
        points: one a composite.
    """

    model: str
    revision: str
    fingerprint: str
    unanswerable: int
    accuracy: dict[str, float | None]
    tokens: dict[str, float | None]
    scores: tuple[LawScore, ...]
    points: tuple[Point, ...]

    def get(self, name: str) -> LawScore | None:
        """A score by its name; None where the run's questions do not allow it."""
        return next((s for s in self.scores if s.name == name), None)

    def __getitem__(self, name: str) -> LawScore:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def to_json(self) -> dict[str, object]:
        """A dictionary for a strict `json.dumps`; undefined numbers are None."""
        return {**asdict(self), "scores": [s.to_json() for s in self.scores]}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "RunScores":
        """The inverse of `to_json`."""
        scores = tuple(LawScore.from_json(s) for s in row["scores"])
        points = tuple(Point(**p) for p in row["points"])
        return cls(**{**row, "scores": scores, "points": points})


def read_draws(run: Run) -> tuple[list[Composite], Draws, int]:
    """A run's composites, its draws as arrays, and how many draws could not be made.

    Raises:
        ConfigError: not all samples are drawn and verified, chained composites, or composites of
            different numbers of parts.
    """
    composites = run.composites()
    if any(c.kind != "independent" for c in composites):
        raise ConfigError(
            f"{run.path} holds chained composites, to which compositionality does not apply; fix: "
            "score a run of independent composites"
        )
    if len(sizes := {len(c.parts) for c in composites}) > 1:
        raise ConfigError(
            f"{run.path} mixes composites of {sorted(sizes)} parts; fix: one run for each number"
        )
    verdicts = read_verdicts(run)
    drawn: dict[str, list[tuple[Sample, Verdict]]] = {}
    unanswerable = 0
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        for sample in store:
            if sample.finish_reason in ("context", "error"):
                unanswerable += 1
            else:
                drawn.setdefault(sample.question_id, []).append((sample, verdicts[sample.key]))
    shape = (len(composites), sizes.pop() + 1, run.manifest.num_samples)
    tokens, correct, cut = (np.full(shape, np.nan) for _ in range(3))
    for i, composite in enumerate(composites):
        for j, question in enumerate(composite.questions):
            for k, (sample, verdict) in enumerate(drawn.get(question.id, [])):
                correct[i, j, k] = verdict.status == "correct"
                if sample.reasoning_tokens is None:
                    cut[i, j, k] = sample.n_tokens
                else:
                    tokens[i, j, k] = sample.reasoning_tokens
    return composites, Draws(tokens, correct, cut), unanswerable


def score(run: Run) -> RunScores:
    """Score a verified run and write laws.json.

    Raises:
        ConfigError: see `read_draws`.
    """
    composites, draws, unanswerable = read_draws(run)
    right, total = draws.counts()
    with np.errstate(invalid="ignore"):
        accuracy = right / np.where(total > 0, total, np.nan)
    mean_tokens = _mean(draws.tokens, axis=2)
    logs = log_accuracy(right, total)
    roles = composites[0].roles
    found = RunScores(
        model=run.manifest.model,
        revision=run.manifest.revision,
        fingerprint=run.manifest.fingerprint,
        unanswerable=unanswerable,
        accuracy=dict(zip(roles, map(_finite, _mean(accuracy, axis=0)), strict=True)),
        tokens=dict(zip(roles, map(_finite, _mean(mean_tokens, axis=0)), strict=True)),
        scores=(
            *score_compositionality(draws),
            *_monotonicity(composites, mean_tokens, accuracy, draws),
        ),
        points=tuple(
            Point(
                c.id,
                _finite(mean_tokens[i, :-1].sum()),
                _finite(mean_tokens[i, -1]),
                _finite(logs[i, :-1].sum()),
                _finite(logs[i, -1]),
            )
            for i, c in enumerate(composites)
        ),
    )
    run.write_json(run.laws, found.to_json())
    return found


def load_scores(run: Run) -> RunScores:
    """The scores that `score` wrote."""
    return RunScores.from_json(json.loads(run.laws.read_text(encoding="utf-8")))


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean without NaN, and NaN (without a warning) where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _monotonicity(
    composites: list[Composite], mean_tokens: np.ndarray, accuracy: np.ndarray, draws: Draws
) -> tuple[LawScore, ...]:
    """Spearman's ρ against the number of steps, over the parts that state one, by subject."""
    cells: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for i, composite in enumerate(composites):
        for j, part in enumerate(composite.parts):
            if part.n_steps is not None:
                cell = (float(mean_tokens[i, j]), float(accuracy[i, j]))
                cells.setdefault((part.subject, part.n_steps), []).append(cell)
    if not cells:
        return ()
    families = sorted({family for family, _ in cells})
    steps = sorted({n for _, n in cells})
    curves = np.full((2, len(families), len(steps)), np.nan)
    for (family, n), found in cells.items():
        curves[:, families.index(family), steps.index(n)] = _mean(np.array(found), axis=0)
    parts_cut = int(draws.truncated[:, :-1].sum())
    return tuple(score_monotonicity(steps, *curves, truncated=parts_cut, k=draws.k))


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


def _panel(label: str, found: LawScore, points: tuple[Point, ...], quantity: str) -> Panel:
    pairs = [(getattr(p, f"parts_{quantity}"), getattr(p, f"composed_{quantity}")) for p in points]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    floor = "" if found.noise_floor is None else f", floor {found.noise_floor:.3f}"
    return Panel(
        label,
        f"nMAD {found.value:.3f} [{found.ci_low:.3f}, {found.ci_high:.3f}]{floor}",
        [x for x, _ in known],
        [y for _, y in known],
    )
