"""Options of a verb from a YAML file, as strict as the command line: an unknown key is an error.

The file's keys are the options' long names, with - or _; what is typed on the command line wins.
"""

import argparse
import difflib
from pathlib import Path
from typing import Any

from .errors import ConfigError

__all__ = ["apply_yaml"]


def apply_yaml(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """Parse a command line in which `--config FILE` may stand for some options.

    Args:
        parser: with verbs as subparsers.
        argv: the command line without the program's name.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, or a value of the wrong kind.
    """
    words = [part for word in argv for part in _split_config(word)]
    if "--config" not in words:
        return parser.parse_args(words)
    at = words.index("--config")
    if at + 1 == len(words):
        raise ConfigError("--config needs a file; fix: --config run.yaml")
    if "--config" in words[at + 1 :]:
        raise ConfigError("--config is given twice; fix: put the options in one file")
    verb, depth = parser, 0
    while depth < at and words[depth] in _choices(verb):
        verb, depth = _choices(verb)[words[depth]], depth + 1
    options = _read_options(verb, Path(words[at + 1]))
    # Placed before what is typed, so that the command line has the last word.
    return parser.parse_args([*words[:depth], *options, *words[depth:at], *words[at + 2 :]])


def _split_config(word: str) -> list[str]:
    return ["--config", word[len("--config=") :]] if word.startswith("--config=") else [word]


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _read_options(parser: argparse.ArgumentParser, path: Path) -> list[str]:
    import yaml

    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        first_line = str(error).splitlines()[0]
        raise ConfigError(f"cannot read {path} ({first_line}); fix: give a YAML file") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no options; fix: write `name: value` lines")
    actions = {
        name.lstrip("-"): action
        for action in parser._actions
        for name in action.option_strings
        if name.startswith("--") and name not in ("--config", "--help")
    }
    options: list[str] = []
    for key, value in values.items():
        name = str(key).replace("_", "-")
        if name not in actions:
            near = difflib.get_close_matches(name, actions, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(actions))}"
            raise ConfigError(f"{path} has an unknown option {key!r}; fix: {hint}")
        if actions[name].nargs == 0:
            if not isinstance(value, bool):
                raise ConfigError(f"{path}: {key} is {value!r}; fix: true or false")
            options += [f"--{name}"] if value else []
        elif isinstance(value, list) and not isinstance(actions[name], argparse._AppendAction):
            raise ConfigError(f"{path}: {key} takes one value, not a list; fix: give one")
        elif isinstance(value, list):
            options += [word for item in value for word in (f"--{name}", str(item))]
        elif value is not None:
            options.append(f"--{name}={value}")
    return options
