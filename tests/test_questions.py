"""Questions and composites: frozen, found by content, worded as the paper words them."""

import dataclasses

import pytest

from hf_lore.errors import ConfigError
from hf_lore.questions import CONNECTOR, Composite, Question, compose

A = Question("What is 1 + 1?", ("2",), domain="math", subject="Algebra", n_steps=1, reference_ops=3)
B = Question("Spell cat.", ("cat",), ("str",), domain="language", subject="Words", n_steps=2)


def test_id_is_content():
    same = Question("What is 1 + 1?", ("2",), subject="Geometry", level="5")
    assert A.id == same.id, "subject and level do not change what is asked"
    assert A.id != Question("What is 1 + 1?", ("3",)).id
    assert A.id != Question("What is 1 + 1?", ("2",), ("int",)).id
    # printf '["What is 1 + 1?",["2"],["math"]]' | sha256sum | cut -c-16
    assert A.id == "q-59881032eb03999d"


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        A.prompt = "other"


def test_compose_is_the_papers_wording():
    composed = compose((A, B))
    assert composed.prompt == f"{CONNECTOR}\nQ1. What is 1 + 1?\nQ2. Spell cat."
    assert composed.gold == ("2", "cat")
    assert composed.answer_types == ("math", "str")
    assert composed.domain == "mixed"
    assert composed.n_steps == 3  # 1 + 2
    assert composed.reference_ops is None  # B's is unknown, so the sum is


def test_composite_roles_and_ids():
    composite = Composite((A, B), compose((A, B)))
    assert composite.roles == ("x1", "x2", "composed")
    assert [q.id for q in composite.questions] == [A.id, B.id, composite.composed.id]
    assert composite.id == Composite((A, B), compose((A, B)), seed=7).id
    assert composite.id != Composite((B, A), compose((B, A))).id
    assert composite.id != Composite((A, B), compose((A, B)), kind="chained").id


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"prompt": " ", "gold": ("1",)}, "empty prompt"),
        ({"prompt": "x", "gold": ()}, "no gold"),
        ({"prompt": "x", "gold": ("",)}, "no gold"),
        ({"prompt": "x", "gold": ("1", "2")}, "2 golds but 1 answer types"),
        ({"prompt": "x", "gold": ("1",), "answer_types": ("maths",)}, "'maths'"),
    ],
)
def test_bad_questions_say_why(kwargs, says):
    with pytest.raises(ConfigError, match=says) as error:
        Question(**kwargs)
    assert "fix:" in str(error.value)
    assert "\n" not in str(error.value)


def test_compose_needs_two():
    with pytest.raises(ConfigError, match="at least 2"):
        compose((A,))
