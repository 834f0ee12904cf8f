r"""Composites: every shape on the official composites, and random golds in random shapes."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_lore.verification import GradeItem, gold_parses, grade, grade_many
from hf_lore.verification.composites import composite_answers
from hf_lore.verification.extract import final_document
from verification_shapes import SHAPES, box, mutants, off_by_one

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


def rows(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent: no real data here")
    return [json.loads(line) for line in path.read_text().splitlines()]


def official_pairs():
    pairs = [r["answer"] for r in rows("lore_compo_official.jsonl") if r["type"] == "pair"]
    assert len(pairs) == 250
    return pairs


def unread(pairs):
    """Texts in every shape that do not come out correct."""
    items = [GradeItem(shape(p), p) for shape in SHAPES.values() for p in pairs]
    return [i.text for i, v in zip(items, grade_many(items), strict=True) if v.status != "correct"]


def test_every_shape_reads_a_fifth_of_the_official_composites():
    assert unread(official_pairs()[::5]) == []


@pytest.mark.slow
def test_every_shape_reads_all_official_composites():
    assert unread(official_pairs()) == []


@pytest.mark.slow
def test_no_wrong_version_of_an_official_composite_passes():
    pairs = official_pairs()
    equal = {}

    def right(answer, gold):
        # A foreign or altered part that is equal to the gold is no mutation.
        if (answer, gold) not in equal:
            equal[answer, gold] = grade(box(answer), gold).status == "correct"
        return equal[answer, gold]

    items = []
    for n, golds in enumerate(pairs):
        if right(golds[0], golds[1]) or right(golds[1], golds[0]):
            continue
        for wrong in mutants(golds, pairs[(n + 7) % 250][n % 2]).values():
            same = len(wrong) == len(golds) and all(map(right, wrong, golds))
            if not same:
                items += [GradeItem(shape(wrong), golds) for shape in SHAPES.values()]
    assert len(items) > 100_000
    passed = [i for i, v in zip(items, grade_many(items), strict=True) if v.status == "correct"]
    assert passed == []


def test_math500_golds_against_themselves():
    golds = [r["answer"] for r in rows("math500.jsonl")]
    verdicts = grade_many([GradeItem(f"so {box(g)}.", g) for g in golds])
    assert [v.status for v in verdicts] == ["correct"] * 500
    assert all(gold_parses(g) for g in sorted(set(golds))[::10])


def test_recorded_outputs_agree_with_their_labels():
    recorded = rows("real_outputs_math_k8.jsonl")
    items = [GradeItem(text, r["answer"]) for r in recorded for text in r["responses"]]
    labels = [label for r in recorded for label in r["correct"]]
    statuses = [v.status for v in grade_many(items)]
    assert len(statuses) == 400
    differ = [i for i, s in enumerate(statuses) if (s == "correct") != labels[i]]
    # Problem 3, gold "4:30 p.m." in one `\\text{}`: all 8 answers leave 4:30 outside it. They are
    # right and labelled wrong.
    assert differ == list(range(24, 32))
    assert {statuses[i] for i in differ} == {"correct"}


# Golds of many kinds, and for each a version of other value.
_INTEGERS = st.integers(-10_000, 10_000).map(str)
_FRACTIONS = st.tuples(st.integers(1, 99), st.integers(2, 99)).map(
    lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"
)
_DECIMALS = st.tuples(st.integers(0, 99), st.integers(1, 999)).map(lambda p: f"{p[0]}.{p[1]:03d}")
_THOUSANDS = st.integers(1_000, 9_999_999).map(lambda n: f"{n:,}")
_ROOTS = st.tuples(st.integers(2, 9), st.sampled_from([2, 3, 5, 7, 11])).map(
    lambda p: rf"{p[0]}\sqrt{{{p[1]}}}"
)
_POINTS = st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(lambda p: f"({p[0]},{p[1]})")
_INTERVALS = st.tuples(
    st.integers(-9, 0), st.integers(1, 9), st.sampled_from(["(]", "[)", "[]", "()"])
).map(lambda p: f"{p[2][0]}{p[0]}, {p[1]}{p[2][1]}")
_ANGLES = st.integers(1, 359).map(lambda n: rf"{n}^\circ")
_MONEY = st.integers(1, 999).map(lambda n: rf"\${n}")
_GOLDS = st.one_of(
    _INTEGERS, _FRACTIONS, _DECIMALS, _THOUSANDS, _ROOTS, _POINTS, _INTERVALS, _ANGLES, _MONEY
)
_SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@_SETTINGS
@given(
    golds=st.lists(_GOLDS, min_size=2, max_size=4),
    name=st.sampled_from(sorted(SHAPES)),
    data=st.data(),
)
def test_random_golds_in_random_shapes(golds, name, data):
    text = SHAPES[name](golds)
    verdict = grade(text, golds)
    assert verdict.status == "correct", (text, verdict)
    assert verdict.parts == (True,) * len(golds)
    # Any one part of other value, and the whole is wrong.
    which = data.draw(st.integers(0, len(golds) - 1))
    wrong = list(golds)
    wrong[which] = off_by_one(golds[which])
    mutated = grade(SHAPES[name](wrong), golds)
    assert mutated.status == "wrong", (wrong, mutated)
    assert mutated.parts[which] is False
    assert sum(mutated.parts) == len(golds) - 1


@_SETTINGS
@given(
    golds=st.lists(_GOLDS, min_size=2, max_size=4),
    name=st.sampled_from(sorted(SHAPES)),
    foreign=_GOLDS,
)
def test_no_mutant_of_random_golds_passes(golds, name, foreign):
    for wrong in mutants(golds, foreign).values():
        right = [grade(box(a), g).status == "correct" for a, g in zip(wrong, golds, strict=False)]
        if len(wrong) == len(golds) and all(right):
            continue
        assert grade(SHAPES[name](wrong), golds).status != "correct", wrong


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(max_size=300), parts=st.integers(1, 4))
def test_any_text_is_read_without_error(text, parts):
    golds = ["3", "(1,2)", r"\frac{1}{2}", "x"][:parts]
    for variant in (text, rf"\boxed{{{text}}}", f"Q1: {text}\nQ2: {text}", f"| 1 | {text} |"):
        composite_answers(final_document(variant), golds, ("math",) * parts)
        grade(variant, ["7"] * parts, ["int"] * parts)
        grade(variant, ["7"] * parts, ["seq"] * parts)


@_SETTINGS
@given(word=st.text("abcxyz01", min_size=2, max_size=8), data=st.data())
def test_str_is_exact(word, data):
    other = "".join(data.draw(st.permutations(word)))
    assert (grade(box(other), word, ["str"]).status == "correct") == (other == word)
    assert grade(box(word), word, ["str"]).status == "correct"
