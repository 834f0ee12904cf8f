"""The scores of a run of plain questions: LORE-Mono where they state their steps, else accuracy.

Both write laws.json as `QuestionScores`: law scores by group (a domain, or all), and a point a
question, from which every score can be computed again.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from ..errors import ConfigError
from ..laws import (
    LawScore,
    fit_accuracy_law,
    fit_compute_law,
    pass_at_k,
    score_monotonicity,
)
from ..laws.bootstrap import ratio_contrast
from ..laws.deviation import Floats
from ..questions import Question
from ..run import Run
from .draws import QuestionDraws, each_question

__all__ = [
    "OVERALL",
    "QuestionPoint",
    "QuestionScores",
    "load_question_scores",
    "score_accuracy",
    "score_mono",
    "score_questions",
]

# The group of all questions together.
OVERALL = "overall"
_NO_INTERVAL = "no interval is given for it"
# As laws/monotonicity.py: coverage was studied from 10 families up, see docs/laws.md.
_FEW_FAMILIES = 10
_FEW = "interval from fewer than 10 families: how often it covers the truth is not known"


@dataclass(frozen=True, slots=True)
class QuestionPoint:
    """One question and what its draws gave.

    Args:
        question_id, domain (`str`): of the question.
        subject (`str`): its family, or its subject.
        n_steps, reference_ops (`int`, *optional*): of a LORE-Mono question.
        tokens (`float`, *optional*): mean reasoning tokens of closed draws; None where none closed.
        n_correct, n_draws, truncated (`int`): of its draws; a truncated one is not right.
    """

    question_id: str
    domain: str
    subject: str
    n_steps: int | None
    reference_ops: int | None
    tokens: float | None
    n_correct: int
    n_draws: int
    truncated: int


@dataclass(frozen=True, slots=True)
class QuestionScores:
    """What laws.json of a run of plain questions holds.

    Args:
        kind (`str`): "mono" or "accuracy".
        model, revision, fingerprint (`str`): who was measured, and of the run's manifest.
        unanswerable (`int`): draws that never were.
        groups: law scores of each domain, and of all questions under `"overall"`.
        points: one a question.
    """

    kind: Literal["mono", "accuracy"]
    model: str
    revision: str
    fingerprint: str
    unanswerable: int
    groups: dict[str, tuple[LawScore, ...]]
    points: tuple[QuestionPoint, ...]

    def get(self, name: str, group: str = OVERALL) -> LawScore | None:
        """A score by its name and group; None where the questions do not allow it."""
        return next((s for s in self.groups.get(group, ()) if s.name == name), None)

    def to_json(self) -> dict[str, object]:
        """A dictionary for a strict `json.dumps`; undefined numbers are None."""
        groups = {name: [s.to_json() for s in scores] for name, scores in self.groups.items()}
        return {**asdict(self), "groups": groups}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "QuestionScores":
        """The inverse of `to_json`."""
        groups = {
            name: tuple(LawScore.from_json(s) for s in scores)
            for name, scores in row["groups"].items()
        }
        points = tuple(QuestionPoint(**p) for p in row["points"])
        return cls(**{**row, "groups": groups, "points": points})


def score_questions(run: Run) -> QuestionScores:
    """`score_mono` where every question states its steps, else `score_accuracy`."""
    stated = all(q.n_steps is not None for q in run.each_question())
    return score_mono(run) if stated else score_accuracy(run)


def score_mono(run: Run) -> QuestionScores:
    """Score a verified run of LORE-Mono questions and write laws.json.

    A family is a question's subject within its domain. Each domain and all questions together get
    Spearman's ρ of the steps with compute and with accuracy (`score_monotonicity`), the fit of the
    compute law on the steps and on `reference_ops`, and of the accuracy law on the steps.

    Raises:
        ConfigError: not verified, questions without steps, or a family that has two questions of
            one N.
    """

    def scores(points: Sequence[QuestionPoint], k: int) -> tuple[LawScore, ...]:
        return (*_spearman(points, k), *_fits(points))

    def check(questions: Iterable[Question]) -> None:
        seen: dict[tuple[str, str, int], str] = {}
        for q in questions:
            if q.n_steps is None:
                raise ConfigError(
                    f"{run.path} holds questions without a number of steps (first: "
                    f"{q.prompt[:40]!r}); fix: score it by its accuracy"
                )
            if seen.setdefault((q.domain, q.subject, q.n_steps), q.id) != q.id:
                raise ConfigError(
                    f"{run.path} has two questions of family {q.subject!r} with N = {q.n_steps}; "
                    "fix: give each instance a subject of its own"
                )

    return _score(run, "mono", scores, check)


def score_accuracy(run: Run) -> QuestionScores:
    """Score a verified run by accuracy: pass@1 and pass@k, tokens a problem, truncation.

    Intervals resample questions and take K as given. Writes laws.json.

    Raises:
        ConfigError: not verified.
    """
    return _score(run, "accuracy", _accuracy, lambda questions: None, domains=False)


def load_question_scores(run: Run) -> QuestionScores:
    """The scores that `score_mono` or `score_accuracy` wrote."""
    return QuestionScores.from_json(json.loads(run.laws.read_text(encoding="utf-8")))


def _score(
    run: Run,
    kind: Literal["mono", "accuracy"],
    scores: Callable[[Sequence[QuestionPoint], int], tuple[LawScore, ...]],
    check: Callable[[Iterable[Question]], None],
    *,
    domains: bool = True,
) -> QuestionScores:
    check(run.each_question())
    points: list[QuestionPoint] = []
    unanswerable = 0
    for question, draws, lost in each_question(run):
        points.append(_point(question, draws))
        unanswerable += lost
    k = run.manifest.num_samples
    names = list(dict.fromkeys(p.domain for p in points)) if domains else []
    groups = {
        # With a single domain, it and all questions together would say the same twice.
        **{n: scores([p for p in points if p.domain == n], k) for n in names if len(names) > 1},
        OVERALL: scores(points, k),
    }
    found = QuestionScores(
        kind=kind,
        model=run.manifest.model,
        revision=run.manifest.revision,
        fingerprint=run.manifest.fingerprint,
        unanswerable=unanswerable,
        groups=groups,
        points=tuple(points),
    )
    run.write_json(run.laws, found.to_json())
    return found


def _point(question: Question, draws: QuestionDraws) -> QuestionPoint:
    tokens = draws.mean_tokens
    return QuestionPoint(
        question_id=question.id,
        domain=question.domain,
        subject=question.subject,
        n_steps=question.n_steps,
        reference_ops=question.reference_ops,
        tokens=None if math.isnan(tokens) else tokens,
        n_correct=int(draws.correct.sum()),
        n_draws=len(draws.correct),
        truncated=draws.truncated,
    )


def _column(points: Sequence[QuestionPoint], name: str) -> Floats:
    values = (getattr(p, name) for p in points)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _spearman(points: Sequence[QuestionPoint], k: int) -> tuple[LawScore, ...]:
    families = list(dict.fromkeys((p.domain, p.subject) for p in points))
    steps = sorted({p.n_steps for p in points if p.n_steps is not None})
    curves = np.full((2, len(families), len(steps)), np.nan)
    for p in points:
        assert p.n_steps is not None
        cell = (families.index((p.domain, p.subject)), steps.index(p.n_steps))
        curves[0][cell] = np.nan if p.tokens is None else p.tokens
        curves[1][cell] = p.n_correct / p.n_draws if p.n_draws else np.nan
    truncated = sum(p.truncated for p in points)
    return tuple(score_monotonicity(steps, *curves, truncated=truncated, k=k))


def _fits(points: Sequence[QuestionPoint]) -> tuple[LawScore, ...]:
    """α of the compute law on the steps and on `reference_ops`, and λ of the accuracy law."""
    families = [f"{p.domain}/{p.subject}" for p in points]
    tokens = _column(points, "tokens")
    steps, ops = _column(points, "n_steps"), _column(points, "reference_ops")
    truncated = sum(p.truncated for p in points)
    found: list[LawScore] = []
    for name, kappa, unit in (("steps", steps, "step"), ("ops", ops, "operation")):
        if np.isnan(kappa).any():
            continue
        fit = fit_compute_law(kappa, tokens, families, unit=f"tokens/{unit}")
        found.append(_named(fit.alpha, f"alpha_{name}", truncated))
        found.append(_bare(f"r_squared_{name}", fit.r_squared, fit.alpha))
    accuracy = fit_accuracy_law(
        steps, _column(points, "n_correct"), _column(points, "n_draws"), families
    )
    found.append(_named(accuracy.rate, "lambda_steps", truncated))
    found.append(_bare("lambda_fit_p_value", accuracy.fit_p_value, accuracy.rate))
    return tuple(found)


def _named(score: LawScore, name: str, truncated: int) -> LawScore:
    few = score.n < _FEW_FAMILIES and score.reason is None
    return replace(score, name=name, truncated=truncated, reason=_FEW if few else score.reason)


def _bare(name: str, value: float, beside: LawScore) -> LawScore:
    """A number of a fit that has no interval of its own."""
    why = (beside.reason or "undefined") if math.isnan(value) else _NO_INTERVAL
    return LawScore(name, value, n=beside.n, k=beside.k, excluded=beside.excluded, reason=why)


def _accuracy(points: Sequence[QuestionPoint], k: int) -> tuple[LawScore, ...]:
    right, total = _column(points, "n_correct"), _column(points, "n_draws")
    truncated = sum(p.truncated for p in points)

    def mean(name: str, values: Floats, unit: str = "1", high: float = math.inf) -> LawScore:
        known = ~np.isnan(values)
        size = int(known.sum())
        estimate = ratio_contrast(values[known], np.ones(size))
        reason = None
        if math.isnan(estimate.value):
            reason = "no question has enough draws of the kind it rests on"
        elif math.isnan(estimate.ci_low):
            reason = "too few questions for an interval"
        return LawScore(
            name,
            estimate.value,
            unit,
            # An undefined end stays so: max and min would hide it.
            ci_low=0.0 if estimate.ci_low < 0.0 else estimate.ci_low,
            ci_high=high if estimate.ci_high > high else estimate.ci_high,
            n=size,
            k=k,
            truncated=truncated,
            excluded=len(points) - size,
            reason=reason,
        )

    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total > 0, _column(points, "truncated") / total, np.nan)
    at = [2**i for i in range(k.bit_length()) if 2**i <= k]
    return (
        *(mean(f"pass@{n}", pass_at_k(right, total, n), high=1.0) for n in at),
        mean("tokens", _column(points, "tokens"), "tokens"),
        mean("truncated_share", share, high=1.0),
    )
