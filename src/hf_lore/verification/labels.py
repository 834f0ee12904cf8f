r"""Labels such as "Question 2", "Q2:", "(2)" and "second answer", and answers that only they mark.

A label names a question by number; numbers beyond the count of questions are no labels.
"""

import re
from dataclasses import dataclass

__all__ = ["NOUN", "WEAK_LABEL", "Label", "find_labels", "labelled_answers", "unwrap_math"]

MAX_LINES = 400
MAX_LINE_CHARACTERS = 2000
MAX_LABELS = 1000

# fmt: off
_ORDINAL_WORDS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)
_CARDINAL_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# fmt: on
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_WORDS, 1)}
_CARDINALS = {word: value for value, word in enumerate(_CARDINAL_WORDS, 1)}
# Single letters only as capitals, "A" only with its number: "a 2 by 3 matrix" has no label.
NOUN = r"(?:question|problem|part|answer|ans|task|exercise|(?-i:Q)|(?-i:A)(?=\d))"
# A label names a question: "Question 2", "Q2", "Answer to Q2", "second question".
_LABEL = re.compile(
    rf"(?<![A-Za-z0-9\\_{{^])(?:{NOUN}\s?(?:\#|no\.?|number)?\s?[(\[]?\s?"
    r"(?P<number>\d{1,2})(?![\d.,]{0,9}\d)"
    rf"|(?:question|problem|part|answer)\s(?P<cardinal>{'|'.join(_CARDINALS)})\b"
    rf"|(?P<ordinal>{'|'.join(_ORDINALS)})\s(?:question|problem|part|answer)\b)",
    re.IGNORECASE,
)
_ROMAN = ("i", "ii", "iii", "iv", "v")
_LINE_START = re.compile(
    r"[\s#>*_\-+|(\[\\]*(?:text(?:bf)?\{)?(?:for\s+)?(?:the\s+)?(?:final\s+)?"
    r"(?:(?:answer|solution)s?\s+(?:to|for|of)\s+)?(?:the\s+)?",
    re.IGNORECASE,
)
WEAK_LABEL = re.compile(
    r"[\s#>*_|]*(?:\((\d{1,2})\)|(\d{1,2})[.)](?!\d)|\((?P<roman>i{1,3}|iv|v)\)"
    r"|\(?(?P<letter>[a-j])\))\s*[*_:|]*\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Label:
    """A mention of a question: which (from 1), where, and whether a line begins with it."""

    number: int
    start: int
    end: int
    heads_line: bool


def find_labels(document: str, parts: int) -> list[Label]:
    """The labels of questions 1 to `parts` in order, the last thousand of them."""
    found: list[Label] = []
    for match in _LABEL.finditer(document):
        number = (
            int(match["number"])
            if match["number"]
            else _CARDINALS.get((match["cardinal"] or "").lower())
            or _ORDINALS.get((match["ordinal"] or "").lower(), 0)
        )
        if 1 <= number <= parts:
            line = document.rfind("\n", 0, match.start()) + 1
            before = document[line : match.start()]
            heads = len(before) < 60 and _LINE_START.fullmatch(before) is not None
            found.append(Label(number, match.start(), match.end(), heads))
    return found[-MAX_LABELS:]


# What stands between a label and its answer. A dash is punctuation only right after the label:
# anywhere later it is a minus.
_AFTER_LABEL = re.compile(
    r"[\s*_)\]}]*(?:-(?=\s))?(?:[\s*_:=|]|\.(?!\d)|\bis\b|\bare\b"
    r"|(?:the\s+)?(?:final\s+)?(?:answer|solution)s?\b)*",
    re.IGNORECASE,
)
_ANSWER_START = re.compile(
    r"[\s#>*_-]*(?:the\s+)?(?:final\s+)?(?:answer|solution)\**\s*(?:is|:|=)[\s*:]*", re.IGNORECASE
)
_RULE_ROW = re.compile(r"[\s|:\-+]+")
_CELL = re.compile(r"(?<!\\)\|")


def labelled_answers(document: str, parts: int, *, weak: bool) -> tuple[str, ...] | None:
    """What each question's last label introduces, on its line or in a table; None unless all do.

    Args:
        document: without boxes.
        parts: how many questions there are.
        weak: whether `1.`, `(2)` and `c)` name questions too; reasoning is full of such lists.
    """
    found: dict[int, str] = {}
    section = 0
    columns = False
    for line in document.strip().splitlines()[-MAX_LINES:]:
        if len(line) > MAX_LINE_CHARACTERS or not line.strip():
            continue
        if line.count("|") >= 2 and line.lstrip().startswith("|"):
            if not _RULE_ROW.fullmatch(line):
                columns = _table_row(line, parts, found, columns)
            continue
        columns = False
        number, end = _line_label(line, parts, weak)
        if number:
            skipped = _AFTER_LABEL.match(line, end)
            said = line[skipped.end() if skipped else end :].strip().strip("*_").strip()
            section = number
            if said:
                found[number] = said
        elif section and (start := _ANSWER_START.match(line)) and line[start.end() :].strip():
            found[section] = line[start.end() :].strip().strip("*_").strip()
    if len(found) != parts:
        return None
    return tuple(unwrap_math(found[i]) for i in range(1, parts + 1))


def _line_label(line: str, parts: int, weak: bool) -> tuple[int, int]:
    """The question a line's beginning names and where the label ends, or (0, 0)."""
    strong = next((x for x in find_labels(line, parts) if x.heads_line), None)
    if strong is not None:
        return strong.number, strong.end
    mark = WEAK_LABEL.match(line) if weak else None
    if mark is None:
        return 0, 0
    digits = mark[1] or mark[2]
    if digits:
        number = int(digits)
    elif mark["letter"]:
        number = ord(mark["letter"].lower()) - ord("a") + 1
    else:
        number = _ROMAN.index(mark["roman"].lower()) + 1
    return (number, mark.end()) if 1 <= number <= parts else (0, 0)


def _table_row(line: str, parts: int, found: dict[int, str], columns: bool) -> bool:
    """Notes what a row answers; True where the row, or one above, is a header of all questions."""
    cells = [cell.strip().strip("*_").strip() for cell in _CELL.split(line.strip().strip("|"))]
    named = [_cell_number(cell, parts) for cell in cells]
    for skip in (0, 1):
        if len(cells) - skip == parts:
            if named[skip:] == list(range(1, parts + 1)) and not all(c.isdigit() for c in cells):
                return True
            if columns and all(cells[skip:]):
                found.update(enumerate(cells[skip:], 1))
                return True
    if not columns and len(cells) > 1 and named[0] and cells[-1]:
        found[named[0]] = cells[-1]
    return columns


def _cell_number(cell: str, parts: int) -> int:
    if cell.isdigit() and len(cell) < 3 and 1 <= int(cell) <= parts:
        return int(cell)
    label = next(iter(find_labels(cell, parts)), None)
    return label.number if label is not None and len(cell) < 40 else 0


def unwrap_math(text: str) -> str:
    """The mathematics of a labelled line: its only `$…$` if there is one, else all of it."""
    spans = re.findall(r"(?<!\\)\$((?:\\.|[^$\\])+)\$|\\\((.+?)\\\)", text)
    if len(spans) == 1:
        return spans[0][0] or spans[0][1]
    return text
