"""Pairing: different subjects, each question once, seeded, a smaller limit a prefix."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_lore.compo import build_composites, lexical_overlap, merge_algebra
from hf_lore.errors import ConfigError
from hf_lore.questions import Question


def questions(counts: dict[str, int]) -> list[Question]:
    return [
        Question(f"{subject} question number {i}", (str(i),), subject=subject)
        for subject, count in counts.items()
        for i in range(count)
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 12), min_size=2),
    st.integers(2, 3),
    st.integers(0, 5),
)
def test_as_many_as_possible_of_different_subjects_each_question_once(counts, num_parts, seed):
    if len(counts) < num_parts:
        return
    composites = build_composites(questions(counts), num_parts=num_parts, seed=seed)
    used = Counter(p.id for c in composites for p in c.parts)
    assert max(used.values()) == 1
    assert all(len({p.subject for p in c.parts}) == num_parts for c in composites)
    # g groups of distinct subjects exist exactly when Σ min(count, g) ≥ g · parts.
    g = len(composites)
    assert sum(min(n, g) for n in counts.values()) >= g * num_parts
    assert sum(min(n, g + 1) for n in counts.values()) < (g + 1) * num_parts


def test_a_smaller_limit_is_a_prefix_and_source_order_does_not_matter():
    source = questions({"A": 30, "B": 20, "C": 25})
    whole = build_composites(source, seed=3)
    for limit in (1, 7, len(whole)):
        assert build_composites(source, seed=3, limit=limit) == whole[:limit]
    random.Random(0).shuffle(source)
    assert build_composites(source, seed=3) == whole
    assert build_composites(source, seed=4) != whole


def test_order_of_subjects_in_pairs_is_mixed():
    first = Counter(c.parts[0].subject for c in build_composites(questions({"A": 200, "B": 200})))
    assert 70 < first["A"] < 130  # fair coin: 100 ± 4.2 sd of 7.07


def test_duplicates_count_once():
    source = questions({"A": 2, "B": 2})
    assert len(build_composites(source + source)) == 2


def test_algebra_family_as_one_subject():
    source = questions({"Prealgebra": 5, "Algebra": 5, "Geometry": 4})
    for composite in build_composites(source, subject_group=merge_algebra):
        assert sum(p.subject == "Geometry" for p in composite.parts) == 1
    assert len(build_composites(source, subject_group=merge_algebra)) == 4
    assert len(build_composites(source)) == 7


def test_lexical_pairing_avoids_look_alikes():
    topics = ["triangle angle circle radius", "apples oranges market price", "prime divisor digits"]
    source = [
        Question(f"{topic} variant {'xyzuvw'[i % 6] * (i + 3)}", (str(i),))
        for topic in topics
        for i in range(40)
    ]
    pairs = build_composites(source, pair_by="lexical")
    assert len(pairs) == 60
    mean = sum(lexical_overlap(*c.parts) for c in pairs) / len(pairs)
    # Two random questions share a topic one time in three.
    rng = random.Random(0)
    rng.shuffle(source)
    chance = [lexical_overlap(a, b) for a, b in pairwise(source)]
    assert mean < 0.5 * sum(chance) / len(chance)


@pytest.mark.parametrize(
    ("source", "kwargs", "says"),
    [
        ([], {}, "no questions"),
        (questions({"A": 5}), {}, "1 subject"),
        (questions({"A": 5, "B": 2}), {"limit": 3}, "only 2"),
        (questions({"A": 5, "B": 2}), {"limit": 0}, "limit is 0"),
        (questions({"A": 5, "B": 2}), {"num_parts": 1}, "at least 2 parts"),
    ],
)
def test_bad_input_says_why(source, kwargs, says):
    with pytest.raises(ConfigError, match=says) as error:
        build_composites(source, **kwargs)
    assert "fix:" in str(error.value)
