"""The scores of a run of composites: compositionality, and monotonicity where parts state steps.

What is estimated, and how, is in laws/; here it is only fed and written down as laws.json.
"""

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, overload

import numpy as np

from ..laws import LawScore, log_accuracy, score_monotonicity, zero_rule_sensitivity
from ..laws.columns import CompositeColumns
from ..laws.compositionality import score_columns
from ..questions import Composite
from ..run import Run
from .draws import each_draw_block

__all__ = ["Point", "Points", "RunScores", "load_scores", "score"]

# A composite's id: its prefix and 16 hexadecimal digits.
ID_BYTES = 18


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


class Points(Sequence[Point]):
    """The points of many composites as arrays, each made when it is asked for.

    Args:
        ids: shape `[n]`, of bytes.
        values: shape `[n, 4]`, in the order of `Point`'s fields, NaN for None.
    """

    def __init__(self, ids: np.ndarray, values: np.ndarray) -> None:
        self._ids, self._values = ids, values

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Point: ...

    @overload
    def __getitem__(self, index: slice) -> "Points": ...

    def __getitem__(self, index: int | slice) -> "Point | Points":
        if isinstance(index, slice):
            return Points(self._ids[index], self._values[index])
        return Point(self._ids[index].decode(), *map(_finite, self._values[index]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


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
        zero_rules (`dict`): `nmad_log_accuracy` by what stands for log A where no draw was right,
            see `hf_lore.laws.ZERO_RULES`; the default rule's is among `scores`.
    """

    model: str
    revision: str
    fingerprint: str
    unanswerable: int
    accuracy: dict[str, float | None]
    tokens: dict[str, float | None]
    scores: tuple[LawScore, ...]
    points: Sequence[Point]
    zero_rules: dict[str, LawScore] = field(default_factory=dict)

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
        return {
            **asdict(replace(self, points=())),
            "points": [asdict(p) for p in self.points],
            "scores": [s.to_json() for s in self.scores],
            "zero_rules": {rule: s.to_json() for rule, s in self.zero_rules.items()},
        }

    def json_pieces(self) -> Iterator[str]:
        """`json.dumps(self.to_json(), indent=2)` and a line's end, a point at a time."""
        head = replace(self, points=()).to_json()
        before, after = json.dumps(head, indent=2, allow_nan=False).split('"points": []')
        yield before + '"points": ['
        for number, point in enumerate(self.points):
            fields = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in asdict(point).items())
            lines = ",\n      ".join(fields)
            yield f"{',' if number else ''}\n    {{\n      {lines}\n    }}"
        yield ("\n  ]" if len(self.points) else "]") + after + "\n"

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "RunScores":
        """The inverse of `to_json`."""
        scores = tuple(LawScore.from_json(s) for s in row["scores"])
        points = tuple(Point(**p) for p in row["points"])
        rules = {rule: LawScore.from_json(s) for rule, s in row.get("zero_rules", {}).items()}
        return cls(**{**row, "scores": scores, "points": points, "zero_rules": rules})


def score(run: Run) -> RunScores:
    """Score a verified run and write laws.json.

    Reads a block of composites at a time, and keeps the numbers of each that its scores and its
    point are made of (`CompositeColumns`).

    Raises:
        ConfigError: see `each_draw_block`.
    """
    n, done = run.summary().n_items, 0
    ids = np.empty(n, dtype=f"S{ID_BYTES}")
    lost: dict[str, int] = {}
    columns: CompositeColumns | None = None
    cells = _StepCells()
    for block in each_draw_block(run):
        if columns is None:
            columns = CompositeColumns(n, block.draws.tokens.shape[1])
            roles = block.composites[0].roles
        columns.put(done, block.draws)
        ids[done : done + block.draws.n] = [c.id for c in block.composites]
        # A question may stand in several composites.
        lost.update(block.lost)
        cells.add(block.composites, columns, done)
        done += block.draws.n
    assert columns is not None
    right, total = columns.counts()
    logs = log_accuracy(right, total)
    found = RunScores(
        model=run.manifest.model,
        revision=run.manifest.revision,
        fingerprint=run.manifest.fingerprint,
        unanswerable=sum(lost.values()),
        accuracy=dict(zip(roles, map(_finite, _mean(_share(right, total), axis=0)), strict=True)),
        tokens=dict(zip(roles, map(_finite, _mean(columns.means, axis=0)), strict=True)),
        scores=(*score_columns(columns), *cells.scores(columns)),
        points=Points(
            ids,
            np.stack(
                [
                    columns.means[:, :-1].sum(axis=1),
                    columns.means[:, -1],
                    logs[:, :-1].sum(axis=1),
                    logs[:, -1],
                ],
                axis=1,
            ),
        ),
        zero_rules={str(rule): found for rule, found in zero_rule_sensitivity(columns).items()},
    )
    run.write_text(run.laws, found.json_pieces())
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


def _share(right: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Accuracies; NaN where nothing was drawn."""
    with np.errstate(invalid="ignore"):
        return np.asarray(right / np.where(total > 0, total, np.nan))


class _StepCells:
    """Mean tokens and accuracies of the parts that state their steps, by subject and steps: 16
    bytes a part."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, int], tuple[array[float], array[float]]] = {}

    def add(self, composites: list[Composite], columns: CompositeColumns, start: int) -> None:
        """The parts of these composites, whose columns are filled from row `start` on."""
        rows = slice(start, start + len(composites))
        right, total = columns.counts(rows)
        accuracy = _share(right, total)
        for i, composite in enumerate(composites):
            for j, part in enumerate(composite.parts):
                if part.n_steps is not None:
                    cell = self.cells.setdefault(
                        (part.subject, part.n_steps), (array("d"), array("d"))
                    )
                    cell[0].append(columns.means[start + i, j])
                    cell[1].append(accuracy[i, j])

    def scores(self, columns: CompositeColumns) -> tuple[LawScore, ...]:
        """Spearman's ρ against the number of steps; none where no part states one."""
        if not self.cells:
            return ()
        families = sorted({family for family, _ in self.cells})
        steps = sorted({n for _, n in self.cells})
        curves = np.full((2, len(families), len(steps)), np.nan)
        for (family, n), found in self.cells.items():
            at = families.index(family), steps.index(n)
            curves[:, *at] = _mean(np.stack(found, axis=1), axis=0)
        parts_cut = int(columns.truncated[:, :-1].sum())
        return tuple(score_monotonicity(steps, *curves, truncated=parts_cut, k=columns.k))
