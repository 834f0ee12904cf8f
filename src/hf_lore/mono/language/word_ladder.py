"""A walk over a word ladder, where each word keeps the number that says which rung is next."""

import random
from bisect import insort
from functools import cache
from typing import NamedTuple

VERSION = 1
ANSWER = "int"

WORDS = (
    "bare", "barn", "bead", "bear", "bold", "bolt", "bond", "born", "card", "care", "cart", "cold",
    "colt", "cord", "core", "corn", "dare", "dark", "fond", "food", "fool", "foot", "ford", "fore",
    "fork", "form", "fort", "gold", "golf", "good", "hold", "hole", "lark", "load", "lord", "mare",
    "mark", "mood", "moon", "more", "park", "part", "pole", "poll", "pond", "pool", "port", "road",
    "role", "sold", "sole", "sore", "told", "tore", "torn", "ward", "warm", "warn", "wolf", "wood",
    "word", "wore", "work", "worm", "worn",
)  # fmt: skip


class Setup(NamedTuple):
    words: tuple[str, ...]
    rungs: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]


def draw(rng: random.Random) -> Setup:
    words: list[str] = []
    while not words or any(len(_joined(word).intersection(words)) < 2 for word in words):
        words = ["cord", "word"]
        met = _joined("cord") | _joined("word")
        near = sorted(met.difference(words))
        while len(words) < 11:
            # Some 25 ladders are tried for one that serves: what may join is kept, sorted
            # as `WORDS` is.
            word = rng.choice(near)
            words.append(word)
            near.remove(word)
            for other in _joined(word) - met:
                insort(near, other)
            met |= _joined(word)
    rng.shuffle(words)
    return Setup(tuple(words), _rungs(words), tuple(rng.randrange(10) for _ in words))


def _rungs(words: list[str]) -> tuple[tuple[int, ...], ...]:
    order = sorted(range(len(words)), key=lambda i: words[i])
    return tuple(tuple(i for i in order if words[i] in _joined(word)) for word in words)


@cache
def _joined(word: str) -> frozenset[str]:
    return frozenset(w for w in WORDS if _apart(word, w) == 1)


def _apart(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other))


def start(setup: Setup) -> tuple[int, list[int], int]:
    return 0, list(setup.counts), 0


def step(setup: Setup, state: tuple[int, list[int], int], t: int) -> tuple[int, list[int], int]:
    at, counts, score = state
    rungs = setup.rungs[at]
    new = rungs[counts[at] % len(rungs)]
    old, word = setup.words[at], setup.words[new]
    place = 0
    while old[place] == word[place]:
        place = place + 1
    move = ord(word[place]) - ord(old[place])
    changed = list(counts)
    if move > 0:
        score = score + move * (place + 1)
        changed[at] = changed[at] + move
    else:
        score = score + move - counts[at]
        changed[at] = changed[at] + t
    return new, changed, score


def answer(setup: Setup, state: tuple[int, list[int], int]) -> int:
    at, counts, score = state
    return score


def question(setup: Setup, n: int) -> str:
    lines = "\n".join(
        f"- {word}, {count}: {', '.join(setup.words[i] for i in rungs)}"
        for word, count, rungs in zip(setup.words, setup.counts, setup.rungs)
    )
    return (
        "On a word ladder, words that differ in exactly one letter are joined. Each line gives a "
        "word, the number it has at the start, and the list of the words it is joined to:\n"
        f"{lines}\n\n"
        f"A walk begins at `{setup.words[0]}` with a score of 0. In step $t$ (the steps are "
        "numbered 1, 2, 3 and so on), let the present word have the number $c$ and a list of $k$ "
        "words, counted from 0. The walk goes to the word at place $c \\bmod k$ of the list. "
        "One letter changes: let $p$ be its place in the word (1 to 4) and $d$ the number of "
        "places in the alphabet between the old letter and the new one.\n"
        "- If the new letter is later in the alphabet, the score rises by $p \\cdot d$, and the "
        "number of the word just left rises by $d$.\n"
        "- If it is earlier, the score falls by $c + d$, and the number of the word just left "
        "rises by $t$.\n\n"
        f"What is the score after step {n}? It may be negative."
    )


def check(setup: Setup, n: int) -> int:
    from string import ascii_lowercase

    rank = {letter: i for i, letter in enumerate(ascii_lowercase)}
    number = dict(zip(setup.words, setup.counts))
    here, score = setup.words[0], 0
    for t in range(1, n + 1):
        joined = sorted(
            {here[:i] + c + here[i + 1 :] for i in range(4) for c in rank} & {*number} - {here}
        )
        there = joined[number[here] % len(joined)]
        changes = [rank[new] - rank[old] for old, new in zip(here, there)]
        rise, fall = max(changes), -min(changes)
        score += rise * (changes.index(rise) + 1) if rise else -fall - number[here]
        number[here] += rise or t
        here = there
    return score
