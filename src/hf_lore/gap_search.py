"""The searches behind CompoSelector: one answer a question, of smallest or largest gap.

The gap of a combination is |Σ ℓ(part) − ℓ(composite)|. One composite is solved from its lists;
many are padded to a rectangle and solved together, by comparing everything where K is small and by
sorting the sums where it is not. All agree to the last tie: smaller total length, then the lowest
indices, parts first.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["PaddedLengths", "hashed_index", "largest_gap", "smallest_gap"]

Ints = npt.NDArray[np.int64]
# Up to this many combinations a composite, comparing all is faster than sorting (K = 16).
_DENSE_COMBINATIONS = 4096


def hashed_index(seed: int, key: str, size: int) -> int:
    """A number in [0, size), uniform but for a bias below size / 2¹²⁸."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()[:16]
    return int.from_bytes(digest, "big") * size >> 128


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


def smallest_gap(lengths: Sequence[Ints]) -> tuple[int, ...]:
    """Indices of the smallest gap, parts first; `lengths` holds the composite's last, none empty.

    Time is K² log K for two parts.
    """
    sums, where = _distinct_sums(lengths[:-1])
    composed = lengths[-1]
    above = np.searchsorted(sums, composed)
    nearest = np.concatenate([np.maximum(above - 1, 0), np.minimum(above, len(sums) - 1)])
    return _best(lengths, sums[nearest], where[nearest], np.tile(np.arange(len(composed)), 2), 1)


def largest_gap(lengths: Sequence[Ints]) -> tuple[int, ...]:
    """Indices of the largest gap, as `smallest_gap`.

    |sum − l| is convex in both, so its largest value lies at their ends.
    """
    composed = lengths[-1]
    ends = [[int(end(row)) for row in lengths[:-1]] for end in (np.argmin, np.argmax)]
    sizes = tuple(len(row) for row in lengths[:-1])
    where = np.array([np.ravel_multi_index(end, sizes) for end in ends])
    sums = np.array([sum(int(row[i]) for row, i in zip(lengths, end)) for end in ends])
    last = np.array([int(np.argmin(composed)), int(np.argmax(composed))])
    return _best(lengths, np.repeat(sums, 2), np.repeat(where, 2), np.tile(last, 2), -1)


def _best(
    lengths: Sequence[Ints], sums: Ints, where: Ints, last: Ints, sign: int
) -> tuple[int, ...]:
    """The candidate of smallest `sign` × gap, then total length, then indices."""
    composed = lengths[-1][last]
    row = np.lexsort((last, where, sums + composed, sign * np.abs(sums - composed)))[0]
    parts = np.unravel_index(int(where[row]), tuple(len(part) for part in lengths[:-1]))
    return (*(int(i) for i in parts), int(last[row]))


class PaddedLengths:
    """Some composites' lengths as one rectangle a role; every composite has every role.

    Args:
        values: each role's column of lengths, end to end.
        starts: shape `[n, roles]`, where each list begins in its column.
        sizes: shape `[n, roles]`, how long it is, at least 1.
    """

    def __init__(self, values: Sequence[Ints], starts: Ints, sizes: Ints) -> None:
        self.sizes = sizes
        self.widths = tuple(int(width) for width in sizes.max(axis=0))
        self.lengths: list[Ints] = []
        self.present: list[npt.NDArray[np.bool_]] = []
        for role, column in enumerate(values):
            place = np.arange(self.widths[role])
            present = place < sizes[:, role, None]
            self.lengths.append(column[starts[:, role, None] + np.where(present, place, 0)])
            self.present.append(present)
        parts = (int(row.max()) for row in self.lengths[:-1])
        # Nothing is longer; what is absent counts as longer than that by more than any real gap.
        self.highest = max(int(self.lengths[-1].max()), sum(parts))
        self.absent = 2 * self.highest + 1
        self.combinations = math.prod(self.widths)

    def take(self, rows: npt.NDArray[np.int64]) -> "PaddedLengths":
        part = object.__new__(PaddedLengths)
        part.__dict__.update(self.__dict__)
        part.sizes = self.sizes[rows]
        part.lengths = [values[rows] for values in self.lengths]
        part.present = [ok[rows] for ok in self.present]
        return part

    def picked(self, chosen: Ints) -> list[Ints]:
        """The chosen length of each role."""
        rows = np.arange(len(chosen))
        return [values[rows, chosen[:, role]] for role, values in enumerate(self.lengths)]

    def parts_total(self, chosen: Ints) -> Ints:
        return np.sum(self.picked(chosen)[:-1], axis=0)

    def gap(self, chosen: Ints) -> Ints:
        return np.abs(self.parts_total(chosen) - self.picked(chosen)[-1])

    def hashed(self, seed: int, keys: Sequence[str]) -> Ints:
        """A combination of each composite by the hash of its key."""
        chosen = np.empty(self.sizes.shape, dtype=np.int64)
        for row, (key, sizes) in enumerate(zip(keys, self.sizes.tolist())):
            flat = hashed_index(seed, key, math.prod(sizes))
            for role in range(len(sizes) - 1, -1, -1):
                flat, chosen[row, role] = divmod(flat, sizes[role])
        return chosen

    def largest_gap(self) -> Ints:
        """`largest_gap` of each composite, shape `[n, roles]`."""
        longest = np.iinfo(np.int64).max
        pairs = list(zip(self.lengths, self.present))
        low = [np.where(ok, values, longest).argmin(axis=1) for values, ok in pairs]
        high = [np.where(ok, values, -1).argmax(axis=1) for values, ok in pairs]
        best = rank_of_best = None
        for parts in (low, high):
            for last in (low, high):
                chosen = np.stack([*parts[:-1], last[-1]], axis=1)
                total = self.parts_total(chosen) + self.picked(chosen)[-1]
                rank = np.concatenate([-self.gap(chosen)[:, None], total[:, None], chosen], axis=1)
                if best is None or rank_of_best is None:
                    best, rank_of_best = chosen, rank
                    continue
                column = (rank != rank_of_best).argmax(axis=1)[:, None]
                less = np.take_along_axis(rank < rank_of_best, column, axis=1)
                best = np.where(less, chosen, best)
                rank_of_best = np.where(less, rank, rank_of_best)
        assert best is not None
        return best

    def smallest_gap(self) -> Ints:
        """`smallest_gap` of each composite, shape `[n, roles]`."""
        # 4 × gap in 32 bits, see `_by_comparing`.
        small = 8 * self.absent * len(self.widths) < 2**31
        if self.combinations <= _DENSE_COMBINATIONS and small:
            return self._by_comparing()
        return self._by_sorting()

    def _sums(
        self, dtype: type[np.signedinteger], *, rows_last: bool
    ) -> npt.NDArray[np.signedinteger]:
        """Sums of one length a part in C order: `[n, combinations]`, or the transpose."""
        n = len(self.sizes)
        sums = np.zeros((1, n) if rows_last else (n, 1), dtype=dtype)
        for values, ok in zip(self.lengths[:-1], self.present):
            padded = np.where(ok, values, self.absent).astype(dtype)
            if rows_last:
                sums = (sums[:, None, :] + padded.T[None, :, :]).reshape(-1, n)
            else:
                sums = (sums[:, :, None] + padded[:, None, :]).reshape(n, -1)
        return sums

    def _by_comparing(self) -> Ints:
        """All combinations, composites side by side in the registers.

        With t = sum − l, |4t + 1| orders by gap and then by sign: 0, −1, 1, −2, 2 … become
        1, 3, 5, 7, 9 …, so that one minimum settles both the gap and the smaller total.
        """
        n = len(self.sizes)
        sums = 4 * self._sums(np.int32, rows_last=True) + 1
        composed = np.ascontiguousarray(4 * self.lengths[-1].T, dtype=np.int32)
        buffer = np.empty_like(sums)
        nearest = np.empty_like(composed)
        for last, length in enumerate(composed):
            np.subtract(sums, length, out=buffer)
            np.abs(buffer, out=buffer)
            buffer.min(axis=0, out=nearest[last])
        gap = (nearest.astype(np.int64) + 1) >> 2
        gap[~self.present[-1].T] = 4 * self.absent * len(self.widths)
        total = 2 * self.lengths[-1].T + np.where(nearest & 2, -gap, gap)
        rank = gap * (8 * self.absent * len(self.widths)) + total
        least = rank.min(axis=0)
        tied = rank == least
        last = tied.argmax(axis=0)
        rows = np.arange(n)
        np.subtract(sums, composed[last, rows], out=buffer)
        np.abs(buffer, out=buffer)
        where = (buffer == nearest[last, rows]).argmax(axis=0)
        chosen = self._unpacked(where, last)
        # Several composite answers as good as each other: the indices of the parts decide first.
        several = np.flatnonzero(tied.sum(axis=0) > 1)
        if len(several):
            chosen[several] = self.take(several)._by_sorting()
        return chosen

    def _by_sorting(self) -> Ints:
        """Sums sorted within each composite, then one binary search for all.

        A key is (row, sum, flat index) packed into 64 bits, so that the keys of the whole block are
        sorted, and a search finds a composite's neighbours in its own row.
        """
        n = len(self.sizes)
        index_bits = max(1, (math.prod(self.widths[:-1]) - 1).bit_length())
        row_bits = index_bits + (self.absent * len(self.widths)).bit_length()
        scale = 4 * self.absent * len(self.widths)
        if row_bits + n.bit_length() > 62 or scale**2 > 2**62:
            return self._one_by_one()
        # Half as wide sorts in half the time.
        sums = self._sums(np.int32 if row_bits < 31 else np.int64, rows_last=False)
        sums <<= index_bits
        sums += np.arange(sums.shape[1], dtype=sums.dtype)
        sums.sort(axis=1)
        base = np.arange(n)[:, None] << row_bits
        keys = (sums + base).ravel()
        # In ascending order the searches find the cache warm.
        order = self.lengths[-1].argsort(axis=1)
        composed = np.take_along_axis(self.lengths[-1], order, axis=1)
        above = np.searchsorted(keys, (base + (composed << index_bits)).ravel()).reshape(n, -1)
        width = sums.shape[1]
        start = np.arange(n)[:, None] * width
        # Two candidates for each composed length, the neighbour above and the one below.
        near = np.concatenate(
            [np.minimum(above, start + width - 1), np.maximum(above - 1, start)], 1
        )
        nearest = (keys[near] & ((1 << row_bits) - 1)) >> index_bits
        both = np.concatenate([composed, composed], axis=1)
        present = np.take_along_axis(self.present[-1], order, axis=1)
        present = np.concatenate([present, present], axis=1)
        gap = np.where(present, np.abs(nearest - both), 2 * self.absent * len(self.widths))
        # (gap, total) as one number, then ties of both by index.
        rank = gap * scale + nearest + both
        row, candidate = np.nonzero(rank == rank.min(axis=1, keepdims=True))
        # The lowest index of an equal sum is the first of its run, not the last found from above.
        run = (row << row_bits) + (nearest[row, candidate] << index_bits)
        where = keys[np.searchsorted(keys, run)] & ((1 << index_bits) - 1)
        last = order[row, candidate % self.widths[-1]]
        ranked = np.lexsort((last, where, row))
        _, first = np.unique(row[ranked], return_index=True)
        return self._unpacked(where[ranked][first], last[ranked][first])

    def _unpacked(self, where: Ints, last: Ints) -> Ints:
        return np.stack([*np.unravel_index(where, self.widths[:-1]), last], axis=1)

    def _one_by_one(self) -> Ints:
        """Lengths, or numbers of combinations, beyond 64-bit keys."""
        chosen = np.empty(self.sizes.shape, dtype=np.int64)
        for i, sizes in enumerate(self.sizes):
            chosen[i] = smallest_gap([v[i, : sizes[r]] for r, v in enumerate(self.lengths)])
        return chosen
