"""Eight more machines, and the larger world of a bigger patient: more subjects, longer chains.

They are of the same kind as the four of `world.py` (a state of a few characters, operations of one
primitive step each) and stand apart so that the tiny reasoner's world stays what it is, and with it
every question's id. No operation is a word that a state can spell, since each is one token.
Standard library only.
"""

import random
from collections.abc import Callable

from .world import FAMILIES, Family, World

__all__ = ["LARGE_WORLD", "MORE_FAMILIES"]

# Four times the tiny reasoner's: what a chain of it leaves to a terse trace is out of its reach.
LARGE_MAX_STEPS = 24
_KING = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}
_TONES = {"semitone": 1, "tone": 2, "third": 4, "fourth": 5, "fifth": 7}


def _drawn(characters: str, count: int) -> Callable[[random.Random], str]:
    return lambda rng: "".join(rng.choice(characters) for _ in range(count))


def _clock(rng: random.Random) -> str:
    return f"{rng.randrange(24):02}{15 * rng.randrange(4):02}"


def _note(rng: random.Random) -> str:
    return f"{rng.randrange(12):02}"


def _square(rng: random.Random) -> str:
    return rng.choice("abcdefgh") + rng.choice("12345678")


def _row(rng: random.Random) -> str:
    return "".join(rng.sample("pqrs", 4))


def _apply_bits(state: str, operation: str) -> str:
    if operation == "negate":
        return state.translate(str.maketrans("01", "10"))
    if operation == "rotl":
        return state[1:] + state[0]
    if operation == "rotr":
        return state[-1] + state[:-1]
    at = int(operation[-1]) - 1  # flip1 … flip4
    return state[:at] + "10"[int(state[at])] + state[at + 1 :]


def _apply_registers(state: str, operation: str) -> str:
    """Modulo 10: `addxy` puts x + y into x, `subxy` x - y, `setxy` y."""
    values = dict(zip("xyz", map(int, state)))
    word, target, source = operation[:3], operation[3], operation[4]
    sign = {"add": 1, "sub": -1, "set": 1}[word]
    kept = 0 if word == "set" else values[target]
    values[target] = (kept + sign * values[source]) % 10
    return "".join(map(str, values.values()))


def _apply_vectors(state: str, operation: str) -> str:
    """Modulo 7, on two digits (a, b)."""
    a, b = map(int, state)
    a, b = {
        "shear": (a + b, b),
        "lean": (a, a + b),
        "turn": (-b, a),
        "double": (2 * a, 2 * b),
        "mirror": (b, a),
    }[operation]
    return f"{a % 7}{b % 7}"


def _apply_tanks(state: str, operation: str) -> str:
    """One unit from the first tank to the second, modulo 10."""
    levels = dict(zip("abc", map(int, state)))
    levels[operation[0]] -= 1
    levels[operation[2]] += 1
    return "".join(str(level % 10) for level in levels.values())


def _apply_clocks(state: str, operation: str) -> str:
    minutes = {"hour": 60, "quarter": 15, "half": 30, "noon": 720}[operation.lstrip("+-")]
    sign = -1 if operation.startswith("-") else 1
    now = (60 * int(state[:2]) + int(state[2:]) + sign * minutes) % 1440
    return f"{now // 60:02}{now % 60:02}"


def _apply_notes(state: str, operation: str) -> str:
    if operation == "invert":
        return f"{-int(state) % 12:02}"
    return f"{(int(state) + _TONES[operation]) % 12:02}"


def _apply_kings(state: str, operation: str) -> str:
    x, y = ord(state[0]) - ord("a"), int(state[1]) - 1
    move_x, move_y = _KING[operation]
    return f"{'abcdefgh'[(x + move_x) % 8]}{(y + move_y) % 8 + 1}"


def _apply_rows(state: str, operation: str) -> str:
    if operation == "reverse":
        return state[::-1]
    if operation == "cycle":
        return state[1:] + state[0]
    i, j = (int(c) - 1 for c in operation[-2:])  # trade12 … trade34
    letters = list(state)
    letters[i], letters[j] = letters[j], letters[i]
    return "".join(letters)


MORE_FAMILIES: dict[str, Family] = {
    f.subject: f
    for f in (
        Family(
            subject="bits",
            domain="code",
            answer_type="str",
            before="A register of 4 bits holds ",
            between=". Execute",
            operations=("negate", "rotl", "rotr", "flip1", "flip2", "flip3", "flip4"),
            start=_drawn("01", 4),
            apply=_apply_bits,
        ),
        Family(
            subject="registers",
            domain="code",
            answer_type="str",
            before="Registers x, y, z hold ",
            between=". Execute",
            operations=tuple(
                f"{word}{pair}"
                for word in ("add", "sub", "set")
                for pair in ("xy", "yz", "zx", "yx", "zy", "xz")
            ),
            start=_drawn("0123456789", 3),
            apply=_apply_registers,
        ),
        Family(
            subject="vectors",
            domain="math",
            answer_type="str",
            before="Modulo 7, take the vector ",
            between=" and apply",
            operations=("shear", "lean", "turn", "double", "mirror"),
            start=_drawn("0123456", 2),
            apply=_apply_vectors,
        ),
        Family(
            subject="tanks",
            domain="science",
            answer_type="str",
            before="Tanks a, b, c hold ",
            between=". Pour",
            operations=("a>b", "b>a", "b>c", "c>b", "c>a", "a>c"),
            start=_drawn("0123456789", 3),
            apply=_apply_tanks,
        ),
        Family(
            subject="clocks",
            domain="science",
            answer_type="str",
            before="A clock of 24 hours shows ",
            between=". Move it",
            operations=("+hour", "-hour", "+quarter", "-quarter", "+half", "-half", "+noon"),
            start=_clock,
            apply=_apply_clocks,
        ),
        Family(
            subject="notes",
            domain="science",
            answer_type="str",
            before="Of 12 notes take ",
            between=" and go by",
            operations=(*_TONES, "invert"),
            start=_note,
            apply=_apply_notes,
        ),
        Family(
            subject="kings",
            domain="math",
            answer_type="str",
            before="A king on an 8 by 8 torus is at ",
            between=". Move it",
            operations=tuple(_KING),
            start=_square,
            apply=_apply_kings,
        ),
        Family(
            subject="rows",
            domain="language",
            answer_type="str",
            before="Take the letters ",
            between=" and do",
            operations=("reverse", "cycle", "trade12", "trade23", "trade34", "trade14"),
            start=_row,
            apply=_apply_rows,
        ),
    )
}

LARGE_WORLD = World({**FAMILIES, **MORE_FAMILIES}, LARGE_MAX_STEPS)
