"""CompoSelector: of the right answers to a composite and its parts, which to train on.

For each composite one right answer a question is kept, so that reasoning on the composite is as
close as can be to the sum over its parts ("min"), as far as can be ("max", the ablation) or drawn
uniformly (the control). Lengths are reasoning tokens. Holds no text and grades nothing: what is
right was decided before.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .errors import ConfigError

__all__ = [
    "Candidates",
    "Choice",
    "CompoSelector",
    "Rejection",
    "RejectionReason",
    "Selection",
    "SelectionStrategy",
    "select_composites",
]

SelectionStrategy = Literal["min", "random", "max"]
RejectionReason = Literal[
    "no_correct_part",
    "no_correct_composed",
    "gap_too_large",
    "prompt_too_long",
    "gold_unparsed",
    "server_error",
]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which answers were chosen: an index into each part's sequence, then into the composite's.

    `gap_tokens` is |Σ ℓ(part) − ℓ(composite)| of the chosen answers.
    """

    indices: tuple[int, ...]
    gap_tokens: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """The right answers to one composite's questions.

    Args:
        composite_id (`str`): also seeds the random strategy.
        correct: for each question in the order of the roles (parts, then composed), its right
            answers as `(sample_key, reasoning_tokens)`, in any order.
        blocked (`str`, *optional*): why no answer can be right at all, such as
            `"prompt_too_long"`; the composite is then rejected for this reason.
    """

    composite_id: str
    correct: tuple[tuple[tuple[str, int], ...], ...]
    blocked: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The samples chosen for a composite, one a question in the order of its roles."""

    composite_id: str
    strategy: SelectionStrategy
    sample_keys: tuple[str, ...]
    gap_tokens: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A composite that yields no training rows, and why."""

    composite_id: str
    strategy: SelectionStrategy
    reason: RejectionReason


@dataclass(frozen=True, slots=True)
class CompoSelector:
    """Chooses one right answer to each part and to the composite.

    Args:
        strategy (`str`, defaults to `"min"`): `"min"` takes the smallest gap
            |Σ ℓ(part) − ℓ(composite)|, `"max"` the largest, `"random"` any combination with equal
            chance. Ties go to the smaller total length, then to the lowest indices.
        seed (`int`, defaults to 0): of the random strategy only.
        max_relative_gap (`float`, *optional*): a composite is left out where even the *smallest*
            gap exceeds this share of the parts' lengths at that gap. The rule is the same for all
            strategies, so that control and ablation hold the same composites.

    Raises:
        ConfigError: an unknown strategy, or a negative share.

    Example:
        >>> CompoSelector().select([[100, 300], [200, 50]], [330, 90])
        Choice(indices=(1, 1, 0), gap_tokens=20)
    """

    strategy: SelectionStrategy = "min"
    seed: int = 0
    max_relative_gap: float | None = None

    def __post_init__(self) -> None:
        if self.strategy not in get_args(SelectionStrategy):
            known = ", ".join(get_args(SelectionStrategy))
            raise ConfigError(f"strategy is {self.strategy!r}; fix: one of {known}")
        if self.max_relative_gap is not None and not self.max_relative_gap >= 0:
            raise ConfigError(
                f"max_relative_gap is {self.max_relative_gap}; fix: a share of 0 or more, or None"
            )

    def select(
        self, parts: Sequence[Sequence[int]], composed: Sequence[int], key: str = ""
    ) -> Choice | None:
        """Choose for one composite, in time K² log K for two parts.

        Args:
            parts: reasoning tokens of each part's right answers, a sequence a part.
            composed: reasoning tokens of the composite's right answers.
            key (`str`): names the composite; the random strategy hashes it with the seed, so that
                the choice does not depend on the order of work.

        Returns:
            `Choice`, or None where a question has no right answer or the gap is too large.

        Raises:
            ConfigError: fewer than two parts, or a negative length.
        """
        lengths = [_lengths(row) for row in (*parts, composed)]
        if len(parts) < 2:
            raise ConfigError(f"a composite has at least 2 parts, got {len(parts)}; fix: pass more")
        if any(len(row) == 0 for row in lengths):
            return None
        if self.strategy == "min" or self.max_relative_gap is not None:
            best = _smallest_gap(lengths)
            if self.max_relative_gap is not None:
                total = sum(int(row[i]) for row, i in zip(lengths[:-1], best.indices))
                if best.gap_tokens > self.max_relative_gap * total:
                    return None
            if self.strategy == "min":
                return best
        if self.strategy == "max":
            return _largest_gap(lengths)
        sizes = tuple(len(row) for row in lengths)
        flat = hashed_index(self.seed, key, int(np.prod(sizes, dtype=np.int64)))
        return _choice(lengths, tuple(int(i) for i in np.unravel_index(flat, sizes)))


def hashed_index(seed: int, key: str, size: int) -> int:
    """A number in [0, size), uniform but for a bias below size / 2¹²⁸."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()[:16]
    return int.from_bytes(digest, "big") * size >> 128


def _lengths(row: Sequence[int]) -> Ints:
    values = np.asarray(row, dtype=np.int64)
    if values.ndim != 1:
        raise ConfigError(f"lengths have shape {values.shape}; fix: a flat sequence a question")
    if len(values) and values.min() < 0:
        raise ConfigError(f"a length is {values.min()} tokens; fix: pass counts of 0 or more")
    return values


def _choice(lengths: Sequence[Ints], indices: tuple[int, ...]) -> Choice:
    chosen = [int(row[i]) for row, i in zip(lengths, indices)]
    return Choice(indices, abs(sum(chosen[:-1]) - chosen[-1]))


def _distinct_sums(parts: Sequence[Ints]) -> tuple[Ints, Ints]:
    """All sums of one length a part, ascending, each once, with its lowest flat index (C order).

    Equal sums of a prefix are merged early: whatever follows, the lower prefix wins the tie.
    """
    sums, where = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for row in parts:
        grid = (sums[:, None] + row[None, :]).ravel()
        index = (where[:, None] * len(row) + np.arange(len(row))[None, :]).ravel()
        order = np.lexsort((index, grid))
        grid, index = grid[order], index[order]
        first = np.ones(len(grid), dtype=bool)
        first[1:] = grid[1:] != grid[:-1]
        sums, where = grid[first], index[first]
    return sums, where


def _smallest_gap(lengths: Sequence[Ints]) -> Choice:
    sums, where = _distinct_sums(lengths[:-1])
    composed = lengths[-1]
    above = np.searchsorted(sums, composed)
    nearest = np.concatenate([np.maximum(above - 1, 0), np.minimum(above, len(sums) - 1)])
    return _best(lengths, sums[nearest], where[nearest], np.tile(np.arange(len(composed)), 2), 1)


def _largest_gap(lengths: Sequence[Ints]) -> Choice:
    # |sum − l| is convex in both, so the largest gap lies at their ends; the first of equal values.
    composed = lengths[-1]
    ends = [[int(end(row)) for row in lengths[:-1]] for end in (np.argmin, np.argmax)]
    sizes = tuple(len(row) for row in lengths[:-1])
    where = np.array([np.ravel_multi_index(end, sizes) for end in ends])
    sums = np.array([sum(int(row[i]) for row, i in zip(lengths, end)) for end in ends])
    last = np.array([int(np.argmin(composed)), int(np.argmax(composed))])
    return _best(lengths, np.repeat(sums, 2), np.repeat(where, 2), np.tile(last, 2), -1)


def _best(lengths: Sequence[Ints], sums: Ints, where: Ints, last: Ints, sign: int) -> Choice:
    """The candidate of smallest `sign` × gap, then total length, then indices."""
    composed = lengths[-1][last]
    gap = np.abs(sums - composed)
    row = np.lexsort((last, where, sums + composed, sign * gap))[0]
    sizes = tuple(len(part) for part in lengths[:-1])
    parts = np.unravel_index(int(where[row]), sizes)
    return Choice((*(int(i) for i in parts), int(last[row])), int(gap[row]))


def select_composites(
    composites: Iterable[Candidates], selector: CompoSelector
) -> Iterator[Selection | Rejection]:
    """Decide each composite, in the order given: exactly one `Selection` or `Rejection` each.

    Candidates are sorted by sample key first, so that neither their order nor that of the work
    changes a choice: remaining ties go to the lowest key.
    """
    for item in composites:
        ordered = [sorted(rows) for rows in item.correct]
        reason = item.blocked
        if reason is None and not all(ordered[:-1]):
            reason = "no_correct_part"
        if reason is None and not ordered[-1]:
            reason = "no_correct_composed"
        if reason is None:
            lengths = [[tokens for _, tokens in rows] for rows in ordered]
            choice = selector.select(lengths[:-1], lengths[-1], key=item.composite_id)
            if choice is not None:
                keys = tuple(rows[i][0] for rows, i in zip(ordered, choice.indices))
                yield Selection(item.composite_id, selector.strategy, keys, choice.gap_tokens)
                continue
            reason = "gap_too_large"
        yield Rejection(item.composite_id, selector.strategy, reason)
