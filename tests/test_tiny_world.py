"""The tiny world: answers recomputed from the prompt by other means, traces that obey the law."""

import random
import re

import pytest

from hf_lore.errors import ConfigError
from hf_lore.questions import Question, compose
from hf_lore.tiny import render_trace, tiny_questions
from hf_lore.tiny.world import FAMILIES, STYLES, render_completion, solve

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
WORD, TORUS = "Take the word", "A robot on a 10 by 10 torus"


def second_answer(prompt: str) -> str:
    """The answer from the prompt's words alone, written without looking at the machines."""
    steps = re.findall(r"\(\d\) ([^ .]+)", prompt)
    assert [int(i) for i in re.findall(r"\((\d)\)", prompt)] == list(range(1, len(steps) + 1))
    if match := re.match(r"Modulo 10, start at (\d) and apply \(", prompt):
        value = match[1]
        for step in steps:
            value = f"({value}){step}"
        return str(eval(value) % 10)
    if match := re.match(r"Take the word ([a-z]{3}) and apply \(", prompt):
        x, y, z = match[1]
        for step in steps:
            if step == "rotate":
                x, y, z = y, z, x
            elif step == "swap":
                x, y = y, x
            elif step == "flip":
                x, z = z, x
            else:
                # In a repeated alphabet, next and prev never run off the end.
                move = {"next": 1, "prev": -1}[step]
                x, y, z = ((ALPHABET * 3)[26 + ALPHABET.index(c) + move] for c in (x, y, z))
        return x + y + z
    if match := re.match(r"Dials a, b, c show (\d)(\d)(\d)\. Turn \(", prompt):
        dials = [int(match[i]) for i in (1, 2, 3)]
        for step in steps:
            if step == "roll":
                dials = [dials[2], *dials[:2]]
            else:
                dials[ord(step[0]) - ord("a")] += int(step[1] + "1")
        return "".join(str(dial % 10) for dial in dials)
    match = re.match(r"A robot on a 10 by 10 torus is at (\d)(\d)([NESW])\. Run \(", prompt)
    assert match, prompt
    at = complex(int(match[1]), int(match[2]))
    heading = {"N": 1j, "E": 1, "S": -1j, "W": -1}[match[3]]
    for step in steps:
        if step == "go":
            at += heading
        elif step == "retreat":
            at -= heading
        else:
            heading *= {"left": 1j, "right": -1j}[step]
    facing = {1j: "N", 1: "E", -1j: "S", -1: "W"}[complex(heading)]
    return f"{int(at.real) % 10}{int(at.imag) % 10}{facing}"


def test_answers_agree_with_a_second_implementation():
    questions = tiny_questions(800, seed=3)
    assert all(second_answer(q.prompt) == q.gold[0] for q in questions)


@pytest.mark.parametrize(
    ("subject", "prompt", "answer"),
    [
        # 7 + 5 = 12 -> 2; 2 * 4 = 8; 8 - 9 = -1 -> 9
        ("arithmetic", "Modulo 10, start at 7 and apply (1) +5 (2) *4 (3) -9.", "9"),
        # zab -> abz -> baz -> zab -> abc
        ("strings", f"{WORD} zab and apply (1) rotate (2) swap (3) flip (4) next.", "abc"),
        # 093 -> 993 -> 903 -> 390 -> 380
        ("dials", "Dials a, b, c show 093. Turn (1) a- (2) b+ (3) roll (4) b-.", "380"),
        # at (0, 9) facing N: go to (0, 0); face W; go to (9, 0); retreat to (0, 0)
        ("robots", f"{TORUS} is at 09N. Run (1) go (2) left (3) go (4) retreat.", "00W"),
    ],
)
def test_machines_by_hand(subject, prompt, answer):
    question = Question(prompt=prompt, gold=(answer,), answer_types=("str",), subject=subject)
    assert solve(question)[1][-1] == answer
    assert second_answer(prompt) == answer


def test_questions_are_unique_seeded_and_prefixes():
    questions = tiny_questions(400, seed=1)
    assert len({q.id for q in questions}) == 400
    assert questions[:40] == tiny_questions(40, seed=1)
    shifted = {q.id for q in tiny_questions(400, seed=2)}
    # Neighbouring seeds share only the few one- and two-step questions there are.
    assert len(shifted & {q.id for q in questions if q.n_steps > 2}) == 0


def test_questions_carry_what_the_pipeline_reads():
    questions = tiny_questions(400, seed=0)
    assert {q.subject for q in questions} == set(FAMILIES)
    assert {q.n_steps for q in questions} == set(range(1, 7))
    assert all(q.reference_ops == q.n_steps and q.domain for q in questions)
    types = {q.subject: q.answer_types for q in questions}
    assert types["arithmetic"] == ("int",)
    assert types["strings"] == types["dials"] == types["robots"] == ("str",)
    only = tiny_questions(20, seed=0, subjects=["robots"], min_steps=2, max_steps=3)
    assert {q.subject for q in only} == {"robots"}
    assert {q.n_steps for q in only} == {2, 3}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": 5, "subjects": ["chess"]}, "chess"),
        ({"count": 5, "subjects": []}, "none"),
        ({"count": 5, "max_steps": 7}, "<= 6"),
        # 10 starts, 9 + 9 + 8 operations: 260 one-step questions, no more.
        ({"count": 300, "subjects": ["arithmetic"], "max_steps": 1}, "too few"),
    ],
)
def test_bad_arguments_are_one_line_with_a_fix(arguments, says):
    with pytest.raises(ConfigError) as error:
        tiny_questions(**{"seed": 0, **arguments})
    assert says in str(error.value)
    assert "fix:" in str(error.value)
    assert "\n" not in str(error.value)


def test_questions_of_other_worlds_are_refused():
    with pytest.raises(ConfigError, match="tiny world"):
        render_trace(Question(prompt="1+1?", gold=("2",)), "normal")


def test_traces_by_hand():
    question = Question(
        prompt="Modulo 10, start at 7 and apply (1) +5 (2) *4 (3) -9 (4) +1.",
        gold=("0",),
        subject="arithmetic",
    )
    normal = "Steps: Modulo 10, start at 7 (1) +5=2 (2) *4=8 (3) -9=9 (4) +1=0\n"
    assert render_trace(question, "normal") == normal
    assert render_trace(question, "terse") == "Quick: 2 0\n"
    assert render_trace(question, "verbose") == (
        "Careful: Modulo 10, start at 7 (1) +5 on 7 gives 2; (2) *4 on 2 gives 8; "
        "(3) -9 on 8 gives 9; (4) +1 on 9 gives 0\n"
    )
    other = Question(
        prompt="Take the word cab and apply (1) swap.", gold=("acb",), subject="strings"
    )
    assert render_trace([question, other], "terse") == "Quick: 0 acb\n"
    assert render_completion([question, other], "normal") == (
        f"{normal}Steps: Take the word cab (1) swap=acb\n</think>\n\\boxed{{0}} \\boxed{{acb}}"
    )


def test_only_terse_traces_break_the_compute_law():
    questions = tiny_questions(160, seed=5)
    random.Random(0).shuffle(questions)
    for i in range(0, 160, 4):
        for parts in (questions[i : i + 2], questions[i : i + 4]):
            alone = {s: [len(render_trace(q, s)) for q in parts] for s in STYLES}
            together = {s: len(render_trace(parts, s)) for s in STYLES}
            assert together["normal"] == sum(alone["normal"])
            assert together["verbose"] == sum(alone["verbose"])
            assert together["terse"] < sum(alone["terse"])
            for terse, normal, verbose in zip(*(alone[s] for s in STYLES), strict=True):
                assert terse < normal < verbose


def test_composites_keep_the_order_of_golds():
    parts = tiny_questions(4, seed=0)
    composed = compose(parts)
    boxes = re.findall(r"\\boxed\{(\w+)\}", render_completion(parts, "terse"))
    assert tuple(boxes) == composed.gold
