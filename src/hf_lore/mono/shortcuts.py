"""Guessing machines: what someone could fit to the first answers without doing the work.

Each is fitted to the answers at N = 1..20 and predicts N = 21..30. A family whose answers one of
them gets right can be answered without thinking, and says nothing on reasoning.

Answers are vectors of integers: an `int` one number, a `seq` its items, a `str` its code points; a
prediction is right where every component is. Recurrences are fitted exactly, over the rationals
(Berlekamp and Massey, modulo a large prime: what holds over the rationals holds there) and modulo
every modulus up to `MOST_MODULUS`, and larger ones that show in the equations.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import blake2b
from itertools import accumulate, cycle, islice, pairwise, repeat
from math import gcd
from operator import and_, eq, sub
from typing import Any

__all__ = ["best_shortcut", "best_shortcut_of_columns", "component_columns", "linear_complexity"]

# Large enough that no answer reaches it and no chance relation appears.
PRIME = (1 << 61) - 1
# Every modulus up to this one is tried; of larger ones those that the equations' minors show.
MOST_MODULUS, MOST_MULTIPLE = 1200, 64
FITTED, MOST_ORDER, MOST_PERIOD, MOST_DEGREE = 20, 4, 16, 3
# Right predictions, of ten, at which a shortcut works. Answers with few values are hit by chance.
WORKS_FROM = 5
# Increments, beyond twice the order, of the equations whose minors are looked at first.
FEW = 4


def component_columns(answers: Sequence[Any], answer_type: str) -> list[list[int]]:
    """Answers as columns of integers. Items that are no integers are numbered by hash: numbers by
    first sight would be 0, 1, 2, … where all differ, which a straight line predicts.

    Returns:
        One list a component, each as long as `answers`; one column of numbered answers where
        lengths differ.
    """
    rows: Sequence[tuple[Any, ...]]
    if answer_type == "int":
        rows = [(a,) for a in answers]
    elif answer_type == "str":
        rows = [tuple(map(ord, a)) for a in answers]
    else:
        rows = [tuple(a) for a in answers]
    if len(set(map(len, rows))) != 1:
        rows = [(row,) for row in rows]
    return [
        list(column) if _are_integers(column) else list(map(_number, column))
        for column in zip(*rows)
    ]


def _are_integers(column: Sequence[Any]) -> bool:
    return all(issubclass(kind, int) for kind in set(map(type, column)))


def _number(item: Any) -> int:
    return int.from_bytes(blake2b(repr(item).encode(), digest_size=6).digest(), "big")


def linear_complexity(values: Sequence[int], prime: int = PRIME) -> int:
    """The order of the shortest linear recurrence modulo a prime (Berlekamp and Massey, 1969)."""
    current, previous = [1], [1]
    order, gap, last = 0, 1, 1
    for i, _ in enumerate(values):
        error = sum(c * values[i - j] for j, c in enumerate(current)) % prime
        if error == 0:
            gap += 1
            continue
        factor = error * pow(last, -1, prime) % prime
        size = max(len(current), len(previous) + gap)
        changed = current + [0] * (size - len(current))
        for j, c in enumerate(previous):
            changed[j + gap] = (changed[j + gap] - factor * c) % prime
        if 2 * order <= i:
            order, previous, last, gap = i + 1 - order, current, error, 1
        else:
            gap += 1
        current = changed
    return order


def best_shortcut(answers: Sequence[Any], answer_type: str) -> tuple[str, int]:
    """The shortcut that gets most of the last answers right.

    Args:
        answers: those at N = 1, 2, …, more than 20.
        answer_type: "int", "str" or "seq".

    Returns:
        Its name and how many of the answers after the 20th it gets right.
    """
    return best_shortcut_of_columns(component_columns(answers, answer_type))


def best_shortcut_of_columns(columns: Sequence[list[int]]) -> tuple[str, int]:
    """`best_shortcut` of answers that are columns already."""
    found = dict.fromkeys((*_GUESSES, LOOK_UP), 0)
    joined = _joined(columns)
    # No period is right where all answers are new, as is common.
    new = set(joined[FITTED:]).isdisjoint(joined[:FITTED])
    for name, guess in _GUESSES.items():
        if not (new and guess.func is _periodic):
            found[name] = sum(_hits(guess(joined), joined))
    found[LOOK_UP] = _look_up_in_each(columns)
    found.update(_recurrences(columns))
    if len(columns) > 1:
        # Letters have several successors where the whole word has one.
        rows = list(zip(*columns))
        found["look-up of the whole answer"] = sum(_hits(_look_up(rows), rows))
    best = max(found, key=found.__getitem__)  # the first of equals
    return best, found[best]


def _joined(columns: Sequence[list[int]]) -> list[int]:
    """One column in place of several, so that a guess is right in it where it is right in each.

    Guesses that add and subtract do so digit by digit, as long as no digit carries into the next: a
    polynomial's runs away fastest, to at most 14 n³ times the largest value n places on, n > 1.
    """
    joined = columns[0] if columns else []
    if len(columns) > 1:
        most = max(max(map(abs, column)) for column in columns)
        width = (most * 32 * max(len(joined) - FITTED, 2) ** 3 + 1).bit_length()
        for column in columns[1:]:
            joined = [(digits << width) + digit for digits, digit in zip(joined, column)]
    return joined


def _look_up_in_each(columns: Sequence[list[int]]) -> int:
    hits: list[bool] | None = None
    for column in columns:
        hits = _hits(_look_up(column), column, hits)
        if True not in hits:
            break
    return sum(hits or ())


def _hits(
    predicted: Iterable[Any], column: Sequence[Any], among: list[bool] | None = None
) -> list[bool]:
    """Which of a column's last values are as predicted; with `among`, only where that is true.
    Empty where nothing is predicted."""
    hits = map(eq, predicted, column[FITTED:])
    return list(hits if among is None else map(and_, hits, among))


def _polynomial(degree: int, column: list[int]) -> Iterable[int]:
    """The polynomial through the last degree + 1 values known, by differences."""
    ends, row = [], column[FITTED - degree - 1 : FITTED]
    while row:
        ends.append(row[-1])
        row = list(map(sub, row[1:], row))
    # Level by level: the values of one are the running sums of those of the next.
    level: Iterable[int] = repeat(ends.pop(), len(column) - FITTED)
    for end in reversed(ends):
        level = islice(accumulate(level, initial=end), 1, None)
    return level


def _periodic(period: int, column: list[int]) -> Iterable[int]:
    return cycle(column[FITTED - period : FITTED])


def _periodic_increments(period: int, column: list[int]) -> Iterable[int]:
    first = FITTED - period
    increments = map(sub, column[first:FITTED], column[first - 1 : FITTED - 1])
    return islice(accumulate(cycle(increments), initial=column[FITTED - 1]), 1, None)


def _look_up(column: Sequence[Any]) -> Iterable[Any]:
    after = dict(pairwise(column[:FITTED]))
    return map(after.get, column[FITTED - 1 : -1])


# Each takes a column, reads the first 20 values, and predicts the others in order.
_GUESSES: dict[str, "partial[Iterable[int]]"] = {
    **{f"polynomial of degree {d}": partial(_polynomial, d) for d in range(MOST_DEGREE + 1)},
    **{f"period {p}": partial(_periodic, p) for p in range(1, MOST_PERIOD + 1)},
    **{
        f"increments of period {p}": partial(_periodic_increments, p)
        for p in range(1, MOST_PERIOD + 1)
    },
}
LOOK_UP = "look-up of the last successor"


def _recurrences(columns: Sequence[list[int]]) -> dict[str, int]:
    """How many answers linear recurrences get right, over the rationals and modulo some number."""
    linear: list[bool] | None = None
    modular: list[bool] | None = None
    minors = []
    for column in columns:
        minors.append(_minors(column[:FITTED]))
        if minors[-1] % PRIME and not _moduli(column, minors[-1]):
            # One component without a recurrence is enough, and most have none.
            linear = modular = []
            break
    else:
        # Columns in which few moduli are possible first: they rule a recurrence out soonest.
        for c in sorted(range(len(columns)), key=lambda c: minors[c] == 0):
            linear = _hits(_linear(columns[c], minors[c]), columns[c], linear)
            modular = _hits(_linear_modular(columns[c], minors[c]), columns[c], modular)
            if True not in linear and True not in modular:
                break
    return {
        "linear recurrence": sum(linear or ()),
        "linear recurrence with a modulus": sum(modular or ()),
    }


def _linear(column: list[int], minors: int) -> list[int]:
    known = column[:FITTED]
    if minors % PRIME or (found := _recurrence(known, PRIME)) is None:
        return []
    return _run(found, known, PRIME, len(column) - FITTED, signed=True)


def _linear_modular(column: list[int], minors: int) -> list[int]:
    known, wanted = column[:FITTED], len(column) - FITTED
    best: list[int] = []
    most = 0
    for modulus in _moduli(column, minors):
        if (found := _recurrence(known, modulus)) is None:
            continue
        predicted = _run(found, known, modulus, wanted)
        right = sum(_hits(predicted, column))
        if right > most:
            best, most = predicted, right
        if most == wanted:
            break
    return best


def _moduli(column: list[int], minors: int) -> list[int]:
    """Moduli that a recurrence may have: answers that are a remainder are smaller, not by much."""
    top = max(column)
    if min(column) < 0:
        return []
    least, most = max(top + 1, 2), 4 * top + 16
    # No divisor is larger than what it divides, and of 0 every number is one.
    tried = range(least, min(most, MOST_MODULUS, minors or most) + 1)
    found = [m for m in tried if minors % m == 0]
    least = max(least, MOST_MODULUS + 1)
    if least <= min(most, minors):
        # A larger modulus shows: at the recurrence's own order the minors are it, or nearly so.
        increments = list(map(sub, column[1:FITTED], column))
        shown = {_all_minors(increments, order) for order in range(1, MOST_ORDER + 1)}
        large = {m // k for m in shown for k in range(1, MOST_MULTIPLE + 1) if m % k == 0}
        found += sorted(modulus for modulus in large if least <= modulus <= most)
    return found


def _minors(values: list[int]) -> int:
    """A number that every modulus divides in which a recurrence up to `MOST_ORDER` holds.

    An equation of the recurrence less the one before has no constant, and with its right side one
    column more than unknowns. If the equations hold modulo m, their maximal minors are 0 modulo m,
    and so is the minors' greatest common divisor. A few of the minors do, as fewer can only let
    more moduli through, which are then tried.

    Returns:
        0 where every modulus is possible.
    """
    increments = list(map(sub, values[1:], values))
    few = increments[: 2 * MOST_ORDER + FEW]
    return _in_a_row(few) or _all_minors(few, MOST_ORDER) or _all_minors(increments, MOST_ORDER)


def _in_a_row(increments: list[int]) -> int:
    """The greatest common divisor of the minors of equations in a row, or 0.

    These are determinants of Hankel matrices of the increments, h(k, n) = det [d(n + i + j)], and
    by Jacobi's identity h(k + 1, n) h(k − 1, n + 2) = h(k, n) h(k, n + 2) − h(k, n + 1)².
    """
    smaller, larger = [1] * len(increments), increments
    for _ in range(MOST_ORDER):
        divisors = smaller[2 : len(larger)]
        if 0 in divisors:
            return 0
        rows = zip(larger, larger[1:], larger[2:], divisors)
        smaller, larger = larger, [(a * c - b * b) // divisor for a, b, c, divisor in rows]
    return gcd(*larger)


def _all_minors(increments: list[int], order: int) -> int:
    """The greatest common divisor of all maximal minors: the product of the diagonal of the
    equations' triangular form over the integers."""
    return _diagonal([increments[i : i + order + 1] for i in range(len(increments) - order)])


def _diagonal(rows: list[list[int]]) -> int:
    """The product of the diagonal of the triangular form, by Euclid's algorithm."""
    product = 1
    for column in range(len(rows[0])):
        pivot, *rest = rows
        rows = []
        for row in rest:
            while row[column]:
                factor = pivot[column] // row[column]
                pivot, row = row, [a - factor * b for a, b in zip(pivot, row)]
            rows.append(row)
        if not pivot[column]:
            return 0
        product *= pivot[column]
    return abs(product)


def _recurrence(values: list[int], modulus: int) -> list[int] | None:
    """Coefficients c, and a constant last, of values[i] = Σ c_j values[i − 1 − j] + constant that
    hold at every place, of the least order up to `MOST_ORDER`; None where there are none."""
    # One of a lower order is one of the highest too, and a few equations refuse most.
    if _fit(values[: 2 * MOST_ORDER + 2], MOST_ORDER, modulus) is None:
        return None
    fits = (_fit(values, order, modulus) for order in range(1, MOST_ORDER + 1))
    return next((fit for fit in fits if fit is not None), None)


def _fit(values: list[int], order: int, modulus: int) -> list[int] | None:
    rows = [
        [*(values[i - 1 - j] % modulus for j in range(order)), 1, values[i] % modulus]
        for i in range(order, len(values))
    ]
    return _solve(rows, order + 1, modulus)


def _solve(rows: list[list[int]], unknowns: int, modulus: int) -> list[int] | None:
    """One solution of linear equations modulo any modulus, or None. Rows end in their right side.

    Rows are reduced by Euclid's algorithm, which needs no inverses and so no prime modulus. A pivot
    that divides zero leaves what its row says once it is multiplied away (Howell's form, 1986), so
    no solution is missed. Free unknowns are 0.
    """
    rows = [row[:] for row in rows]
    at = 0
    pivots: list[tuple[int, int]] = []
    for column in range(unknowns):
        for i in range(at + 1, len(rows)):
            while rows[i][column]:
                factor = rows[at][column] // rows[i][column]
                rows[at] = [(a - factor * b) % modulus for a, b in zip(rows[at], rows[i])]
                rows[at], rows[i] = rows[i], rows[at]
        if at < len(rows) and rows[at][column]:
            if (divisor := gcd(rows[at][column], modulus)) > 1:
                rows.append([a * (modulus // divisor) % modulus for a in rows[at]])
            pivots.append((at, column))
            at += 1
    if any(row[-1] for row in rows[at:]):
        return None
    solution = [0] * unknowns
    for i, column in reversed(pivots):
        row = rows[i]
        rest = (row[-1] - sum(row[j] * solution[j] for j in range(column + 1, unknowns))) % modulus
        divisor = gcd(row[column], modulus)
        if rest % divisor:
            return None
        small = modulus // divisor
        solution[column] = rest // divisor * pow(row[column] // divisor, -1, small) % small
    return solution


def _run(
    recurrence: list[int], known: list[int], modulus: int, wanted: int, signed: bool = False
) -> list[int]:
    """The next values; with `signed`, those above half of the modulus as negative numbers."""
    *coefficients, constant = recurrence
    values = list(known)
    for i in range(len(known), len(known) + wanted):
        value = constant + sum(c * values[i - 1 - j] for j, c in enumerate(coefficients))
        value %= modulus
        if signed and value > modulus // 2:
            value -= modulus
        values.append(value)
    return values[len(known) :]
