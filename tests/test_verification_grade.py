"""`grade` and `grade_many`: statuses, order, and the contract the pipeline relies on."""

import pytest

from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.verification import GradeItem, check_golds, gold_parses, grade, grade_many


@pytest.mark.parametrize(
    ("text", "gold", "status"),
    [
        (r"so \boxed{4}", "4", "correct"),
        (r"so \boxed{5}", "4", "wrong"),
        ("nothing to see", "4", "no_answer"),
        (r"\boxed{4}", r"\frac{1}{", "gold_unparsed"),
        (r"\boxed{1+x}", "x+1", "correct"),
        (r"<think>\boxed{4}</think> \boxed{5}", "4", "wrong"),
        (r"<think>\boxed{5}</think> \boxed{4}", "4", "correct"),
        (r"<think>\boxed{4}</think> I do not know", "4", "no_answer"),
    ],
)
def test_status(text, gold, status):
    assert grade(text, gold).status == status


def test_truncated_text_is_never_graded():
    assert grade(r"\boxed{4}", "4", truncated=True).status == "truncated"


def test_grade_many_keeps_order_and_copies_keys():
    items = [
        GradeItem(rf"\boxed{{{i}+x}}", f"x+{i - i % 3}", sample_key=f"s{i}", reasoning_tokens=i)
        for i in range(200)
    ]
    verdicts = list(grade_many(items, num_workers=2))
    assert [v.sample_key for v in verdicts] == [f"s{i}" for i in range(200)]
    assert [v.reasoning_tokens for v in verdicts] == list(range(200))
    # Right where i is a multiple of 3.
    assert [v.status == "correct" for v in verdicts] == [i % 3 == 0 for i in range(200)]


def test_grade_many_reads_lazily_and_may_be_left_early():
    read = []

    def items():
        for i in range(100_000):
            read.append(i)
            yield GradeItem(r"\boxed{1}", "1")

    verdicts = grade_many(items(), num_workers=1)
    assert next(verdicts).status == "correct"
    verdicts.close()
    assert len(read) < 2_000


def test_grade_many_of_nothing():
    assert list(grade_many([])) == []


def test_bad_items_name_the_fix():
    with pytest.raises(ConfigError, match="fix: give one type a gold"):
        grade("x", ["1", "2"], ["math"])
    with pytest.raises(ConfigError, match="fix: use one of math"):
        grade("x", "1", ["maths"])
    with pytest.raises(ConfigError, match="at least one"):
        grade("x", [])


def test_the_gate_names_golds_that_cannot_be_read():
    good = Question(prompt="q", gold=("1", r"\frac{1}{2}"), answer_types=("int", "math"))
    bad = Question(prompt="r", gold=(r"\frac{1}{", "x"), answer_types=("math", "int"))
    assert check_golds([good, bad]) == [(bad, r"\frac{1}{"), (bad, "x")]
    assert gold_parses("(3,4]")
