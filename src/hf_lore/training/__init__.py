"""Training: what the recipes share, the law callbacks and the rewards. Imports nothing heavy.

The modules that need torch, transformers or trl are imported when one of their names is used.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import ConfigError, MissingExtraError

_WHERE = {
    "CompositionalityCallback": "callbacks",
    "MonotonicityCallback": "callbacks",
    "answer_reward": "rewards",
    "compositionality_reward": "rewards",
}

__all__ = [*_WHERE, "recipes_path"]


def recipes_path() -> Path:
    """The folder of the recipes: in the wheel beside the package, in a checkout at its root.

    Raises:
        ConfigError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_recipes", package.parents[1] / "recipes"):
        if (folder / "sft_compo.py").is_file():
            return folder
    raise ConfigError(
        f"the recipes are neither in {package / '_recipes'} nor beside the sources; fix: reinstall "
        "hf-lore from its wheel, or work in a checkout"
    )


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hf_lore.training' has no attribute {name!r}")
    try:
        module = import_module(f".{_WHERE[name]}", __name__)
    except ModuleNotFoundError as error:
        if error.name in ("torch", "transformers", "trl", "accelerate"):
            raise MissingExtraError(error.name, "train") from error
        raise
    return getattr(module, name)
