"""The one line of a benchmark that `all.py` gathers: a ratio, of what to what, and its bound."""

import re

__all__ = ["HEADER", "print_ratio", "ratio_rows"]

HEADER = "| what | against | ratio | bound | |\n|---|---|---|---|---|"


def print_ratio(
    what: str,
    against: str,
    ratio: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    spread: tuple[float, float] | None = None,
) -> None:
    """Print `ratio: | what | against | 28.4 | at least 20 | met |`.

    Args:
        ratio: ours to the peer's; as speed where a floor is given, as time where a ceiling is.
        spread: the least and the greatest of the repetitions.
    """
    bound = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
    met = ratio >= at_least if at_least is not None else at_most is not None and ratio <= at_most
    figure = f"{ratio:.3g}" if spread is None else f"{ratio:.3g} ({spread[0]:.3g}, {spread[1]:.3g})"
    line = " | ".join((what, against, figure, bound, "met" if met else "**missed**"))
    print(f"ratio: | {line} |", flush=True)


def ratio_rows(output: str) -> list[str]:
    """The table rows among what a benchmark printed."""
    return re.findall(r"^ratio: (\|.*\|)$", output, flags=re.MULTILINE)
