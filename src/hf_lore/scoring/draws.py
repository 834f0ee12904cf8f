"""A verified run's samples and verdicts as arrays, question by question or composite by composite.

A draw that could not be made (a prompt beyond the model's context, or refused by the server) is
absent from the arrays and counted apart.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from ..errors import ConfigError
from ..laws import Draws
from ..laws.deviation import Floats
from ..questions import Composite, Question
from ..run import Run
from ..stages.graded import Graded, GradedSamples

__all__ = [
    "DrawBlock",
    "QuestionDraws",
    "check_scorable",
    "each_draw_block",
    "each_question",
    "read_draws",
]

# A block's arrays and questions take some 4 MB.
BLOCK_COMPOSITES = 512


@dataclass(frozen=True, eq=False, slots=True)
class QuestionDraws:
    """The draws of one question, arrays of shape `[k]` with k ≤ K.

    Args:
        tokens: reasoning tokens; NaN where the draw was cut before its reasoning closed.
        correct: 1.0 right, 0.0 not.
        cut_tokens: tokens generated until a cut draw was cut; NaN elsewhere.
        n_tokens: all tokens generated, answer included.
    """

    tokens: Floats
    correct: Floats
    cut_tokens: Floats
    n_tokens: Floats

    @property
    def mean_tokens(self) -> float:
        """Mean reasoning tokens of closed draws; NaN where none closed."""
        closed = self.tokens[~np.isnan(self.tokens)]
        return float(closed.mean()) if closed.size else float("nan")

    @property
    def truncated(self) -> int:
        """Draws that were cut before their reasoning closed."""
        return int(np.isnan(self.tokens).sum())


@dataclass(frozen=True, slots=True)
class DrawBlock:
    """Some composites of a run, one after the other, and what their draws gave.

    Args:
        composites: in the run's order.
        draws: theirs.
        lost: question → how many of its draws could not be made, where any.
    """

    composites: list[Composite]
    draws: Draws
    lost: dict[str, int]


def each_question(run: Run) -> Iterator[tuple[Question, QuestionDraws, int]]:
    """Each question of a run, its draws, and how many could not be made; one question at a time in
    memory, and the ids of all.

    Raises:
        ConfigError: not all samples are drawn and verified.
    """
    seen: set[str] = set()
    with _scorable(run) as graded:
        for question in run.each_question():
            if question.id in seen:
                continue
            seen.add(question.id)
            yield question, *_question_draws(graded.of_question(question.id))


def _scorable(run: Run) -> GradedSamples:
    if run.manifest.adaptive is not None:
        raise ConfigError(
            f"{run.path} stopped drawing where a triple fitted, so its gaps look smaller than the "
            "model's are; fix: score a run with a fixed K (`hf-lore sample` without --stop-within)"
        )
    return GradedSamples(run)


def _question_draws(drawn: Graded) -> tuple[QuestionDraws, int]:
    made = [pair for pair in drawn if pair[0].finish_reason not in ("context", "error")]
    rows = [
        (np.nan, s.n_tokens, s.n_tokens, status == "correct")
        if s.reasoning_tokens is None
        else (s.reasoning_tokens, np.nan, s.n_tokens, status == "correct")
        for s, status in made
    ]
    tokens, cut, total, right = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return QuestionDraws(tokens, right, cut, total), len(drawn) - len(made)


def check_scorable(composites: Sequence[Composite], where: str) -> None:
    """Raises ConfigError for composites, held by `where`, that compositionality cannot score."""
    _check_kinds({c.kind for c in composites}, {len(c.parts) for c in composites}, where)


def _check_kinds(kinds: Set[str], sizes: Set[int], where: str) -> None:
    if kinds != {"independent"}:
        raise ConfigError(
            f"{where} holds chained composites, to which compositionality does not apply; fix: "
            "score independent composites"
        )
    if len(sizes) > 1:
        raise ConfigError(
            f"{where} mixes composites of {sorted(sizes)} parts; fix: one run for each number"
        )


def each_draw_block(run: Run, n_composites: int = BLOCK_COMPOSITES) -> Iterator[DrawBlock]:
    """A run's composites with their draws, so many in memory at a time.

    Raises:
        ConfigError: not all samples are drawn and verified, plain questions, chained composites,
            or composites of different numbers of parts.
    """
    composites = run.each_composite()
    first = next(composites)
    summary = run.summary()
    _check_kinds(summary.kinds, summary.sizes, str(run.path))
    source = chain([first], composites)
    with _scorable(run) as graded:
        while some := list(islice(source, n_composites)):
            shape = (len(some), len(first.questions), run.manifest.num_samples)
            tokens, correct, cut = (np.full(shape, np.nan) for _ in range(3))
            lost: dict[str, int] = {}
            for i, composite in enumerate(some):
                for j, question in enumerate(composite.questions):
                    drawn, absent = _question_draws(graded.of_question(question.id))
                    k = len(drawn.tokens)
                    tokens[i, j, :k] = drawn.tokens
                    correct[i, j, :k] = drawn.correct
                    cut[i, j, :k] = drawn.cut_tokens
                    if absent:
                        lost[question.id] = absent
            yield DrawBlock(some, Draws(tokens, correct, cut), lost)


def read_draws(run: Run) -> tuple[list[Composite], Draws, int]:
    """A run's composites, its draws as arrays, and how many draws could not be made.

    Takes 24 bytes a sample for the arrays, twice over while they are put together, and the
    composites.

    Raises:
        ConfigError: see `each_draw_block`.
    """
    composites: list[Composite] = []
    blocks: list[Draws] = []
    lost: dict[str, int] = {}
    for block in each_draw_block(run):
        composites += block.composites
        blocks.append(block.draws)
        # A question may stand in several composites.
        lost.update(block.lost)
    columns = zip(*((d.tokens, d.correct, d.cut_tokens) for d in blocks))
    return composites, Draws(*map(np.concatenate, columns)), sum(lost.values())
