r"""Reading LaTeX as text: cleaning, balanced boxes, splitting outside brackets.

Every function makes a bounded number of passes over its input, so a megabyte of hostile text costs
milliseconds. Nothing here evaluates mathematics.
"""

import re
from dataclasses import dataclass

__all__ = [
    "Box",
    "clean",
    "find_boxes",
    "is_balanced",
    "split_top",
    "strip_outer",
    "tidy",
    "undelimit",
]

# Terminal colours, control characters, and invisible marks that change how text looks but not
# what it says (zero-width, right-to-left and isolate marks, byte order mark, soft hyphen).
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
# Long runs of blanks say nothing, and make patterns that skip blanks slow.
_BLANKS = re.compile(r"[ \t]{3,}")
_UNICODE = str.maketrans(
    {
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ",
        "−": "-", "–": "-", "‐": "-", "‑": "-", "—": " - ",
        "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
        "±": r"\pm ", "°": r"^\circ ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
        "²": "^{2}", "³": "^{3}", "⁴": "^{4}", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}",
        "¾": r"\frac{3}{4}", "ℝ": r"\mathbb{R}", "∅": r"\emptyset ", "，": ",", "；": ";",
        "：": ":", "（": "(", "）": ")", "％": "%", "＝": "=", "．": ".", "＋": "+", "－": "-",
        **{chr(0xFF10 + d): str(d) for d in range(10)},
    }
)  # fmt: skip


def clean(text: str) -> str:
    """`text` without colours, control and invisible characters, Unicode mathematics as LaTeX."""
    text = _BLANKS.sub("  ", text.replace("\r\n", "\n").replace("\r", "\n"))
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _INVISIBLE.sub("", text)
    return text if text.isascii() else text.translate(_UNICODE)


@dataclass(frozen=True, slots=True)
class Box:
    """One `\\boxed{…}`: where it starts and ends in the text, and what is in it."""

    start: int
    end: int
    content: str


_BOX_TOKEN = re.compile(r"\\(?:boxed|fbox|framebox)\s*(\{?)|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"\s*(-?[0-9A-Za-z][\w.,/]*)")


def find_boxes(text: str) -> list[Box]:
    r"""The balanced, non-empty boxes of `text` in order; of nested boxes the outermost.

    A box that is never closed is no box. A box in a box is unwrapped: `\boxed{\boxed{3}}` holds 3.
    """
    spans: list[tuple[int, int, int]] = []
    stack: list[tuple[int, int] | None] = []
    for token in _BOX_TOKEN.finditer(text):
        found = token.group()
        if found == "{":
            stack.append(None)
        elif found == "}":
            if stack and (opened := stack.pop()) is not None:
                spans.append((opened[0], token.end(), opened[1]))
        elif found[1:2] in ("b", "f") and len(found) > 2:
            if token.group(1):
                stack.append((token.start(), token.end()))
            elif bare := _BARE_BOX.match(text, token.end()):
                spans.append((token.start(), bare.end(1), bare.start(1)))
    spans.sort()
    boxes: list[Box] = []
    at = 0
    while at < len(spans):
        start, end, inner = spans[at]
        closing = end - 1 if text[inner - 1] == "{" else end
        # What wraps inner boxes is cut out; what they hold stays.
        cuts: list[tuple[int, int]] = []
        at += 1
        while at < len(spans) and spans[at][1] <= closing:
            cuts.append((spans[at][0], spans[at][2]))
            if text[spans[at][2] - 1] == "{":
                cuts.append((spans[at][1] - 1, spans[at][1]))
            at += 1
        content = _without(text, inner, closing, sorted(cuts)).strip()
        if content:
            boxes.append(Box(start, end, content))
    return boxes


def _without(text: str, start: int, end: int, cuts: list[tuple[int, int]]) -> str:
    kept = []
    for cut_start, cut_end in cuts:
        kept.append(text[start:cut_start])
        start = cut_end
    return "".join([*kept, text[start:end]])


_NESTING = re.compile(r"\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\\[{}]|\\[a-zA-Z]+|\\.|[(){}\[\]]")
_OPEN = frozenset("([{")
_CLOSE = frozenset(")]}")


def _step(token: str) -> int:
    """+1 where `token` opens a bracket, -1 where it closes one, else 0."""
    if token in _OPEN or token == "\\{" or token.startswith("\\begin{") or token == "\\langle":
        return 1
    if token in _CLOSE or token == "\\}" or token.startswith("\\end{") or token == "\\rangle":
        return -1
    return 0


def split_top(text: str, separator: re.Pattern[str]) -> list[str]:
    r"""`text` cut at each `separator` outside every bracket, brace and environment.

    Half-open intervals such as `(3,4]` count as bracketed. Pieces are stripped; empty ones kept.
    """
    cuts = {m.start(): m.end() for m in separator.finditer(text) if m.end() > m.start()}
    if not cuts:
        return [text.strip()]
    depths = [(m.start(), _step(m.group())) for m in _NESTING.finditer(text)]
    pieces: list[str] = []
    depth = last = at = 0
    for start in sorted(cuts):
        while at < len(depths) and depths[at][0] < start:
            depth = max(0, depth + depths[at][1])
            at += 1
        if depth == 0 and start >= last:
            pieces.append(text[last:start].strip())
            last = cuts[start]
    pieces.append(text[last:].strip())
    return pieces


def strip_outer(text: str) -> tuple[str, str, str] | None:
    r"""`(opening, inside, closing)` if one bracket pair holds the whole of `text`, else None.

    `\{` and `\}` come back as `{` and `}`; the opening and closing signs need not be of one kind.
    """
    first = re.match(r"\\\{|\\langle(?![a-zA-Z])|[(\[{]", text)
    if first is None:
        return None
    depth = 0
    for token in _NESTING.finditer(text):
        depth += _step(token.group())
        if depth == 0 and _step(token.group()):
            if token.end() != len(text):
                return None
            return first.group()[-1], text[first.end() : token.start()].strip(), token.group()[-1]
    return None


def is_balanced(text: str) -> bool:
    """Whether the braces of `text` close in order."""
    depth = 0
    for token in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth < 0:
            return False
    return depth == 0


_SUBSTITUTIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:left|right|[bB]igg?[lr]?|middle)(?![a-zA-Z])\s*\.?", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|hfill|phantom)(?![a-zA-Z])", ""),
        (r"\\hspace\{[^{}]*\}", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:mbox|textbf|textit|textrm|textnormal|texttt|emph|operatorname|text|mathrm"
         r"|mathbf|mathit|mathsf|bold|boldsymbol|bm|rm)\s*\{", r"\\text{"),
        (r"^\s*\\(?:approx|simeq|sim)(?![a-zA-Z])\s*", ""),
        (r"(?<=\d)\{,\}(?=\d)", ","),
        (r"(?<=\d)\\!,(?=\d)", ","),
        (r"(?<=\d)\s*,\s*\\[!,]\s*(?=\d{3}(?!\d))", ","),
        (r"(?<=\d)\\,(?=\d{3}(?!\d))", ","),
        (r"(?<!\\)\\!", ""),
        (r"(?<!\\)\\[,;:> ]|~|\\q?quad(?![a-zA-Z])", " "),
        (r"\^\s*\{?\s*(?:\\circ(?![a-zA-Z])|\\degree(?![a-zA-Z])|\\text\{o\})\s*\}?", r"\\degree "),
        (r"\\(?:leq|leqslant)(?![a-zA-Z])", r"\\le"),
        (r"\\(?:geq|geqslant)(?![a-zA-Z])", r"\\ge"),
        (r"\\neq(?![a-zA-Z])", r"\\ne"),
        (r"\\lbrace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (r"\\lbrack(?![a-zA-Z])", "["),
        (r"\\rbrack(?![a-zA-Z])", "]"),
        (r"\\frac\s*(\d)\s*(\d)(?!\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\\[a-z]+)\s+([0-9a-z])(?![0-9a-z])", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"\\frac\s*(\{[^{}]*\})\s*([0-9a-zA-Z])", r"\\frac\1{\2}"),
        (r"\\sqrt\s*([0-9a-zA-Z])", r"\\sqrt{\1}"),
        (r"\s+", " "),
    )
)  # fmt: skip
_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"), ("**", "**"), ("`", "`"))


def undelimit(text: str) -> str:
    r"""`text` without the `$`, `\(`, `\[`, `**` or back-ticks around all of it, and final stops."""
    text = text.strip()
    for _ in range(4):
        before = text
        text = text.rstrip(".,:; \n") if not text.endswith(("\\,", "\\:", "\\;")) else text[:-2]
        for opening, closing in _DELIMITERS:
            inner = text[len(opening) : len(text) - len(closing)]
            whole = text.startswith(opening) and text.endswith(closing)
            if whole and len(text) > len(opening) + len(closing) and closing not in inner:
                text = inner.strip()
        if text == before:
            break
    return text


def tidy(text: str) -> str:
    r"""One way to write what LaTeX writes in many: sizes, spacing, `\dfrac`, `\frac12`, delimiters.

    Changes no value. Trailing full stops, commas and colons are dropped with the outer `$`, `\(`,
    `\[`, `**` and back-ticks.
    """
    text = undelimit(text)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    return text.strip()
