"""Two choices of right answers that the paper does not have, to tell adding up from mere length.

Both choose among the composites that SFT-Compo selected, as the control and the ablation do.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..selection import Candidates

__all__ = ["expected_total", "longest_composed", "tilt_for", "token_matched"]

Keys = dict[str, tuple[str, ...]]


def longest_composed(candidates: Sequence[Candidates], seed: int) -> Keys:
    """Composite → sample keys: the longest right composed answer, its parts uniformly at random.

    Of equally long answers the lowest key. If length alone cured, this would cure as well.
    """
    chosen = {}
    for item in candidates:
        *parts, composed = (sorted(rows) for rows in item.correct)
        drawn = [
            rows[int(_uniform(seed, item.composite_id, role) * len(rows))][0]
            for role, rows in enumerate(parts)
        ]
        longest = min(composed, key=lambda row: (-row[1], row[0]))
        chosen[item.composite_id] = (*drawn, longest[0])
    return chosen


def token_matched(candidates: Sequence[Candidates], total: int, seed: int) -> Keys:
    """Composite → sample keys: a random choice whose expected total length is `total`.

    Each right answer of length ℓ is drawn with a chance in proportion to exp(θℓ), one θ for the
    whole split (`tilt_for`): of all ways of choosing at random that reach this total on average,
    the one of most entropy. It knows nothing of which lengths add up.

    Raises:
        ConfigError: no random choice reaches this total.
    """
    theta = tilt_for([[n for _, n in rows] for c in candidates for rows in c.correct], total)
    chosen = {}
    for item in candidates:
        keys = []
        for role, rows in enumerate(map(sorted, item.correct)):
            chances = _chances(np.array([n for _, n in rows], dtype=np.float64), theta)
            at = np.searchsorted(chances.cumsum(), _uniform(seed, item.composite_id, role))
            keys.append(rows[min(int(at), len(rows) - 1)][0])
        chosen[item.composite_id] = tuple(keys)
    return chosen


def tilt_for(lengths: Sequence[Sequence[int]], total: int) -> float:
    """θ at which drawing one length of each list, in proportion to exp(θℓ), sums to `total`.

    Args:
        lengths: one list a question, in tokens; none empty.

    Returns:
        θ in 1/tokens, to within a thousandth of a token of the total; half a token where the total
        is that of the shortest or the longest choice, which no finite θ reaches.

    Raises:
        ConfigError: a total that no choice has.
    """
    low, high = sum(map(min, lengths)), sum(map(max, lengths))
    if not low <= total <= high:
        raise ConfigError(
            f"a total of {total} tokens is not between those of the shortest ({low}) and the "
            f"longest ({high}) choices; fix: another total"
        )
    if low == high:
        return 0.0
    target = min(max(float(total), low + 0.5), high - 0.5)
    columns = _Columns(lengths)
    # The expected total rises with θ.
    left, right = -1.0, 1.0
    while columns.expected_total(left) > target:
        left *= 2
    while columns.expected_total(right) < target:
        right *= 2
    while True:
        theta = (left + right) / 2
        found = columns.expected_total(theta)
        if abs(found - target) < 1e-3 or theta in (left, right):
            return theta
        left, right = (theta, right) if found < target else (left, theta)


def expected_total(lengths: Sequence[Sequence[int]], theta: float) -> float:
    """The mean total length of a choice tilted by `theta`, in tokens."""
    return _Columns(lengths).expected_total(theta)


class _Columns:
    """All lengths in one array, with where each question's begin."""

    def __init__(self, lengths: Sequence[Sequence[int]]) -> None:
        sizes = [len(row) for row in lengths]
        self.values = np.array([n for row in lengths for n in row], dtype=np.float64)
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.question = np.repeat(np.arange(len(sizes)), sizes)

    def expected_total(self, theta: float) -> float:
        exponents = theta * self.values
        exponents -= np.maximum.reduceat(exponents, self.starts)[self.question]
        weights = np.exp(exponents)
        sums = np.add.reduceat(weights, self.starts)
        return float((np.add.reduceat(weights * self.values, self.starts) / sums).sum())


def _chances(lengths: npt.NDArray[np.float64], theta: float) -> npt.NDArray[np.float64]:
    exponents = theta * lengths
    weights = np.exp(exponents - exponents.max())
    return np.asarray(weights / weights.sum())


def _uniform(seed: int, composite_id: str, role: int) -> float:
    """In [0, 1), by hash: neither the order of composites nor a generator's state plays a part."""
    digest = hashlib.sha256(f"study:{seed}:{composite_id}:{role}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
