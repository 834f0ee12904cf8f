"""CompoSelector against brute force, its ties, and the count of what goes in and comes out."""

from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_lore.errors import ConfigError
from hf_lore.gap_search import PaddedLengths
from hf_lore.selection import (
    Candidates,
    Choice,
    CompoSelector,
    RaggedLengths,
    Selection,
    select_composites,
)

# A small range of lengths makes ties common.
lengths = st.lists(st.integers(0, 12), max_size=5)
roles = st.lists(lengths, min_size=3, max_size=4)


def brute_force(rows, strategy):
    """Every combination, in order of the documented ties."""
    if not all(rows):
        return None
    sign = 1 if strategy == "min" else -1

    def rank(indices):
        chosen = [row[i] for row, i in zip(rows, indices)]
        return (sign * abs(sum(chosen[:-1]) - chosen[-1]), sum(chosen), indices)

    best = min(product(*(range(len(row)) for row in rows)), key=rank)
    return Choice(best, abs(rank(best)[0]))


@pytest.mark.parametrize("strategy", ["min", "max"])
@given(rows=roles)
@settings(max_examples=150, deadline=None)
def test_select_is_brute_force(strategy, rows):
    assert CompoSelector(strategy).select(rows[:-1], rows[-1]) == brute_force(rows, strategy)


def as_columns(rows):
    return [RaggedLengths.from_lists(column) for column in zip(*rows)]


# Long lengths take another width of keys; lengths beyond 2⁴⁰ leave packed keys altogether.
scaled_roles = st.tuples(st.integers(2, 3), st.sampled_from([1, 37, 1 << 24, 1 << 44])).flatmap(
    lambda given: st.lists(
        st.lists(
            st.lists(st.integers(0, 12).map(lambda v: v * given[1]), max_size=5),
            min_size=given[0] + 1,
            max_size=given[0] + 1,
        ),
        min_size=1,
        max_size=8,
    )
)


@pytest.mark.parametrize("strategy", ["min", "random", "max"])
@pytest.mark.parametrize("share", [None, 0.1])
@given(rows=scaled_roles)
@settings(max_examples=60, deadline=None)
def test_select_many_is_select(strategy, share, rows):
    selector = CompoSelector(strategy, seed=1, max_relative_gap=share)
    keys = [f"c-{i}" for i in range(len(rows))]
    columns = as_columns(rows)
    many = selector.select_many(columns[:-1], columns[-1], keys)
    expected = [selector.select(row[:-1], row[-1], key) for row, key in zip(rows, keys)]
    assert [many[i] for i in range(len(many))] == expected


@given(
    rows=st.lists(
        st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=5), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_sorting_is_comparing(rows):
    columns = as_columns(rows)
    starts = np.stack([column.offsets[:-1] for column in columns], axis=1)
    sizes = np.array([[len(role) for role in row] for row in rows])
    block = PaddedLengths([column.values for column in columns], starts, sizes)
    assert block._by_sorting().tolist() == block._by_comparing().tolist()


@pytest.mark.parametrize("k", [3, 17, 40])
def test_select_many_over_several_blocks(k):
    rng = np.random.default_rng(k)
    n = 6000 if k < 10 else 300
    rows = [
        [rng.integers(1, 4000, rng.integers(0, k + 1)).tolist() for _ in range(3)] for _ in range(n)
    ]
    columns = as_columns(rows)
    many = CompoSelector().select_many(columns[:-1], columns[-1])
    assert [many[i] for i in range(n)] == [CompoSelector().select(r[:-1], r[-1]) for r in rows]
    arrow = [
        RaggedLengths.from_arrow(pa.array([row[j] for row in rows], pa.list_(pa.int64())))
        for j in range(3)
    ]
    again = CompoSelector().select_many(arrow[:-1], arrow[-1])
    assert again.indices.tolist() == many.indices.tolist()


def test_select_many_refuses_what_does_not_fit():
    one, two = RaggedLengths.from_lists([[1]]), RaggedLengths.from_lists([[1], [2]])
    with pytest.raises(ConfigError, match="differ in rows"):
        CompoSelector().select_many([one, one], two)
    with pytest.raises(ConfigError, match="needs a key"):
        CompoSelector("random").select_many([one, one], one)
    with pytest.raises(ConfigError, match="offsets must rise"):
        RaggedLengths(np.array([1, 2]), np.array([0, 3]))
    with pytest.raises(ConfigError, match="is null"):
        RaggedLengths.from_arrow(pa.array([[1, None]]))
    empty = RaggedLengths.from_lists([])
    assert len(CompoSelector().select_many([empty, empty], empty)) == 0


def test_worked_by_hand():
    # Sums: 100+200=300, 100+50=150, 300+200=500, 300+50=350. Against 330: 30, 180, 170, 20.
    # Against 90: 210, 60, 410, 260. Smallest 20 at (1, 1, 0), largest 410 at (1, 0, 1).
    parts, composed = [[100, 300], [200, 50]], [330, 90]
    assert CompoSelector().select(parts, composed) == Choice((1, 1, 0), 20)
    assert CompoSelector("max").select(parts, composed) == Choice((1, 0, 1), 410)


def test_ties_go_to_the_smaller_total_then_the_lowest_index():
    # Gap 0 twice: 5+5=10 (total 20) and 1+1=2 (total 4). The shorter wins, first of its equals.
    assert CompoSelector().select([[5, 1, 1], [5, 1]], [10, 2]) == Choice((1, 1, 1), 0)
    # Equal gap 1 and equal total 5: 2 against 3 by (0, 1, 1), 3 against 2 by (1, 0, 0).
    assert CompoSelector().select([[1, 2], [1, 1]], [2, 3]).indices == (0, 0, 0)


def test_random_is_uniform_and_does_not_depend_on_order():
    selector = CompoSelector("random", seed=3)
    parts, composed = [[1, 2], [3, 4, 5]], [6, 7]
    seen: dict[tuple[int, ...], int] = {}
    for i in range(6000):
        choice = selector.select(parts, composed, key=f"c-{i}")
        seen[choice.indices] = seen.get(choice.indices, 0) + 1
    # 12 combinations, 500 each expected, sd √(6000 · 1/12 · 11/12) = 21.4.
    assert len(seen) == 12
    assert all(abs(count - 500) < 4 * 21.4 for count in seen.values())
    assert selector.select(parts, composed, key="c-7") == selector.select(
        parts, composed, key="c-7"
    )
    other = CompoSelector("random", seed=4)
    assert any(
        other.select(parts, composed, key=f"c-{i}")
        != selector.select(parts, composed, key=f"c-{i}")
        for i in range(20)
    )


@pytest.mark.parametrize("strategy", ["min", "random", "max"])
def test_max_relative_gap_rejects_the_same_composites_whatever_the_strategy(strategy):
    # Smallest gap |100+100−150| = 50 = 25% of 200; the largest would be 160.
    parts, composed = [[100], [100]], [150, 40]
    assert CompoSelector(strategy, max_relative_gap=0.24).select(parts, composed) is None
    assert CompoSelector(strategy, max_relative_gap=0.25).select(parts, composed) is not None


def test_bad_arguments():
    with pytest.raises(ConfigError, match="fix: one of min, random, max"):
        CompoSelector("best")
    with pytest.raises(ConfigError, match="share of 0 or more"):
        CompoSelector(max_relative_gap=-1.0)
    with pytest.raises(ConfigError, match="at least 2 parts"):
        CompoSelector().select([[1]], [1])
    with pytest.raises(ConfigError, match="-4 tokens"):
        CompoSelector().select([[1], [-4]], [1])


candidates = st.builds(
    lambda number, rows, blocked: Candidates(
        f"c-{number}",
        tuple(tuple((f"s-{i}-{k}", n) for k, n in enumerate(row)) for i, row in enumerate(rows)),
        blocked,
    ),
    st.integers(0, 9),
    roles,
    st.sampled_from([None, None, "prompt_too_long"]),
)


@pytest.mark.parametrize("strategy", ["min", "random", "max"])
@given(items=st.lists(candidates, max_size=6), shuffler=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_selected_plus_rejected_is_what_came_in(strategy, items, shuffler):
    selector = CompoSelector(strategy, max_relative_gap=0.5)
    out = list(select_composites(items, selector))
    assert [row.composite_id for row in out] == [item.composite_id for item in items]

    def shuffled(row):
        row = list(row)
        shuffler.shuffle(row)
        return tuple(row)

    mixed = [
        Candidates(i.composite_id, tuple(shuffled(row) for row in i.correct), i.blocked)
        for i in items
    ]
    assert list(select_composites(mixed, selector)) == out


def test_reasons():
    full, none = (("a", 3),), ()
    rows = [
        Candidates("c-1", (full, full, full)),
        Candidates("c-2", (full, none, full)),
        Candidates("c-3", (full, full, none)),
        Candidates("c-4", (none, none, none), "gold_unparsed"),
    ]
    out = list(select_composites(rows, CompoSelector(max_relative_gap=0.4)))
    assert [getattr(row, "reason", None) for row in out] == [
        # |3 + 3 − 3| = 3 is half of 6.
        "gap_too_large",
        "no_correct_part",
        "no_correct_composed",
        "gold_unparsed",
    ]
    chosen = next(iter(select_composites(rows, CompoSelector())))
    assert chosen == Selection("c-1", "min", ("a", "a", "a"), 3)
