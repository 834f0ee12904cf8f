"""Rows of LORE-Mono made in bulk are the questions, one by one."""

from types import SimpleNamespace

import pytest

from hf_lore.errors import ConfigError, HfLoreError
from hf_lore.mono.family import MOST_STEPS, Family, Instance, families
from hf_lore.mono.rows import rows

STEPS = range(1, MOST_STEPS + 1)


def as_rows(family, instance, steps):
    return [
        {
            "id": question.id,
            "domain": question.domain,
            "family": question.subject,
            "family_version": family.version,
            "instance": instance.index,
            "seed": instance.seed,
            "n_steps": question.n_steps,
            "reference_ops": question.reference_ops,
            "problem": question.prompt,
            "answer": list(question.gold),
            "answer_types": list(question.answer_types),
        }
        for question in family.questions(instance, steps)
    ]


@pytest.mark.parametrize("family", families(), ids=lambda f: f.name)
def test_rows_are_the_questions(family):
    instance = family.instance(2, 1)
    made = list(rows(family, instance, STEPS))
    assert made == as_rows(family, instance, STEPS)
    assert [list(row) for row in made] == [list(row) for row in as_rows(family, instance, STEPS)]
    assert list(rows(family, instance, [30, 4])) == as_rows(family, instance, [30, 4])


def written(question, answer_type="str"):
    """A family whose text is written by a function; its rules are not asked for."""
    rule = dict.fromkeys(("draw", "start", "step", "answer", "check"))
    module = SimpleNamespace(
        __name__="families.written", __doc__="Written.", VERSION=1, ANSWER=answer_type, **rule
    )
    module.question = question
    return Family("language", module)


def plural(setup, n):
    return f"What comes after {n} step{'s' if n > 1 else ''}?"


def one_alone(setup, n):
    return f"What comes after {'one step' if n == 1 else f'{n} steps'}?"


def counted_twice(setup, n):
    return f"In {n} steps, what comes after step {n}?"


def summed(setup, n):
    return f"What comes after {n + 1} steps?"


def padded(setup, n):
    return f"What comes after step {n:02d}?"


def as_word(setup, n):
    return "What comes after step " + str(n) + ' of "a\\b",\n`é`?'


def first(setup, n):
    return f"{n} steps of what?"


def last(setup, n):
    return f"What comes after step {n}"


@pytest.mark.parametrize(
    "question", [plural, one_alone, counted_twice, summed, padded, as_word, first, last]
)
def test_texts_that_use_n_in_other_ways(question):
    family = written(question)
    instance = Instance(3, 9, None, ('say "a"', "b\\c", "é, d", *map(str, range(27))), tuple(STEPS))
    assert list(rows(family, instance, STEPS)) == as_rows(family, instance, STEPS)


def test_an_empty_answer_is_refused():
    broken = Instance(0, 0, None, ("a", " ", *map(str, range(28))), tuple(STEPS))
    with pytest.raises(ConfigError, match="has no gold answer"):
        list(rows(written(last), broken, STEPS))


def test_ids_that_part_from_those_of_questions_are_told(monkeypatch):
    monkeypatch.setattr("hf_lore.questions.content_hash", lambda *fields: "q-0123456789abcdef")
    with pytest.raises(HfLoreError, match="the question is q-0123456789abcdef; fix: report"):
        list(rows(written(last), Instance(0, 0, None, ("a",) * 30, tuple(STEPS)), STEPS))
