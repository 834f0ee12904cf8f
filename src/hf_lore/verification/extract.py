r"""Finding the answer of one question in what a model wrote.

Only what follows the last `</think>` counts, and of that the last box; without any box, the last
line that announces an answer. Linear in the text; of a very long text only the end is read.
"""

import re

from .latex import clean, find_boxes

__all__ = ["answer_line", "final_document", "single_answer"]

MAX_DOCUMENT_CHARACTERS = 200_000
CLOSE_THINK = "</think>"

_ANNOUNCED = re.compile(
    r"(?:^|(?<=[\s*_>#|]))(?:the\s+)?(?:final\s+|correct\s+)?answers?\**\s*"
    r"(?:(?:is|are|:|=)\**\s*)+(.+)|^####\s+(.+)",
    re.IGNORECASE,
)


def final_document(text: str) -> str:
    """What of `text` is graded: after the last closing think tag if there is one, cleaned."""
    _, tag, after = text.rpartition(CLOSE_THINK)
    return clean((after if tag else text)[-MAX_DOCUMENT_CHARACTERS:])


def answer_line(document: str) -> str | None:
    """What follows "the answer is", "Final answer:" or "####" on the last such line, or None."""
    for line in reversed(document.rstrip().splitlines()[-200:]):
        if len(line) <= 2000 and (found := _ANNOUNCED.search(line)) is not None:
            said = (found[1] or found[2]).strip().strip("*_").strip()
            sentence = re.split(r"\.\s+(?=[A-Z])", said, maxsplit=1)[0]
            if sentence:
                return sentence
    return None


def single_answer(document: str) -> str | None:
    """The answer of one question, as written, or None where there is none."""
    boxes = find_boxes(document)
    if boxes:
        return boxes[-1].content
    return answer_line(document)
