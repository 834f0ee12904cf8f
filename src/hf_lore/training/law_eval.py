"""Law scores of a model in training: draw, grade, score, in memory.

What the callbacks measure, without the trainer: `draws_of` names the draws, `run_work` makes
`Outcome`s of them, and the two scoring functions turn all processes' outcomes into metrics.
Units: reasoning tokens. Nothing is stored: a run directory is for what must be kept.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..builders import composites_from_rows
from ..errors import ConfigError
from ..laws import (
    Draws,
    accuracy_spearman,
    compute_spearman,
    log_accuracy,
    nmad,
    noise_floor,
    signed_deviation,
)
from ..questions import Composite, Question
from ..sampling.sample import Draw, Prompt, Sample, Sampler, SamplingParams, draw_seed
from ..verification import GradeItem, grade_many

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "COMPOSITIONALITY_KEYS",
    "MONOTONICITY_KEYS",
    "Outcome",
    "composites_of",
    "draws_of",
    "families_of",
    "run_work",
    "score_composites",
    "score_families",
]

COMPOSITIONALITY_KEYS = (
    "eval_lore_nmad_compute",
    "eval_lore_nmad_log_accuracy",
    "eval_lore_noise_floor",
    "eval_lore_signed_deviation",
    "eval_lore_accuracy_parts",
    "eval_lore_accuracy_composed",
    "eval_lore_tokens_parts",
    "eval_lore_tokens_composed",
    "eval_lore_truncated_share",
)
MONOTONICITY_KEYS = ("eval_lore_mono_rho_compute", "eval_lore_mono_rho_log_accuracy")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One graded draw.

    Args:
        question_id (`str`), number (`int`): which.
        reasoning_tokens (`int`, *optional*): None where the trace was never closed.
        n_tokens (`int`): tokens generated, EOS included.
        correct (`bool`, *optional*): None where nothing was drawn (the prompt does not fit, the
            server refused) or the gold cannot be read.
        text (`str`): what was written.
    """

    question_id: str
    number: int
    reasoning_tokens: int | None
    n_tokens: int
    correct: bool | None
    text: str


def composites_of(dataset: "Sequence[Composite] | Dataset") -> list[Composite]:
    """What a callback is given as composites, chained ones left out."""
    items: list[Any] = list(dataset)
    if items and not isinstance(items[0], Composite):
        items = list(composites_from_rows(items))
    return [c for c in items if c.kind == "independent"]


def families_of(
    dataset: "Mapping[str, Sequence[Question]] | Dataset",
) -> dict[str, list[Question]]:
    """What a callback is given as variants: seed question → its variants.

    Raises:
        ConfigError: a dataset without the columns of lore-mono.
    """
    if isinstance(dataset, Mapping):
        return {name: list(questions) for name, questions in dataset.items()}
    families: dict[str, list[Question]] = defaultdict(list)
    for row in dataset:
        try:
            name = f"{row['domain']}/{row['family']}/{row['instance']}"
            families[name].append(
                Question(
                    prompt=row["problem"],
                    gold=tuple(row["answer"]),
                    answer_types=tuple(row["answer_types"]),
                    domain=row["domain"],
                    subject=row["family"],
                    n_steps=row["n_steps"],
                    reference_ops=row["reference_ops"],
                )
            )
        except KeyError as error:
            raise ConfigError(
                f"the dataset has no column {error}, so it is not a lore-mono dataset; fix: build "
                "it with `hf-lore build mono`"
            ) from None
    return dict(families)


def draws_of(prompts: Sequence[Prompt], num_samples: int, seed: int) -> list[Draw]:
    """The draws of `prompts`; the same seeds at every evaluation, so that a change between two is
    the model's and not the noise's."""
    return [
        Draw(prompt, number, draw_seed(seed, prompt.question_id, number))
        for prompt in prompts
        for number in range(num_samples)
    ]


def run_work(
    sampler: Sampler,
    draws: Sequence[Draw],
    params: SamplingParams,
    questions: Mapping[str, Question],
    *,
    num_workers: int | None = None,
) -> list[Outcome]:
    """Sample `draws` and grade what comes.

    Args:
        questions: question id → question, for the golds.
        num_workers: processes that grade; default one a core.
    """
    samples = [s for group in sampler.sample(draws, params) for s in group] if draws else []
    drawn = [s for s in samples if s.finish_reason in ("stop", "length")]
    items = (_grade_item(s, questions[s.question_id]) for s in drawn)
    verdicts = dict(
        zip((s.key for s in drawn), grade_many(items, num_workers=num_workers), strict=True)
    )
    outcomes = []
    for sample in samples:
        verdict = verdicts.get(sample.key)
        graded = verdict is not None and verdict.status != "gold_unparsed"
        outcomes.append(
            Outcome(
                question_id=sample.question_id,
                number=sample.draw,
                # What was not graded is absent, so it may not count as a length either.
                reasoning_tokens=sample.reasoning_tokens if graded else None,
                n_tokens=sample.n_tokens,
                correct=verdict.status == "correct" if graded and verdict else None,
                text=sample.text,
            )
        )
    return outcomes


def _grade_item(sample: Sample, question: Question) -> GradeItem:
    return GradeItem(
        text=sample.text,
        gold=question.gold,
        answer_types=question.answer_types,
        truncated=sample.finish_reason == "length",
        sample_key=sample.key,
        reasoning_tokens=sample.reasoning_tokens,
    )


def score_composites(
    composites: Sequence[Composite], outcomes: Sequence[Outcome], num_samples: int
) -> dict[str, float]:
    """All `COMPOSITIONALITY_KEYS`; NaN where a score is undefined.

    `tokens_parts` is the mean of the parts' sum, so that under the law it equals
    `tokens_composed`; `accuracy_parts` is the mean over the parts.
    """
    found = {(o.question_id, o.number): o for o in outcomes}
    grid = [
        [[found.get((q.id, k)) for k in range(num_samples)] for q in composite.questions]
        for composite in composites
    ]
    draws = Draws.from_ragged(
        [[[_tokens(o) for o in row] for row in item] for item in grid],
        [[[_correct(o) for o in row] for row in item] for item in grid],
    )
    # The plain statistics: intervals and the simulated floor of log accuracy cost seconds, and
    # belong to a finished run.
    compute = _row_means(draws.tokens)
    right, total = draws.counts()
    logs = log_accuracy(right, total)
    accuracy = right / np.where(total > 0, total, np.nan)
    parts, composed = compute[:, :-1].sum(axis=1), compute[:, -1]
    present = float((~np.isnan(draws.correct)).sum())
    values = (
        nmad(parts, composed),
        nmad(logs[:, :-1].sum(axis=1), logs[:, -1]),
        noise_floor(draws.tokens),
        signed_deviation(parts, composed),
        _mean(accuracy[:, :-1].mean(axis=1)),
        _mean(accuracy[:, -1]),
        _mean(parts),
        _mean(composed),
        float(draws.truncated.sum()) / present if present else math.nan,
    )
    return dict(zip(COMPOSITIONALITY_KEYS, values, strict=True))


def score_families(
    families: Mapping[str, Sequence[Question]], outcomes: Sequence[Outcome], num_samples: int
) -> dict[str, float]:
    """Both `MONOTONICITY_KEYS`: Spearman's ρ of the mean curve over N against C and log A.

    Args:
        families: seed question → its variants, each with `n_steps`.
    """
    steps = sorted({q.n_steps for qs in families.values() for q in qs if q.n_steps is not None})
    column = {n: j for j, n in enumerate(steps)}
    found = {(o.question_id, o.number): o for o in outcomes}
    compute = np.full((len(families), len(steps)), np.nan)
    accuracy = np.full((len(families), len(steps)), np.nan)
    for i, questions in enumerate(families.values()):
        for question in questions:
            row = [found.get((question.id, k)) for k in range(num_samples)]
            cell = (i, column[question.n_steps])  # type: ignore[index]
            compute[cell] = _mean(np.array([_tokens(o) for o in row], dtype=np.float64))
            accuracy[cell] = _mean(np.array([_correct(o) for o in row]))
    return dict(
        zip(
            MONOTONICITY_KEYS,
            (compute_spearman(steps, compute), accuracy_spearman(steps, accuracy)),
            strict=True,
        )
    )


def _tokens(outcome: Outcome | None) -> float | None:
    return None if outcome is None else outcome.reasoning_tokens


def _correct(outcome: Outcome | None) -> float:
    """1 or 0; NaN for a draw that is absent."""
    return math.nan if outcome is None or outcome.correct is None else float(outcome.correct)


def _row_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means over the last axis of what was measured; NaN where nothing was."""
    size = (~np.isnan(values)).sum(axis=-1)
    return np.nansum(values, axis=-1) / np.where(size > 0, size, np.nan)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(_row_means(values))
