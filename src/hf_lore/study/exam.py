"""A model sits its exam: answers kept in one Parquet file, scores computed from that file alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..laws import (
    Draws,
    accuracy_spearman,
    compute_spearman,
    log_accuracy,
    nmad,
    noise_floor,
    signed_deviation,
)
from ..laws.accuracy_floor import log_accuracy_floor
from ..laws.draws import compute_sums
from ..laws.limit import difference_of_squares, squared_terms
from ..questions import Composite, Question
from ..sampling.in_process import TransformersSampler
from ..sampling.prompts import render_prompts
from ..sampling.sample import SamplingParams
from ..training.law_eval import Outcome, draws_of, run_work
from .design import Exam, Sizes

__all__ = ["SCORES", "Scores", "read_answers", "score_answers", "sit_exam"]

BATCH_SIZE = 512


@dataclass(frozen=True, slots=True)
class Scores:
    """What an exam says of a model. Lengths are reasoning tokens of closed draws.

    Args:
        nmad_compute, noise_floor, excess_squared: nMAD of C at this K, what sampling noise alone
            would give, and nMAD² − floor², free of it.
        signed_deviation: Σ(C12 − ΣC) / ΣΣC.
        nmad_log_accuracy, log_accuracy_floor, excess_squared_log_accuracy: the same three of log A.
        rho_compute, rho_log_accuracy: Spearman's ρ of N with the mean curve of C, and of log A.
        accuracy_parts, accuracy_composed: mean accuracy of the parts and of the composites.
        accuracy_longer: of composites of more steps a part than were trained on.
        accuracy_more_parts: of composites of one part more; NaN where there are none.
        tokens_parts, tokens_composed: mean of the parts' sum, and of the composites.
        truncated_share: of all draws on these composites.
    """

    nmad_compute: float
    noise_floor: float
    excess_squared: float
    signed_deviation: float
    nmad_log_accuracy: float
    log_accuracy_floor: float
    excess_squared_log_accuracy: float
    rho_compute: float
    rho_log_accuracy: float
    accuracy_parts: float
    accuracy_composed: float
    accuracy_longer: float
    accuracy_more_parts: float
    tokens_parts: float
    tokens_composed: float
    truncated_share: float


SCORES: tuple[str, ...] = tuple(Scores.__dataclass_fields__)


def sit_exam(model: Path, name: str, exam: Exam, sizes: Sizes, seed: int, path: Path) -> None:
    """Draw and grade a model's answers, and write them once all are there.

    Args:
        model: folder, as `from_pretrained` takes it.
        name: of the model, in sample keys.
        seed: of the draws; the same for all models of a seed.
        path: of the Parquet file, one row a draw.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sampler = TransformersSampler(model, name=name, batch_size=BATCH_SIZE, device="cpu")
    laws = {q.id: q for c in exam.composites for q in c.questions}
    others = {q.id: q for c in (*exam.longer, *exam.more_parts) for q in (c.composed,)}
    others |= {q.id: q for questions in exam.families.values() for q in questions}
    others = {i: q for i, q in others.items() if i not in laws}
    draws = [
        draw
        for questions, k in ((laws, sizes.samples), (others, sizes.other_samples))
        for draw in draws_of(render_prompts(list(questions.values()), sampler.tokenizer), k, seed)
    ]
    params = SamplingParams(temperature=1.0, max_new_tokens=320, seed=seed)
    outcomes = run_work(sampler, draws, params, {**others, **laws}, num_workers=1)
    part = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist([asdict(o) for o in outcomes]), part, compression="zstd")
    part.replace(path)


def read_answers(path: Path) -> dict[str, list[Outcome]]:
    """Question id → its draws in order."""
    import pyarrow.parquet as pq

    answers: dict[str, list[Outcome]] = {}
    for row in pq.read_table(path).to_pylist():
        answers.setdefault(row["question_id"], []).append(Outcome(**row))
    return answers


def score_answers(answers: Mapping[str, Sequence[Outcome]], exam: Exam) -> Scores:
    """All scores; NaN where one is undefined."""
    draws = _draws(exam.composites, answers)
    parts, composed = compute_sums(draws.tokens)
    right, total = draws.counts()
    logs = log_accuracy(right, total)
    accuracy = right / total
    nmad_logs = nmad(logs[:, :-1].sum(axis=1), logs[:, -1])
    logs_floor = log_accuracy_floor(right, total)
    # Spearman's ρ is of the mean curve: a row a family, a column a step count.
    steps = [q.n_steps or 0 for q in next(iter(exam.families.values()))]
    curves = [[_length_and_accuracy(answers[q.id]) for q in f] for f in exam.families.values()]
    lengths, shares = np.moveaxis(np.array(curves), 2, 0)
    return Scores(
        nmad_compute=nmad(parts, composed),
        noise_floor=noise_floor(draws.tokens),
        excess_squared=_excess_squared(draws),
        signed_deviation=signed_deviation(parts, composed),
        nmad_log_accuracy=nmad_logs,
        log_accuracy_floor=logs_floor,
        excess_squared_log_accuracy=nmad_logs**2 - logs_floor**2,
        rho_compute=compute_spearman(steps, lengths),
        rho_log_accuracy=accuracy_spearman(steps, shares),
        accuracy_parts=float(accuracy[:, :-1].mean()),
        accuracy_composed=float(accuracy[:, -1].mean()),
        accuracy_longer=_accuracy([c.composed for c in exam.longer], answers),
        accuracy_more_parts=_accuracy([c.composed for c in exam.more_parts], answers),
        tokens_parts=float(np.nanmean(parts)),
        tokens_composed=float(np.nanmean(composed)),
        truncated_share=float(draws.truncated.mean()),
    )


def _draws(composites: Sequence[Composite], answers: Mapping[str, Sequence[Outcome]]) -> Draws:
    rows = [[answers[q.id] for q in c.questions] for c in composites]
    return Draws.from_ragged(
        [[[o.reasoning_tokens for o in row] for row in item] for item in rows],
        [[[bool(o.correct) for o in row] for row in item] for item in rows],
    )


def _excess_squared(draws: Draws) -> float:
    top, bottom, known = squared_terms(draws.tokens)
    theta = (top[known].sum(axis=0) / bottom[known].sum(axis=0))[None]
    return float(difference_of_squares(theta)[0][0])


def _length_and_accuracy(drawn: Sequence[Outcome]) -> tuple[float, float]:
    lengths = [o.reasoning_tokens for o in drawn if o.reasoning_tokens is not None]
    mean = sum(lengths) / len(lengths) if lengths else math.nan
    return mean, sum(o.correct is True for o in drawn) / len(drawn)


def _accuracy(questions: Sequence[Question], answers: Mapping[str, Sequence[Outcome]]) -> float:
    drawn = [o for q in questions for o in answers[q.id]]
    return sum(o.correct is True for o in drawn) / len(drawn) if drawn else math.nan
