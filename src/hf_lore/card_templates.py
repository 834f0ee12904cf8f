"""Cards are Markdown templates filled from a run, never by hand. Only finding and filling is here.

The templates lie in model_cards/ of a checkout and travel in the wheel as hf_lore/_cards.
"""

from pathlib import Path
from string import Template

from .errors import ConfigError

__all__ = ["fill_card", "inline"]


def inline(text: str) -> str:
    """Untrusted text made safe inside backticks or a table cell: one line, no fence, no column."""
    return " ".join(text.split()).replace("`", "'").replace("|", "/")


def fill_card(name: str, **values: object) -> str:
    """The template `name` with every `$placeholder` replaced.

    Raises:
        KeyError: a placeholder without value: the template and the caller disagree.
        ConfigError: the templates are not installed.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_cards", package.parents[1] / "model_cards"):
        if (folder / name).is_file():
            return Template((folder / name).read_text(encoding="utf-8")).substitute(values)
    raise ConfigError(
        f"the card template {name} is neither in {package / '_cards'} nor beside the sources; fix: "
        "reinstall hf-lore from its wheel, or work in a checkout"
    )
