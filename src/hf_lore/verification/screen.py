r"""What algebra is never asked to read: answers whose size alone could stop a worker.

A structural screen, in one pass and without evaluating anything. What it refuses would cost a kill
and a respawn; what it passes may still, and then the worker's deadline decides.
"""

import re

__all__ = ["MAX_CHARACTERS", "refusal"]

MAX_CHARACTERS = 2000
MAX_DIGIT_RUN = 300
MAX_DEPTH = 12
MAX_EXPONENT = 10_000
MAX_FACTORIAL = 500
MAX_POWERS = 60
MAX_LIST = 64

_DIGITS = re.compile(rf"\d[\d,]{{{MAX_DIGIT_RUN},}}")
_EXPONENT = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*[+-]?\s*(\d[\d,]*)")
_POWER = re.compile(r"\^|\*\*")
_FACTORIAL = re.compile(r"(\d+)\s*[)}]*\s*!|!\s*!|[)}]\s*!")
_BRACKET = re.compile(r"\\.|[(){}\[\]]", re.DOTALL)
_HEAVY = re.compile(r"\\(?:sum|prod|int|oint|iint|lim|underbrace)(?![a-zA-Z])")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{\s*(\d+)")


def refusal(text: str) -> str | None:
    """Why `text` may not go to algebra, or None if it may.

    Returns:
        One of "length", "digits", "exponent", "tower", "factorial", "depth", "list", or None.
    """
    if len(text) > MAX_CHARACTERS:
        return "length"
    if _DIGITS.search(text):
        return "digits"
    if text.count(",") + text.count(";") > MAX_LIST:
        return "list"
    if (reason := _nesting(text)) is not None:
        return reason
    for number in _EXPONENT.findall(text):
        digits = number.replace(",", "")
        if len(digits) > 6 or int(digits) > MAX_EXPONENT:
            return "exponent"
    for match in _FACTORIAL.finditer(text):
        digits = match[1]
        if digits is None or len(digits) > 4 or int(digits) > MAX_FACTORIAL:
            return "factorial"
    for digits in _BINOMIAL.findall(text):
        if len(digits) > 4 or int(digits) > 10 * MAX_FACTORIAL:
            return "factorial"
    return None


def _nesting(text: str) -> str | None:
    """ "depth" for brackets nested too deep, "tower" for a power of a power of a number."""
    if len(_POWER.findall(text)) > MAX_POWERS:
        return "tower"
    if _HEAVY.search(text) and re.search(r"\d{5,}", text):
        return "exponent"
    # Depth of brackets at which each open exponent began; a `^` inside one makes a tower.
    depth = 0
    exponents: list[int] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 2
            continue
        if char in "([{":
            depth += 1
            if depth > MAX_DEPTH:
                return "depth"
        elif char in ")]}":
            depth = max(0, depth - 1)
            while exponents and exponents[-1] > depth:
                exponents.pop()
        elif char == "^" or text.startswith("**", position):
            if text.startswith("**", position):
                position += 1
            if exponents and depth >= exponents[-1]:
                return "tower"
            ahead = re.compile(r"\s*[{(]").match(text, position + 1)
            if ahead:
                exponents.append(depth + 1)
        position += 1
    return None
