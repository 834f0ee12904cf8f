"""Rows for a student with another tokenizer: asked for, checked, marked, both lengths kept."""

import pytest
from datasets import Dataset

from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.sft import SFT_FEATURES
from hf_lore.training.retokenise import retokenise_rows
from hf_lore.training.rows import training_rows
from model_fixtures import make_tokenizer
from training_fixtures import make_rows


def make_student(**options):
    """Like the teacher's tokenizer, but "so" is one token."""
    student = make_tokenizer(**options)
    student.add_tokens(["so"])
    return student


@pytest.fixture(scope="module")
def teacher():
    return make_tokenizer()


@pytest.fixture(scope="module")
def rows(teacher):
    return make_rows(teacher, composites=2)


def questions(rows):
    made = {}
    for row in rows:
        text = row["prompt"].removeprefix("<|user|>").partition("<|assistant|>")[0]
        made[row["question_id"]] = Question(prompt=text, gold=("1",), answer_types=("int",))
    return made


def with_real_ids(rows):
    """The fixtures' question ids are made up; prompts are found by the questions' own."""
    found = questions(rows)
    return (
        [{**r, "question_id": found[r["question_id"]].id} for r in rows],
        {q.id: q for q in found.values()},
    )


def rewrite(rows, teacher, student, **more):
    rows, asked = with_real_ids(rows)
    return retokenise_rows(
        Dataset.from_list(rows, features=SFT_FEATURES), asked, teacher, student, **more
    )


def test_a_student_that_opens_the_think_block_itself(teacher, rows):
    student = make_student(opens_think=False, adds_bos=False)
    got = rewrite(rows, teacher, student)
    for new, old in zip(got, rows, strict=True):
        assert new["ids_source"] == "retokenised"
        assert new["prompt"].endswith("<|assistant|>")
        assert new["completion"] == "<think>\n" + old["completion"]
        assert new["completion_ids"][-1] == student.eos_token_id
        assert new["completion_ids"] != old["completion_ids"]
        assert new["teacher_reasoning_tokens"] == old["reasoning_tokens"]
        # Between the tags, the line break after the opening one included.
        inner = new["completion"].split("<think>")[1].split("</think>")[0]
        assert new["reasoning_tokens"] == len(student.encode(inner, add_special_tokens=False))
    trained, stats = training_rows(got, student, max_tokens=512, eos_ids={student.eos_token_id})
    assert stats.ids_sources == {"retokenised": 6}
    assert trained[0]["labels"][-1] == student.eos_token_id


def test_a_student_whose_template_opens_it_too(teacher, rows):
    got = rewrite(rows, teacher, make_student())
    assert [r["completion"] for r in got] == [r["completion"] for r in rows]


def test_without_asking_another_tokenizer_is_refused(teacher, rows):
    student = make_student()
    shifted = [{**r, "completion_ids": [266, *r["completion_ids"]]} for r in rows]
    with pytest.raises(
        ConfigError, match="do not share a tokenizer; fix: set retokenise_questions"
    ):
        training_rows(
            Dataset.from_list(shifted, features=SFT_FEATURES),
            student,
            max_tokens=512,
            eos_ids={student.eos_token_id},
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("never closed<|eos|>", "was never closed"),
        ("a</think>b", "does not end in the teacher's EOS"),
        ("a<|user|></think>b<|eos|>", "a control token of the student"),
    ],
)
def test_what_cannot_be_written_is_refused(teacher, rows, text, message):
    ids = teacher(text, add_special_tokens=False)["input_ids"]
    spoilt = [{**rows[0], "completion": text, "completion_ids": ids}]
    with pytest.raises(ConfigError, match=message):
        rewrite(spoilt, teacher, make_student())
    rows, _ = with_real_ids(rows)
    with pytest.raises(ConfigError, match="not among the questions"):
        retokenise_rows(Dataset.from_list(rows, features=SFT_FEATURES), {}, teacher, make_student())
