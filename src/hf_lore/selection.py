"""CompoSelector: of the right answers to a composite and its parts, which to train on.

For each composite one right answer a question is kept, so that reasoning on the composite is as
close as can be to the sum over its parts ("min"), as far as can be ("max", the ablation) or drawn
uniformly (the control). Lengths are reasoning tokens. Holds no text and grades nothing: what is
right was decided before.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from .errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Candidates",
    "Choice",
    "Choices",
    "CompoSelector",
    "RaggedLengths",
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
# Sums held at once by `select_many`: 2 MB of keys.
_BLOCK_SUMS = 1 << 18


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


@dataclass(frozen=True, eq=False)
class RaggedLengths:
    """A column of lists of reasoning-token counts: row i is `values[offsets[i]:offsets[i + 1]]`.

    Raises:
        ConfigError: offsets that do not rise from 0 or more to the end of the values, or a
            negative length.
    """

    values: Ints
    offsets: Ints

    def __post_init__(self) -> None:
        for name in ("values", "offsets"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        ends = self.offsets
        if (
            len(ends) == 0
            or ends[0] < 0
            or ends[-1] > len(self.values)
            or np.any(np.diff(ends) < 0)
        ):
            raise ConfigError(
                "offsets must rise from 0 to the number of values; fix: n + 1 of them"
            )
        if len(self.values) and self.values.min() < 0:
            raise ConfigError(f"a length is {self.values.min()} tokens; fix: counts of 0 or more")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def from_lists(cls, rows: Sequence[Sequence[int]]) -> "RaggedLengths":
        """From a list a composite."""
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        return cls(np.fromiter((v for row in rows for v in row), np.int64, offsets[-1]), offsets)

    @classmethod
    def from_arrow(cls, column: "pa.ListArray") -> "RaggedLengths":
        """From a pyarrow `ListArray` of integers without nulls; shares its memory where it can."""
        if column.null_count or column.values.null_count:
            raise ConfigError("a length is null; fix: only right answers, which have known lengths")
        return cls(column.values.to_numpy(), column.offsets.to_numpy())


@dataclass(frozen=True, eq=False)
class Choices:
    """What `select_many` chose.

    Args:
        indices: shape `[n, m + 1]`, an index into each role's list; −1 where nothing was chosen.
        gap_tokens: shape `[n]`; −1 where nothing was chosen.
    """

    indices: npt.NDArray[np.int32]
    gap_tokens: Ints

    def __len__(self) -> int:
        return len(self.gap_tokens)

    def __getitem__(self, row: int) -> Choice | None:
        if self.gap_tokens[row] < 0:
            return None
        return Choice(tuple(int(i) for i in self.indices[row]), int(self.gap_tokens[row]))


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

    def select_many(
        self,
        parts: Sequence[RaggedLengths],
        composed: RaggedLengths,
        keys: Sequence[str] | None = None,
    ) -> Choices:
        """`select` for many composites at once, equal to it row by row.

        Args:
            parts: a ragged column a part, each with a row a composite.
            composed: the composites' own column.
            keys: names of the composites, needed by the random strategy only.

        Returns:
            `Choices`. Time grows as K² log K for two parts; memory does not grow with the number
            of composites, but for the columns and the result.

        Raises:
            ConfigError: as `select`; columns of different length; keys missing.
        """
        columns = (*parts, composed)
        if len(parts) < 2:
            raise ConfigError(f"a composite has at least 2 parts, got {len(parts)}; fix: pass more")
        if len({len(column) for column in columns}) > 1:
            raise ConfigError("the columns differ in rows; fix: a row a composite in each")
        if self.strategy == "random" and (keys is None or len(keys) != len(composed)):
            raise ConfigError("the random strategy needs a key a composite; fix: pass their ids")
        n = len(composed)
        sizes = np.stack([np.diff(column.offsets) for column in columns], axis=1)
        usable = (sizes > 0).all(axis=1)
        indices = np.full((n, len(columns)), -1, dtype=np.int32)
        gaps = np.full(n, -1, dtype=np.int64)
        widths = sizes.max(axis=0, initial=0)
        # Rows a block: the sums of one stay in the cache.
        step = max(1, _BLOCK_SUMS // max(1, int(np.prod(widths[:-1], dtype=np.float64))))
        for start in range(0, n, step):
            rows = start + np.flatnonzero(usable[start : start + step])
            if len(rows) == 0:
                continue
            block = _Block(columns, rows, sizes[rows])
            chosen: Ints | None = None
            if self.strategy == "min" or self.max_relative_gap is not None:
                chosen = block.smallest_gap()
                if self.max_relative_gap is not None:
                    total, gap = block.parts_total(chosen), block.gap(chosen)
                    near = gap <= self.max_relative_gap * total
                    rows, chosen = rows[near], chosen[near]
                    if len(rows) == 0:
                        continue
                    block = _Block(columns, rows, sizes[rows])
            if self.strategy == "max":
                chosen = block.largest_gap()
            elif self.strategy == "random":
                assert keys is not None
                chosen = block.hashed(self.seed, [keys[row] for row in rows])
            assert chosen is not None
            indices[rows] = chosen
            gaps[rows] = block.gap(chosen)
        return Choices(indices, gaps)


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


class _Block:
    """Some rows of the ragged columns, padded to a rectangle; all rows have every role."""

    def __init__(self, columns: Sequence[RaggedLengths], rows: Ints, sizes: Ints) -> None:
        self.sizes = sizes
        self.widths = tuple(int(width) for width in sizes.max(axis=0))
        self.lengths: list[Ints] = []
        self.present: list[npt.NDArray[np.bool_]] = []
        for role, column in enumerate(columns):
            place = np.arange(self.widths[role])
            present = place < sizes[:, role, None]
            where = column.offsets[rows][:, None] + np.where(present, place, 0)
            self.lengths.append(column.values[where])
            self.present.append(present)

    def picked(self, chosen: Ints) -> list[Ints]:
        rows = np.arange(len(chosen))
        return [values[rows, chosen[:, role]] for role, values in enumerate(self.lengths)]

    def parts_total(self, chosen: Ints) -> Ints:
        return np.sum(self.picked(chosen)[:-1], axis=0)

    def gap(self, chosen: Ints) -> Ints:
        return np.abs(self.parts_total(chosen) - self.picked(chosen)[-1])

    def hashed(self, seed: int, keys: Sequence[str]) -> Ints:
        chosen = np.empty(self.sizes.shape, dtype=np.int64)
        for row, (key, sizes) in enumerate(zip(keys, self.sizes.tolist())):
            flat = hashed_index(seed, key, math.prod(sizes))
            for role in range(len(sizes) - 1, -1, -1):
                flat, chosen[row, role] = divmod(flat, sizes[role])
        return chosen

    def _unpacked(self, where: Ints, last: Ints) -> Ints:
        return np.stack([*np.unravel_index(where, self.widths[:-1]), last], axis=1)

    def largest_gap(self) -> Ints:
        """As `_largest_gap`: the four corners, least by (−gap, total, indices)."""
        first = np.iinfo(np.int64)
        low = [
            np.where(ok, values, first.max).argmin(axis=1)
            for values, ok in zip(self.lengths, self.present)
        ]
        high = [
            np.where(ok, values, -1).argmax(axis=1)
            for values, ok in zip(self.lengths, self.present)
        ]
        best, best_rank = np.empty(0), np.empty(0)
        for parts in (low, high):
            for last in (low, high):
                chosen = np.stack([*parts[:-1], last[-1]], axis=1)
                total = self.parts_total(chosen) + self.picked(chosen)[-1]
                rank = np.concatenate([-self.gap(chosen)[:, None], total[:, None], chosen], axis=1)
                if len(best) == 0:
                    best, best_rank = chosen, rank
                    continue
                differs = rank != best_rank
                column = differs.argmax(axis=1)[:, None]
                less = np.take_along_axis(rank < best_rank, column, axis=1)
                best, best_rank = np.where(less, chosen, best), np.where(less, rank, best_rank)
        return best

    def smallest_gap(self) -> Ints:
        """As `_smallest_gap`, all rows in one sort and one search.

        A key is (row, sum, flat index) packed into 64 bits, so that sorting each row's keys sorts
        the whole block, and one binary search finds each composite's neighbours in its own row.
        """
        composed, n = self.lengths[-1], len(self.sizes)
        highest = max(int(composed.max()), sum(int(values.max()) for values in self.lengths[:-1]))
        # Above every real sum by more than any real gap: padding is never nearest.
        absent = 2 * highest + 1
        index_bits = max(1, (math.prod(self.widths[:-1]) - 1).bit_length())
        row_bits = index_bits + (absent * len(self.widths)).bit_length()
        if row_bits + n.bit_length() > 62:
            return self._one_by_one()
        sums = np.zeros((n, 1), dtype=np.int64)
        for values, ok in zip(self.lengths[:-1], self.present):
            padded = np.where(ok, values, absent)
            sums = (sums[:, :, None] + padded[:, None, :]).reshape(n, -1)
        sums <<= index_bits
        sums += np.arange(sums.shape[1])
        sums.sort(axis=1)
        base = np.arange(n)[:, None] << row_bits
        sums += base
        keys = sums.ravel()
        above = np.searchsorted(keys, (base + (composed << index_bits)).ravel()).reshape(n, -1)
        width = sums.shape[1]
        start = np.arange(n)[:, None] * width
        # Two candidates for each composed length, the neighbour above and the one below.
        near = np.concatenate(
            [np.minimum(above, start + width - 1), np.maximum(above - 1, start)], 1
        )
        low = (1 << row_bits) - 1
        nearest = (keys[near] & low) >> index_bits
        both = np.concatenate([composed, composed], axis=1)
        present = np.concatenate([self.present[-1], self.present[-1]], axis=1)
        gap = np.where(present, np.abs(nearest - both), absent * len(self.widths))
        # (gap, total) as one number, then ties of both by index.
        rank = gap * (4 * absent * len(self.widths)) + nearest + both
        row, candidate = np.nonzero(rank == rank.min(axis=1, keepdims=True))
        # The lowest index of an equal sum is the first of its run, not the last found from above.
        run = (row << row_bits) + (nearest[row, candidate] << index_bits)
        where = keys[np.searchsorted(keys, run)] & ((1 << index_bits) - 1)
        last = candidate % self.widths[-1]
        order = np.lexsort((last, where, row))
        _, first = np.unique(row[order], return_index=True)
        return self._unpacked(where[order][first], last[order][first])

    def _one_by_one(self) -> Ints:
        """Lengths or numbers of combinations beyond 64-bit keys."""
        return np.array(
            [
                _smallest_gap([v[i, : sizes[r]] for r, v in enumerate(self.lengths)]).indices
                for i, sizes in enumerate(self.sizes)
            ],
            dtype=np.int64,
        )
