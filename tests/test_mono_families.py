"""Every family of LORE-Mono through every gate."""

import itertools
import json
from pathlib import Path

import pytest

from hf_lore.mono.family import MOST_STEPS, families
from hf_lore.mono.gates import trajectory_defects
from hf_lore.mono_checks import answer_defects, prompt_text_defects, second_way_defects

GOLDEN = Path(__file__).parent / "cases" / "mono_golden.json"
STEPS = range(1, MOST_STEPS + 1)
SEEDS = range(5)


@pytest.fixture(params=families(), ids=lambda f: f"{f.domain}-{f.name}")
def family(request):
    return request.param


def test_instances_pass_the_gates_of_trajectories(family):
    for seed in SEEDS:
        instance = family.instance(seed, 0)
        answers, ops, idle = family.trace(instance.setup)
        assert trajectory_defects(answers, family.answer_type) == []
        assert idle == []
        assert tuple(map(family.gold, answers)) == instance.answers
        assert all(a < b for a, b in itertools.pairwise(ops))


def test_counting_changes_no_answer(family):
    instance = family.instance(1, 0)
    state = family.module.start(instance.setup)
    for t in STEPS:
        state = family.module.step(instance.setup, state, t)
        answer = family.module.answer(instance.setup, state)
        assert family.gold(answer) == instance.answers[t - 1]


def test_a_second_way_gives_the_same_answers(family):
    for seed in SEEDS:
        instance = family.instance(seed, 0)
        assert second_way_defects(instance, family) == []


def test_prompts_pass_lint(family):
    for seed in SEEDS:
        instance = family.instance(seed, 0)
        prompts = {n: family.prompt(instance.setup, n) for n in STEPS}
        assert len(set(prompts.values())) == len(prompts)
        assert prompt_text_defects(instance, family) == []


def test_the_right_answer_verifies_and_its_neighbours_do_not(family):
    assert answer_defects(family.instance(0, 0), family) == []


def test_golden_answers(family):
    """At N = 1, 2, 10, 30 of seed 0; a change of these needs a new VERSION."""
    golden = json.loads(GOLDEN.read_text())
    instance = family.instance(0, 0)
    now = {"version": family.version, **{str(n): instance.answers[n - 1] for n in (1, 2, 10, 30)}}
    assert golden.get(family.name) == now, (
        "fix: raise VERSION, then run tests/record_mono_golden.py"
    )
