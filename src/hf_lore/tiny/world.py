"""The world of the tiny reasoner: four small machines, questions about them, and worked traces.

A question gives a start state and 1 to 6 operations, and asks for the end state. Every operation
is one primitive step, so `n_steps` is the question's complexity. Each family is a subject of its
own, so composites of up to four parts can be made of them.

A trace is the text a reasoner writes between its think tags, in one of three styles:

- `normal` writes every step;
- `verbose` writes every step as a sentence, with the state it starts from;
- `terse` leaves steps out and must do them in its head. Alone, it writes every third state; in a
  composite only the end states. It is the shortest and fails most.

Normal and verbose traces of a composite are exactly as long as those of its parts together: they
obey the compute law. Terse traces do not. Functions take this world unless told another, such as
`more_families.LARGE_WORLD`. Not covered: which style is written how often (that is the recipe's),
tokens (the tokenizer's). Standard library only.
"""

import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError
from ..questions import AnswerType, Question

__all__ = [
    "FAMILIES",
    "MAX_STEPS",
    "SMALL_WORLD",
    "STYLES",
    "Family",
    "Style",
    "World",
    "item_rng",
    "make_question",
    "render_completion",
    "render_trace",
    "solve",
    "tiny_questions",
]

# Part of every item's random generator: raise it when a family changes, so no id changes silently.
WORLD_VERSION = 1
MAX_STEPS = 6
# How many steps a terse trace of a single question does in its head at once.
TERSE_STRIDE = 3

Style = Literal["terse", "normal", "verbose"]
STYLES: tuple[Style, ...] = ("terse", "normal", "verbose")


@dataclass(frozen=True, slots=True)
class Family:
    """One machine.

    Args:
        subject (`str`): its name, the subject of its questions.
        domain (`str`): the domain of its questions.
        answer_type (`str`): how answers compare.
        before, between (`str`): the prompt is before + start + between + operations + ".".
        operations (`tuple[str, ...]`): as written, each after its number.
        start: draws a start state.
        apply: (state, operation) -> next state.
    """

    subject: str
    domain: str
    answer_type: AnswerType
    before: str
    between: str
    operations: tuple[str, ...]
    start: Callable[[random.Random], str]
    apply: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class World:
    """Machines, and how long their chains are.

    Args:
        families (`Mapping[str, Family]`): subject → machine.
        max_steps (`int`): operations of the longest question.
    """

    families: Mapping[str, Family]
    max_steps: int


def _digits(count: int) -> Callable[[random.Random], str]:
    return lambda rng: "".join(rng.choice("0123456789") for _ in range(count))


def _letters(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(3))


def _robot(rng: random.Random) -> str:
    return _digits(2)(rng) + rng.choice("NESW")


def _apply_arithmetic(state: str, operation: str) -> str:
    x, y = int(state), int(operation[1:])
    value = x + y if operation[0] == "+" else x - y if operation[0] == "-" else x * y
    return str(value % 10)


def _apply_strings(state: str, operation: str) -> str:
    if operation in ("next", "prev"):
        shift = 1 if operation == "next" else -1
        return "".join(chr((ord(c) - ord("a") + shift) % 26 + ord("a")) for c in state)
    order = {"rotate": (1, 2, 0), "swap": (1, 0, 2), "flip": (2, 1, 0)}
    return "".join(state[i] for i in order[operation])


def _apply_dials(state: str, operation: str) -> str:
    if operation == "roll":
        return state[2] + state[:2]
    dial, turn = "abc".index(operation[0]), 1 if operation[1] == "+" else -1
    digits = [int(c) for c in state]
    digits[dial] = (digits[dial] + turn) % 10
    return "".join(map(str, digits))


def _apply_robots(state: str, operation: str) -> str:
    x, y, heading = int(state[0]), int(state[1]), "NESW".index(state[2])
    if operation in ("left", "right"):
        return f"{x}{y}{'NESW'[(heading + (1 if operation == 'right' else 3)) % 4]}"
    step_x, step_y = ((0, 1), (1, 0), (0, -1), (-1, 0))[heading]
    sign = 1 if operation == "go" else -1
    return f"{(x + sign * step_x) % 10}{(y + sign * step_y) % 10}{state[2]}"


FAMILIES: dict[str, Family] = {
    f.subject: f
    for f in (
        Family(
            subject="arithmetic",
            domain="math",
            answer_type="int",
            before="Modulo 10, start at ",
            between=" and apply",
            operations=tuple(
                [f"+{d}" for d in range(1, 10)]
                + [f"-{d}" for d in range(1, 10)]
                + [f"*{d}" for d in range(2, 10)]
            ),
            start=_digits(1),
            apply=_apply_arithmetic,
        ),
        Family(
            subject="strings",
            domain="language",
            answer_type="str",
            before="Take the word ",
            between=" and apply",
            operations=("rotate", "swap", "flip", "next", "prev"),
            start=_letters,
            apply=_apply_strings,
        ),
        Family(
            subject="dials",
            domain="science",
            answer_type="str",
            before="Dials a, b, c show ",
            between=". Turn",
            operations=("a+", "b+", "c+", "a-", "b-", "c-", "roll"),
            start=_digits(3),
            apply=_apply_dials,
        ),
        Family(
            subject="robots",
            domain="code",
            answer_type="str",
            before="A robot on a 10 by 10 torus is at ",
            between=". Run",
            operations=("go", "retreat", "left", "right"),
            start=_robot,
            apply=_apply_robots,
        ),
    )
}


SMALL_WORLD = World(FAMILIES, MAX_STEPS)


def item_rng(*key: object) -> random.Random:
    """A generator for one item, derived by hash: neighbouring seeds and indices share nothing."""
    text = ":".join(map(str, (*key, WORLD_VERSION)))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def make_question(family: Family, n_steps: int, rng: random.Random) -> Question:
    """One question of `family` with `n_steps` operations, its gold computed by the machine."""
    start = family.start(rng)
    operations = [rng.choice(family.operations) for _ in range(n_steps)]
    text = "".join(f" ({i}) {operation}" for i, operation in enumerate(operations, 1))
    return Question(
        prompt=f"{family.before}{start}{family.between}{text}.",
        gold=(_run(family, start, operations)[-1],),
        answer_types=(family.answer_type,),
        domain=family.domain,
        subject=family.subject,
        n_steps=n_steps,
        reference_ops=n_steps,
    )


def tiny_questions(
    count: int,
    seed: int,
    subjects: Sequence[str] | None = None,
    min_steps: int = 1,
    max_steps: int | None = None,
    *,
    world: World = SMALL_WORLD,
) -> list[Question]:
    """Draw unique questions, subjects in turn, step counts uniform.

    Args:
        count: how many.
        seed: of the draw. A smaller `count` gives a prefix of a larger one.
        subjects: names in the world's families; None is all of them.
        min_steps, max_steps: bounds of `n_steps`, within 1 and the world's, its default.
        world: whose machines.

    Returns:
        `count` questions with distinct ids.

    Raises:
        ConfigError: an unknown subject, bounds out of range, or more questions than there are.
    """
    families = world.families
    max_steps = world.max_steps if max_steps is None else max_steps
    names = tuple(subjects) if subjects is not None else tuple(families)
    if count < 1:
        raise ConfigError(f"count is {count}: nothing to ask; fix: at least 1")
    unknown = [name for name in names if name not in families]
    if unknown or not names:
        raise ConfigError(
            f"subjects {unknown or 'none'} are not of this world; fix: use some of "
            + ", ".join(families)
        )
    if not 1 <= min_steps <= max_steps <= world.max_steps:
        raise ConfigError(
            f"steps {min_steps} to {max_steps} are out of range; fix: 1 <= min_steps <= max_steps "
            f"<= {world.max_steps}"
        )
    questions: dict[str, Question] = {}
    for index in range(count):
        name = names[index % len(names)]
        # One-step questions are few; 200 draws without a new one mean the world is used up.
        for attempt in range(200):
            rng = item_rng(name, seed, index, attempt)
            question = make_question(families[name], rng.randint(min_steps, max_steps), rng)
            if question.id not in questions:
                questions[question.id] = question
                break
        else:
            raise ConfigError(
                f"{name} has too few different questions of {min_steps} to {max_steps} steps for "
                f"{count} in all; fix: ask for fewer, or allow more steps"
            )
    return list(questions.values())


def _run(family: Family, start: str, operations: Sequence[str]) -> list[str]:
    states = [start]
    for operation in operations:
        states.append(family.apply(states[-1], operation))
    return states


def solve(question: Question, world: World = SMALL_WORLD) -> tuple[list[str], list[str]]:
    """Read a question of a world back from its prompt.

    Returns:
        Its operations [n_steps] and its states [n_steps + 1], start included.

    Raises:
        ConfigError: a question of no family of this world.
    """
    if family := world.families.get(question.subject):
        form = re.escape(family.before) + r"(\w+)" + re.escape(family.between) + r" ([^.]+)\."
        if match := re.fullmatch(form, question.prompt):
            operations = match[2].split(" ")[1::2]
            return operations, _run(family, match[1], operations)
    raise ConfigError(
        f"{question.prompt[:60]!r} is not a question of the tiny world; fix: use tiny_questions"
    )


def render_trace(
    parts: Question | Sequence[Question], style: Style, world: World = SMALL_WORLD
) -> str:
    """What a reasoner in that style writes between its think tags.

    Args:
        parts: one question, or the parts of a composite in order.
        style: "terse", "normal" or "verbose"; one style for the whole trace.
        world: whose questions they are.

    Returns:
        One line a part; a terse composite is a single line of end states.
    """
    questions = [parts] if isinstance(parts, Question) else list(parts)
    solved = [solve(question, world) for question in questions]
    if style == "terse" and len(solved) > 1:
        return "Quick: " + " ".join(states[-1] for _, states in solved) + "\n"
    return "".join(
        _render_part(world.families[question.subject], operations, states, style)
        for question, (operations, states) in zip(questions, solved, strict=True)
    )


def _render_part(family: Family, operations: list[str], states: list[str], style: Style) -> str:
    if style == "terse":
        # Counted from the end, so that the last state written is the answer.
        kept = states[:0:-1][::TERSE_STRIDE][::-1]
        return "Quick: " + " ".join(kept) + "\n"
    steps = enumerate(zip(states[:-1], operations, states[1:], strict=True), 1)
    if style == "normal":
        written = "".join(f" ({i}) {operation}={after}" for i, (_, operation, after) in steps)
        return f"Steps: {family.before}{states[0]}{written}\n"
    sentences = (
        f" ({i}) {operation} on {before} gives {after}" for i, (before, operation, after) in steps
    )
    return f"Careful: {family.before}{states[0]}{';'.join(sentences)}\n"


def render_completion(
    parts: Question | Sequence[Question], style: Style, world: World = SMALL_WORLD
) -> str:
    """The trace, the closing think tag, and one box a part in order; no end-of-text token."""
    questions = [parts] if isinstance(parts, Question) else list(parts)
    boxes = " ".join(rf"\boxed{{{solve(question, world)[1][-1]}}}" for question in questions)
    return f"{render_trace(questions, style, world)}</think>\n{boxes}"
