r"""Finding the answers of several questions, in order, in what a model wrote.

One reading is chosen from the text and from how many commas each gold holds, never by trying
readings until one is right. Where two readings differ, there is no answer.

In this order: the last box, if it splits into as many parts as there are golds; the last box under
each question's heading; the last boxes in order; then, without boxes, labelled lines, tables and
an announced list.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..questions import AnswerType
from .compare import spelling
from .exact import seq_items
from .extract import answer_line
from .latex import Box, find_boxes, split_top, strip_outer, tidy

__all__ = ["composite_answers", "split_box"]

# fmt: off
_ORDINAL_WORDS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)
_CARDINAL_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# fmt: on
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_WORDS, 1)}
_CARDINALS = {word: value for value, word in enumerate(_CARDINAL_WORDS, 1)}
_NOUN = r"(?:question|problem|part|answer|ans|q|a|task|exercise|solution)"
# A label names a question: "Question 2", "Q2", "Answer to Q2", "second question".
_LABEL = re.compile(
    rf"(?<![A-Za-z0-9\\_{{^])(?:{_NOUN}\s*(?:\#|no\.?|number)?\s*[(\[]?\s*(?P<number>\d{{1,2}})(?![\d.,]*\d)"
    rf"|(?:question|problem|part|answer)\s+(?P<cardinal>{'|'.join(_CARDINALS)})\b"
    rf"|(?P<ordinal>{'|'.join(_ORDINALS)})\s+(?:question|problem|part|answer)\b)",
    re.IGNORECASE,
)
_LINE_START = re.compile(
    r"[\s#>*_\-+|(\[\\]*(?:text(?:bf)?\{)?(?:the\s+)?(?:final\s+)?(?:(?:answer|solution)s?\s+(?:to|for|of)\s+)?(?:the\s+)?",
    re.I,
)
_WEAK = re.compile(
    r"[\s#>*_|]*(?:\((\d{1,2})\)|(\d{1,2})[.)](?!\d)|\((?P<roman>i{1,3}|iv|v)\)|\(?(?P<letter>[a-j])\))\s*[*_:|]*\s*",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Label:
    """A mention of a question: which (from 1), where, and whether a line begins with it."""

    number: int
    start: int
    end: int
    heads_line: bool


def _labels(document: str, parts: int) -> list[Label]:
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
    return found


# What may separate parts in one box, strongest first.
_BREAK = re.compile(r"\\\\(?:\[[^\]]*\])?|\\newline|\n+|&")
_SEMICOLON = re.compile(r";")
_QUAD = re.compile(r"(?:[,;]\s*)?\\q?quad(?![a-zA-Z])(?:\s*\\q?quad(?![a-zA-Z]))*")
_AND = re.compile(r",?\s*\\(?:text|mathrm|textrm|mbox)\{\s*,?\s*and\s*\}|,?\s+and\s+(?=\S)", re.I)
_COMMA = re.compile(r",")
_ANY = re.compile("|".join(p.pattern for p in (_BREAK, _QUAD, _AND)) + "|[,;]", re.I)
_ENVIRONMENT = re.compile(
    r"\\begin\{([a-z]*matrix|array|aligned|cases|gathered|split|align\*?)\}\s*(?:\{[lcr|\s]*\})?(.*)"
    r"\\end\{\1\}",
    re.DOTALL,
)
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3}(?:(?:,|\{,\}|\\,|,\\!|\\!,)\d{3})+)(?!\d|,\d)")
_PIECE_LABEL = re.compile(
    rf"\s*(?:\\text(?:bf)?\{{\s*)?\**(?:{_NOUN}\s*(?:\#|no\.?)?\s*(\d{{1,2}})|\((\d{{1,2}})\)|(\d{{1,2}})[.)](?!\d)(?=\s|\\))\s*\)?"
    r"(?:\s*(?:is|:|=|\.|\)|-))*\s*\}?\**\s*(?::|=|-)?\s*",
    re.IGNORECASE,
)


def _unlabel(pieces: list[str]) -> list[str] | None:
    """`pieces` in the order of their labels, labels gone; None where labels contradict."""
    numbers: list[int | None] = []
    bare: list[str] = []
    for piece in pieces:
        label = _PIECE_LABEL.match(piece)
        if label is not None and label.end() < len(piece):
            numbers.append(int(label[1] or label[2] or label[3]))
            bare.append(
                piece[label.end() :].strip().removesuffix("}")
                if piece[: label.end()].count("{") > piece[: label.end()].count("}")
                else piece[label.end() :].strip()
            )
        else:
            numbers.append(None)
            bare.append(piece)
    if all(n is None for n in numbers):
        return pieces
    if sorted(n or 0 for n in numbers) != list(range(1, len(pieces) + 1)):
        # Some labelled, some not, or labels that are part of the answers: left as they are.
        return pieces if None in numbers else None
    return [piece for _, piece in sorted(zip(numbers, bare, strict=True), key=lambda p: p[0] or 0)]


def _pieces(content: str, separator: re.Pattern[str]) -> list[str]:
    return [p for p in (q.strip().strip(",;").strip() for q in split_top(content, separator)) if p]


def _shares(golds: Sequence[str], types: Sequence[AnswerType]) -> list[int]:
    """How many pieces each gold falls into when it is cut as a box is."""
    shares = []
    for gold, kind in zip(golds, types, strict=True):
        if kind == "seq":
            outer = strip_outer(tidy(gold))
            shares.append(1 if outer or "," not in gold else len(seq_items(gold)))
        else:
            shares.append(max(1, len(_pieces(_protect(tidy(gold)), _ANY))))
    return shares


def _protect(text: str) -> str:
    """Thousands commas hidden from the separators."""
    return _THOUSANDS.sub(lambda m: re.sub(r",|\{,\}|\\,|\\!", "", m[1]), text)


def _deal(pieces: list[str], shares: list[int]) -> list[str]:
    dealt, at = [], 0
    for share in shares:
        dealt.append(", ".join(pieces[at : at + share]))
        at += share
    return dealt


def split_box(
    content: str, golds: Sequence[str], types: Sequence[AnswerType], *, alone: bool = False
) -> list[str] | None:
    r"""The parts of a box that answers every question, or None where it does not split so.

    Args:
        content: what is in the box.
        golds, types: of the questions; only their shapes are used, never their values.
        alone: the box is the only one, so `\boxed{2,135}` may be two parts instead of 2135.
    """
    parts = len(golds)
    shares = _shares(golds, types)
    content = content.strip().strip("$").strip()
    views = [content]
    if (environment := _ENVIRONMENT.fullmatch(content)) is not None:
        views.append(environment[2].strip())
    elif (
        outer := strip_outer(re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", content))
    ) is not None:
        views.append(outer[1])
    elif whole := re.fullmatch(r"\\(?:text|mathrm)\{(.*)\}", content, re.DOTALL):
        views.append(whole[1])
    for view in views:
        for protected in (True, False) if alone else (True,):
            text = _protect(view) if protected else view
            for separator in (_BREAK, _SEMICOLON, _QUAD, _AND):
                pieces = _pieces(text, separator)
                if len(pieces) == parts:
                    return _unlabel(pieces)
            pieces = _pieces(text, _ANY)
            if len(pieces) == sum(shares):
                return _unlabel(pieces) if sum(shares) == parts else _deal(pieces, shares)
            if len(pieces) == parts and max(shares) == 1:
                return _unlabel(pieces)
    return None


def composite_answers(
    document: str, golds: Sequence[str], types: Sequence[AnswerType]
) -> tuple[str, ...] | None:
    """The answers to all questions, in the questions' order, or None where they cannot be told.

    Args:
        document: what is graded, as `extract.final_document` gives it.
        golds, types: of the questions; only their shapes are used, never their values.
    """
    parts = len(golds)
    boxes = find_boxes(document)
    if not boxes:
        return _unboxed(document, golds, types)
    labels = _labels(document, parts)
    sections = _sections(document, boxes, labels, parts)
    last = boxes[-1]
    owner = _owner_on_line(document, last, labels)
    combined = None if owner else split_box(last.content, golds, types, alone=len(boxes) == 1)
    if combined is not None:
        return _confirmed(document, combined, boxes, sections, parts)
    if sections is not None:
        return tuple(box.content for box in sections)
    if len(boxes) < parts:
        return None
    return _last_boxes(document, boxes, parts)


def _owner_on_line(document: str, box: Box, labels: list[Label]) -> int | None:
    """The one question whose label shares the line with `box`, before it; else None."""
    line = document.rfind("\n", 0, box.start) + 1
    before = {label.number for label in labels if line <= label.start < box.start}
    return before.pop() if len(before) == 1 else None


def _sections(document: str, boxes: list[Box], labels: list[Label], parts: int) -> list[Box] | None:
    """The last box under each question's heading, or None unless every question has one."""
    for chosen in ([x for x in labels if x.heads_line], labels):
        found: dict[int, Box] = {}
        for index, label in enumerate(chosen):
            end = chosen[index + 1].start if index + 1 < len(chosen) else len(document)
            for box in boxes:
                if label.end <= box.start < end:
                    found[label.number] = box
        if len(found) == parts:
            return [found[i] for i in range(1, parts + 1)]
    return None


_FINAL = re.compile(
    r"final|answers|respectively|in order|combin|together|both|summar|conclu|all (?:the )?answers",
    re.IGNORECASE,
)


def _confirmed(
    document: str, combined: list[str], boxes: list[Box], sections: list[Box] | None, parts: int
) -> tuple[str, ...] | None:
    """`combined`, unless other boxes say that the last one answers its own question only."""
    last, others = boxes[-1], boxes[:-1]
    if not others:
        return tuple(combined)
    said = {spelling(tidy(b.content)) for b in others}
    if any(spelling(tidy(c)) in said for c in combined[:-1]):
        return tuple(combined)
    paragraph = document[max(0, document.rfind("\n\n", 0, last.start)) : last.start]
    if _FINAL.search(paragraph[-400:]) or len(others) < parts - 1:
        return tuple(combined)
    # As many boxes before it as there are other questions, and none restated: two readings.
    return None if sections is not None or len(others) == parts - 1 else tuple(combined)


def _last_boxes(document: str, boxes: list[Box], parts: int) -> tuple[str, ...] | None:
    """The last boxes in order, or in the order of the numbers before them."""
    chosen = boxes[-parts:]
    numbers = []
    for box in chosen:
        line = document.rfind("\n", 0, box.start) + 1
        weak = _WEAK.match(document, line, box.start)
        numbers.append(int(weak[1] or weak[2] or 0) if weak else 0)
    if sorted(numbers) == list(range(1, parts + 1)):
        chosen = [box for _, box in sorted(zip(numbers, chosen, strict=True), key=lambda p: p[0])]
    return tuple(box.content for box in chosen)


_AFTER_LABEL = re.compile(
    r"[\s*_)\]}.:\-–|]*(?:(?:final\s+)?(?:answer|solution)\b)?(?:[\s*_:=|.\-]|\bis\b|\bare\b)*",
    re.I,
)


def _unboxed(
    document: str, golds: Sequence[str], types: Sequence[AnswerType]
) -> tuple[str, ...] | None:
    """Answers without any box: labelled lines, a table, or one announced list."""
    parts = len(golds)
    lines = document.strip().splitlines()[-400:]
    found: dict[int, str] = {}
    for line in lines:
        if len(line) > 2000:
            continue
        labels = [x for x in _labels(line, parts) if x.heads_line][:1]
        weak = _WEAK.match(line)
        if labels:
            number, end = labels[0].number, labels[0].end
        elif weak is not None and (weak[1] or weak[2]):
            number, end = int(weak[1] or weak[2]), weak.end()
        elif weak is not None and weak["letter"]:
            number, end = ord(weak["letter"].lower()) - ord("a") + 1, weak.end()
        else:
            continue
        rest = line[end:]
        skipped = _AFTER_LABEL.match(rest)
        said = rest[skipped.end() if skipped else 0 :].strip().strip("*_|").strip()
        minus = skipped is not None and re.search(r"(?:^|[\s:=|])-$", skipped.group()) is not None
        if said and 1 <= number <= parts:
            found[number] = ("-" if minus and not said.startswith("-") else "") + said
    if len(found) == parts:
        return tuple(_said(found[i]) for i in range(1, parts + 1))
    announced = answer_line(document)
    if announced is not None and (pieces := split_box(announced, golds, types, alone=True)):
        return tuple(pieces)
    return None


def _said(text: str) -> str:
    """The mathematics of a labelled line: its only `$…$` if there is one, else all of it."""
    spans = re.findall(r"\$([^$]+)\$|\\\((.+?)\\\)", text)
    if len(spans) == 1 and not text.startswith("\\$"):
        return spans[0][0] or spans[0][1]
    return text
