r"""Whether a `math` answer is the gold: shapes by rule, leaves by a given comparison.

The rules are three-valued: True, False, or None where only algebra can tell. The calling process
uses `same_leaf`, which knows exact numbers and equal spellings; a worker adds algebra.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from .exact import number, numbers_equal
from .forms import Form, is_name, parse_form

__all__ = ["Leaf", "compare_forms", "compare_math", "same_leaf", "spelling"]

Leaf = Callable[[str, str], bool | None]
_SPACE_IN_WORDS = re.compile(r"(?<=[a-zA-Z0-9])\s+(?=[a-zA-Z0-9])")
_BRACED = re.compile(r"([\^_])\{([0-9a-zA-Z])\}")


def spelling(text: str) -> str:
    """`text` without the blanks and braces that LaTeX does not need: equal spellings are equal."""
    kept = _SPACE_IN_WORDS.sub("\x00", text)
    return _BRACED.sub(r"\1\2", kept.replace(" ", "").replace("\x00", " "))


def same_leaf(gold: str, answer: str) -> bool | None:
    """Equal numbers, different numbers, equal spelling; None for everything else."""
    if spelling(gold) == spelling(answer):
        return True
    first, second = number(gold), number(answer)
    if first is not None and second is not None:
        return numbers_equal(first, second)
    return None


def compare_math(gold: str, answer: str, leaf: Leaf = same_leaf) -> bool | None:
    """Whether `answer` is `gold`; None if `leaf` left open what decides it."""
    return compare_forms(parse_form(gold), parse_form(answer), leaf)


def _all(results: Sequence[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results else True


def _ordered(gold: Form, answer: Form, leaf: Leaf) -> bool | None:
    if len(gold.parts) != len(answer.parts):
        return False
    results: list[bool | None] = []
    for g, a in zip(gold.parts, answer.parts, strict=True):
        results.append(compare_forms(g, a, leaf))
        if results[-1] is False:
            return False
    return _all(results)


def _unordered(gold: Form, answer: Form, leaf: Leaf) -> bool | None:
    """Each gold member matched by one answer member of its own.

    Equality is transitive, so taking the first match of each member finds a matching if any is.
    """
    if len(gold.parts) != len(answer.parts):
        return False
    left = list(answer.parts)
    open_question = False
    for g in gold.parts:
        unknown = None
        for index, a in enumerate(left):
            result = compare_forms(g, a, leaf)
            if result:
                del left[index]
                break
            if result is None:
                unknown = index
        else:
            if unknown is None:
                return False
            open_question = True
    return None if open_question else True


def compare_forms(gold: Form, answer: Form, leaf: Leaf) -> bool | None:
    """Whether two shapes are one answer. Not symmetric: the gold says what may be left out."""
    if gold.text == answer.text and gold.kind == answer.kind and gold.mark == answer.mark:
        return True
    if gold.kind == "equation" or answer.kind == "equation":
        return _equations(gold, answer, leaf)
    if gold.kind == "word" or answer.kind == "word":
        return _words(gold, answer)
    if gold.kind == "base" or answer.kind == "base":
        return _based(gold, answer)
    if gold.kind == "quantity" or answer.kind == "quantity":
        return _quantities(gold, answer, leaf)
    if gold.kind == answer.kind == "list":
        return _unordered(gold, answer, leaf)
    if gold.kind == answer.kind == "union":
        return _unordered(gold, answer, leaf)
    if gold.kind == answer.kind and gold.kind in ("tuple", "matrix"):
        return gold.mark == answer.mark and _ordered(gold, answer, leaf)
    kinds = {gold.kind, answer.kind}
    if len(kinds) == 2:
        if len(gold.parts) == 1 and gold.kind == "list":
            return compare_forms(gold.parts[0], answer, leaf)
        if len(answer.parts) == 1 and answer.kind == "list":
            return compare_forms(gold, answer.parts[0], leaf)
        # A matrix or a set may also be computed by an expression; a list, a tuple may not.
        if kinds <= {"leaf", "matrix"} or (
            kinds <= {"leaf", "union", "tuple"} and _is_set(gold, answer)
        ):
            return leaf(gold.text, answer.text)
        return False
    return leaf(gold.text, answer.text)


def _is_set(gold: Form, answer: Form) -> bool:
    return any(re.search(r"\\mathbb|\\setminus|\\cap", f.text) for f in (gold, answer))


def _equations(gold: Form, answer: Form, leaf: Leaf) -> bool | None:
    if gold.kind == answer.kind:
        if is_name(gold.parts[0]) and is_name(answer.parts[0]):
            same_name = spelling(gold.parts[0].text) == spelling(answer.parts[0].text)
            return same_name and compare_forms(gold.parts[1], answer.parts[1], leaf)
        return leaf(gold.text, answer.text)
    equation, other = (gold, answer) if gold.kind == "equation" else (answer, gold)
    if not is_name(equation.parts[0]):
        return False
    if equation is gold:
        return compare_forms(gold.parts[1], other, leaf)
    return compare_forms(other, answer.parts[1], leaf)


def _words(gold: Form, answer: Form) -> bool:
    if gold.kind == answer.kind:
        return gold.text == answer.text
    word, other = (gold, answer) if gold.kind == "word" else (answer, gold)
    return other.kind == "leaf" and other.text.casefold().strip("() ") == word.text


def _based(gold: Form, answer: Form) -> bool | None:
    if gold.kind == answer.kind:
        return gold.text == answer.text and gold.mark == answer.mark
    based, other = (gold, answer) if gold.kind == "base" else (answer, gold)
    return based.mark == "10" and same_leaf(based.text, other.text) is True


def _quantities(gold: Form, answer: Form, leaf: Leaf) -> bool | None:
    """A unit may be left out or added, never another; a percentage is a hundredth."""
    percents = [f.kind == "quantity" and f.mark == "percent" for f in (gold, answer)]
    if percents == [True, False]:
        # The gold's sign says that the question asks for a percentage: its number alone will do.
        named = Form(answer.kind, answer.text, answer.parts, answer.mark)
        if named.kind == "leaf" and leaf(gold.text, named.text):
            return True
    if percents[0] != percents[1]:
        first, second = _value(gold), _value(answer)
        if first is None or second is None:
            return False
        return numbers_equal((first, None), (second, None))
    if gold.kind == answer.kind and gold.mark != answer.mark:
        return False
    other = answer if gold.kind == "quantity" else gold
    if other.kind not in ("leaf", "quantity"):
        return False
    return leaf(gold.text, answer.text)


def _value(form: Form) -> Fraction | None:
    value = number(form.text)
    if value is None:
        return None
    return value[0] / 100 if form.mark == "percent" and form.kind == "quantity" else value[0]
