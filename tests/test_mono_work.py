"""Units of work counted by hand, and the shortcuts on sequences that are known."""

import importlib.util
import itertools
import random
from math import gcd

import pytest

from hf_lore.mono.shortcuts import (
    PRIME,
    _all_minors,
    _in_a_row,
    _minors,
    _recurrence,
    _solve,
    best_shortcut,
    component_columns,
    linear_complexity,
)
from hf_lore.mono.work import CountedSolution, UncountableError

MODULAR = "linear recurrence with a modulus"
FIBONACCI = [1, 1]
while len(FIBONACCI) < 30:
    FIBONACCI.append(FIBONACCI[-1] + FIBONACCI[-2])


@pytest.fixture
def counted(tmp_path):
    """Compiles the source of a solution; `answer` defaults to the state itself."""
    numbers = itertools.count()

    def compile_(step, answer="def answer(setup, state):\n    return state\n"):
        path = tmp_path / f"solution{next(numbers)}.py"
        path.write_text(step + "\n" + answer)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return CountedSolution(module)

    return compile_


def units(solution, state, setup=None, t=1):
    solution.reset()
    solution.step(setup, state, t)
    return solution.ops


@pytest.mark.parametrize(
    ("body", "state", "wanted"),
    [
        # x * 3: 1; + t: 1; write: 1.
        ("y = x * 3 + t\nreturn y", 5, 3),
        # Reading a name is free, and so is a negative literal; x + -1: 1.
        ("return x + -1", 5, 1),
        # Index: 1; comparison: 1; taken side: write 1, +: 1.
        ("if x[0] > 2:\n    t = t + 1\nreturn t", (3,), 4),
        # The side not taken costs nothing: index 1, comparison 1.
        ("if x[0] > 2:\n    t = t + 1\nreturn t", (1,), 2),
        # Write 1; range 1; 3 turns of 1, each += with an operator and a write: 2.
        ("s = 0\nfor i in range(3):\n    s += i\nreturn s", 0, 1 + 1 + 3 * (1 + 2)),
        # Test at 2, 1, 0: 3 comparisons; 2 turns of an operator and a write.
        ("while x > 0:\n    x = x - 1\nreturn x", 2, 3 + 2 * 2),
        # A display of two elements: 2; min of two scalars: 2.
        ("return (x, min(x, t))", 7, 4),
        # sum of a sequence: its 4 elements; len: 1; //: 1.
        ("return sum(x) // len(x)", (1, 2, 3, 4), 6),
        # A slice: as many as it has elements, 2; list of 2: 2; write 1.
        ("y = list(x[1:])\nreturn y", (1, 2, 3), 5),
        # list(x): 2; write 1. An element read 1, an operator 1, the element written 1; twice.
        ("y = list(x)\ny[0] = y[0] + 1\ny[1] += 1\nreturn y", (1, 2), 2 + 1 + 3 + 3),
        # Comprehension: 2 turns of 1, each with one operator.
        ("return [v + 1 for v in x]", (1, 2), 4),
        # `and` stops at the first false: comparison 1.
        ("return x > 1 and x < 5", 0, 1),
        # Both: comparison 1, the connective 1, comparison 1.
        ("return x > 1 and x < 5", 2, 3),
        # A choice inside of what a comprehension runs over: comparison 1; connective 1 and
        # comparison 1; 2 turns of 1.
        ("return [v for v in (x if t > 0 and t < 5 else x)]", (1, 2), 1 + 2 + 2),
        # Three writes and `+` in a row, then a loop of one turn (range 1, turn 1, write 1).
        ("a = x\nb = a + t\nc = b\nfor i in range(1):\n    a = c\nreturn a", 1, 3 + 1 + 1 + 2),
        # What comes after a `return` costs nothing: comparison 1.
        ("if x > 0:\n    return x\ny = x * x\nreturn y", 5, 1),
        # `count` walks through all: 3 elements and 1 argument; `append` touches one: 1; write 1.
        ("y = list(x)\ny.append(x.count(1))\nreturn y", (1, 2, 1), (3 + 1) + 1 + (3 + 1)),
        # Test 1; the side taken: * 1.
        ("return x * 2 if x > 1 else x + x + x", 4, 2),
    ],
)
def test_units_by_hand(counted, body, state, wanted):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    solution = counted(f"def step(setup, x, t):\n{lines}\n")
    assert units(solution, state) == wanted


def test_helpers_are_counted_and_the_answer_too(counted):
    solution = counted(
        "def double(v):\n    return v * 2\n\ndef step(setup, x, t):\n    return double(x) + 1\n",
        "def answer(setup, state):\n    return state % 10\n",
    )
    assert units(solution, 4) == 2
    assert solution.step(None, 4, 1) == 9
    assert solution.answer(None, 9) == 9
    assert solution.ops == 2 + 2 + 1


def test_the_size_of_integers_costs_nothing(counted):
    solution = counted("def step(setup, x, t):\n    return x * x\n")
    assert units(solution, 3) == units(solution, 10**50) == 1


def test_branches_that_are_never_taken_are_named(counted):
    solution = counted(
        "def step(setup, x, t):\n    if x > 100:\n        return 0\n    return x + 1\n"
    )
    units(solution, 5)
    assert solution.idle_branches() == ["`x > 100` (line 2) was never True"]
    solution.step(None, 200, 1)
    assert solution.idle_branches() == []


@pytest.mark.parametrize(
    "body",
    [
        "return (lambda v: v)(x)",
        "return (y := x)",
        "try:\n        return x\n    finally:\n        pass",
        "with open(x) as f:\n        return f",
        "yield x",
        "del x",
        "import math\n    return x",
    ],
)
def test_what_cannot_be_counted_is_refused(counted, body):
    with pytest.raises(UncountableError, match="has no defined work; fix: "):
        counted(f"def step(setup, x, t):\n    {body}\n")


# ---- shortcuts ----


def test_linear_complexity_of_known_sequences():
    assert linear_complexity(FIBONACCI) == 2
    assert linear_complexity([0] * 20) == 0
    assert linear_complexity([2**n for n in range(20)]) == 1
    # A polynomial of degree d has order d + 1.
    assert linear_complexity([n**2 + 1 for n in range(20)]) == 3
    # Fibonacci plus a constant: (x² − x − 1)(x − 1).
    assert linear_complexity([v + 5 for v in FIBONACCI]) == 3
    # The squares of Fibonacci: 3.
    assert linear_complexity([v * v for v in FIBONACCI]) == 3


def test_equations_modulo_composite_numbers():
    # 2x = 4 modulo 6: x = 2 or 5. 2x = 3: none.
    assert _solve([[2, 4]], 1, 6) in ([2], [5])
    assert _solve([[2, 3]], 1, 6) is None
    # 4x + 3y = 1 modulo 6 leaves, times 3, 3y = 3: y odd. y = 1: 4x = 4.
    x, y = _solve([[4, 3, 1]], 2, 6)
    assert (4 * x + 3 * y) % 6 == 1
    # 2x = 0, 3x = 3 modulo 6: x = 3.
    assert _solve([[2, 0], [3, 3]], 1, 6) == [3]
    # x = 1, x = 3 modulo 4: none, though both hold doubled.
    assert _solve([[1, 1], [1, 3]], 1, 4) is None
    assert _solve([[2, 2], [2, 2]], 1, 4) in ([1], [3])


def test_solvable_equations_are_solved():
    rng = random.Random(0)
    for _ in range(500):
        modulus, unknowns = rng.choice((4, 6, 8, 9, 12, 30, 97)), rng.choice((2, 3))
        chosen = [rng.randrange(modulus) for _ in range(unknowns)]
        rows = []
        for _ in range(rng.randrange(1, 6)):
            row = [rng.randrange(modulus) for _ in range(unknowns)]
            rows.append([*row, sum(a * b for a, b in zip(row, chosen)) % modulus])
        found = _solve(rows, unknowns, modulus)
        assert found is not None
        for *row, right in rows:
            assert sum(a * b for a, b in zip(row, found)) % modulus == right


def test_recurrences_are_found_in_the_least_order():
    assert _recurrence(FIBONACCI[:20], PRIME) == [1, 1, 0]
    assert _recurrence([5, *(7 for _ in range(19))], 11) is not None
    triangular = [n * (n + 1) // 2 for n in range(20)]
    assert _recurrence(triangular, PRIME) == [2, PRIME - 1, 1]  # 2 a(n−1) − a(n−2) + 1
    assert _recurrence([n**3 * 7919 % 9973 ^ n for n in range(20)], 9973) is None


def test_minors_let_every_true_modulus_through():
    """A sequence made by a recurrence modulo m has minors that m divides."""
    rng = random.Random(1)
    for modulus in (7, 12, 30, 97, 1000):
        for order in (1, 2, 3, 4):
            factors = [rng.randrange(modulus) for _ in range(order)]
            values = [rng.randrange(modulus) for _ in range(order)]
            while len(values) < 20:
                values.append((sum(f * v for f, v in zip(factors, values[::-1])) + 5) % modulus)
            assert _minors(values) % modulus == 0
    assert _minors(FIBONACCI[:20]) == 0
    # Sequences without one: hardly a modulus is left.
    free = _minors([rng.randrange(10**6) for _ in range(20)])
    assert free > 0
    assert sum(gcd(free, m) == m for m in range(500, 1200)) == 0


def test_minors_in_a_row_are_some_of_all_minors():
    rng = random.Random(6)
    for _ in range(50):
        increments = [rng.randrange(-99, 99) for _ in range(12)]
        if found := _in_a_row(increments):
            assert found % _all_minors(increments, 4) == 0
    # h(k + 1) by h(k − 1): 1, 2, 4, 8 … make every determinant of two rows 0.
    assert _in_a_row([2**n for n in range(12)]) == 0
    # By hand: order 4 of one window is a determinant of five rows; here of the unit matrix, turned.
    unit = [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert _all_minors(unit, 4) == 1


def test_a_recurrence_in_two_components():
    """Each has one modulo 997; an answer counts where both are right."""
    one, other = [4, 1], [3, 996]
    while len(one) < 30:
        one.append((7 * one[-1] + one[-2] + 3) % 997)
        other.append((2 * other[-1] + 3 * other[-2]) % 997)
    assert best_shortcut(list(zip(one, other)), "seq") == (MODULAR, 10)
    off = [*other[:29], other[29] + 1]
    assert best_shortcut(list(zip(one, off)), "seq") == (MODULAR, 9)
    free = [n**5 * 7919 % 4999 for n in range(30)]
    for columns in ((one, free), (free, one)):
        assert best_shortcut(list(zip(*columns)), "seq")[1] == 0


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ([7] * 30, "polynomial of degree 0"),
        ([n**3 - n for n in range(30)], "polynomial of degree 3"),
        ([n * n % 5 for n in range(30)], "period 5"),
        ([10 * n + n % 4 for n in range(30)], "increments of period 4"),
        (FIBONACCI, "linear recurrence"),
        ([v % 991 for v in FIBONACCI], MODULAR),
        # Moduli above those that are tried one by one; 10007 and 1000003 are primes, 46800 is not.
        ([pow(5, n, 10007) for n in range(30)], MODULAR),
        ([(pow(7, n, 1000003) + 12) % 1000003 for n in range(30)], MODULAR),
        ([v * 3331 % 46800 for v in FIBONACCI], MODULAR),
        ([5, 1, *[(3, 9, 4, 8, 2, 6, 0)[n % 7] for n in range(28)]], "period 7"),
    ],
)
def test_each_shortcut_is_found(answers, name):
    assert best_shortcut(answers, "int") == (name, 10)


def test_a_walk_on_few_values_is_looked_up():
    # A permutation's cycle of 18: longer than any period tried.
    walk = [pow(3, n, 19) ^ 64 for n in range(36)]
    assert best_shortcut(walk[:30], "int") == ("look-up of the last successor", 10)


def test_every_component_must_be_right():
    rng = random.Random(3)
    free = [rng.randrange(1000) for _ in range(30)]
    assert best_shortcut([(n, n) for n in range(30)], "seq") == ("polynomial of degree 1", 10)
    assert best_shortcut([(n, f) for n, f in enumerate(free)], "seq")[1] <= 1


def test_words_of_uneven_length_are_no_straight_line():
    rng = random.Random(4)
    words = ["".join(rng.choices("abcdefgh", k=rng.randrange(3, 9))) for _ in range(30)]
    assert len(component_columns(words, "str")) == 1
    assert best_shortcut(words, "str")[1] == 0
    assert best_shortcut([("a", "bb", "ccc")[n % 3] for n in range(30)], "str")[1] == 10


def test_a_walk_over_words_is_looked_up_whole():
    """Each word has one successor, but its letters have several."""
    words = ["ab", "ba", "aa", "bb", "ca", "ac", "bc"]
    answers = [words[i * i % 7] for i in range(1, 31)]
    after = dict(itertools.pairwise(answers[:20]))
    right = sum(after.get(answers[i - 1]) == answers[i] for i in range(20, 30))
    assert best_shortcut(answers, "str")[1] >= right > 0
