"""Gates of LORE-Mono that need more than a family: running programs, verifying answers, comparing
families with each other.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence

from .errors import HfLoreError
from .mono.family import MOST_STEPS, Family, Instance
from .mono.lint import prompt_defects
from .verification import grade

__all__ = [
    "answer_defects",
    "prompt_text_defects",
    "run_programs",
    "same_trajectories",
    "second_way_defects",
]

SECONDS, MEGABYTES = 20, 512
# Reads programs as JSON, runs each in a fresh namespace, prints their ANSWERs as JSON.
RUNNER = """
import json, sys
out = []
for program in json.load(sys.stdin):
    space = {"__name__": "__main__"}
    exec(compile(program, "program", "exec"), space)
    out.append(space["ANSWER"])
json.dump(out, sys.stdout)
"""


def run_programs(programs: Sequence[str]) -> list[object]:
    """`ANSWER` of each program, run as printed in a process without the environment, with limits on
    time and memory.

    Raises:
        HfLoreError: one raises, or takes too much.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", RUNNER],
            input=json.dumps(list(programs)),
            capture_output=True,
            text=True,
            timeout=2 * SECONDS,
            preexec_fn=limit,
            env={},
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HfLoreError(f"a program ran over {2 * SECONDS} s; fix: make it stop") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise HfLoreError(f"a program fails as printed: {last[0]}; fix: mend it")
    answers: list[object] = json.loads(done.stdout)
    return answers


def answer_defects(instance: Instance, family: Family) -> list[str]:
    """Whether each right answer, boxed, verifies, and the answers one step off do not."""
    defects = []
    for n, gold in enumerate(instance.answers, 1):
        if _verdict(gold, gold, family) != "correct":
            defects.append(f"N = {n}: {gold!r} does not verify against itself")
        for other in {*instance.answers[max(n - 2, 0) : n + 1]} - {gold}:
            if _verdict(other, gold, family) != "wrong":
                defects.append(f"N = {n}: {other!r} passes for {gold!r}")
    return defects


def prompt_text_defects(instance: Instance, family: Family) -> list[str]:
    """What `lint.prompt_defects` finds in the instance's prompts for N = 1 to 30."""
    defects = []
    prompts = {n: family.prompt(instance.setup, n) for n in range(1, MOST_STEPS + 1)}
    for n, prompt in prompts.items():
        other = MOST_STEPS if n < MOST_STEPS else MOST_STEPS - 1
        defects += prompt_defects(prompt, n, prompts[other], other, family.domain)
    return defects


def second_way_defects(instance: Instance, family: Family) -> list[str]:
    """Where another way gives other answers: `check`, or the program run as printed."""
    steps = range(1, len(instance.answers) + 1)
    if family.domain == "code":
        prompts = [family.prompt(instance.setup, n) for n in steps]
        found = run_programs([p.split("```python\n")[1].split("```")[0] for p in prompts])
    else:
        found = [family.module.check(instance.setup, n) for n in steps]
    return [
        f"N = {n}: {gold} by the steps, {family.gold(other)} by a second way"
        for n, gold, other in zip(steps, instance.answers, found, strict=True)
        if family.gold(other) != gold
    ]


def _verdict(answer: str, gold: str, family: Family) -> str:
    text = f"Step by step.\n</think>\n\nThe final answer is $\\boxed{{{answer}}}$."
    return grade(text, gold, [family.answer_type]).status


def same_trajectories(every: Sequence[Family]) -> list[tuple[str, str]]:
    """Pairs of families whose first instances have equal answers, or answers that are equal once
    both are scaled to run from 0 to 1: one dynamical system in two costumes.
    """
    seen: dict[tuple[object, ...], str] = {}
    pairs = []
    for family in every:
        answers, _, _ = family.trace(family.instance(0, 0).setup)
        shapes: list[tuple[object, ...]] = [tuple(map(family.gold, answers))]
        if family.answer_type == "int":
            low, high = min(answers), max(answers)
            shapes.append(tuple(round((a - low) / (high - low), 6) for a in answers))
        for shape in shapes:
            if shape in seen and seen[shape] != family.name:
                pairs.append((seen[shape], family.name))
            seen[shape] = family.name
    return sorted(set(pairs))
