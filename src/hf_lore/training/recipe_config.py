"""Strict settings for the recipes: a YAML file, then flags that override it.

An unknown, misspelt, doubled or mistyped key is one line and exit code 2, with the nearest name.
`TrlParser` reads the dataclasses; its own reading of YAML lets such keys through. Imports trl, so
only the recipes import this.
"""

import argparse
import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args, get_type_hints

import yaml
from trl import TrlParser

from ..errors import ConfigError, HfLoreError

__all__ = ["CompositeData", "LawEval", "PairData", "RecipeParser", "SftData", "run_recipe"]

# What the recipes change in trl's defaults. 1024 tokens would cut a trace with no warning.
DEFAULTS: dict[str, Any] = {"max_length": None, "report_to": "none", "save_total_limit": 2}


@dataclasses.dataclass
class _Source:
    """Where the data is."""

    dataset_name: str = dataclasses.field(
        metadata={"help": "A run directory, a dataset folder, or a Hub id."}
    )
    dataset_revision: str | None = dataclasses.field(
        default=None, metadata={"help": "Branch, tag or commit of a Hub dataset."}
    )


@dataclasses.dataclass
class SftData(_Source):
    """Which rows to train on."""

    dataset_config: str | None = dataclasses.field(
        default="sft_compo", metadata={"help": "sft_compo, sft_control or sft_anti."}
    )
    dataset_split: str = dataclasses.field(default="train", metadata={"help": "Split."})
    retokenise_questions: str | None = dataclasses.field(
        default=None,
        metadata={
            "help": "For a student with another tokenizer: where the questions are (run directory, "
            "lore-compo folder or Hub id). The text is then written in the student's tokens."
        },
    )
    retokenise_instruction: str | None = dataclasses.field(
        default=None, metadata={"help": "What was asked beside each question; a run knows it."}
    )
    teacher_tokenizer: str | None = dataclasses.field(
        default=None, metadata={"help": "Folder or Hub id; default the rows' own teacher."}
    )


@dataclasses.dataclass
class LawEval:
    """Law scores at every evaluation; off without `law_dataset`."""

    eval_composites: int = dataclasses.field(
        default=0, metadata={"help": "Composites whose rows are held out for the eval loss."}
    )
    law_dataset: str | None = dataclasses.field(
        default=None, metadata={"help": "Composites to score: run directory, folder or Hub id."}
    )
    law_split: str = dataclasses.field(default="test", metadata={"help": "Its split."})
    law_limit: int = dataclasses.field(
        default=32, metadata={"help": "The first so many composites only."}
    )
    law_num_samples: int = dataclasses.field(
        default=8, metadata={"help": "Answers drawn to each question."}
    )
    law_max_new_tokens: int = dataclasses.field(
        default=20480, metadata={"help": "Tokens an answer may take."}
    )
    law_temperature: float = dataclasses.field(
        default=0.6, metadata={"help": "Temperature of the draws."}
    )
    law_batch_size: int = dataclasses.field(
        default=64, metadata={"help": "Draws decoded at once on each process."}
    )
    law_continuous_batching: bool = dataclasses.field(
        default=False, metadata={"help": "Decode by transformers' continuous batching."}
    )


@dataclasses.dataclass
class PairData(_Source):
    """Which rows to pair."""

    chosen_config: str = dataclasses.field(
        default="sft_compo", metadata={"help": "Config of the preferred answers."}
    )
    rejected_config: str = dataclasses.field(
        default="sft_anti", metadata={"help": "Config of the others."}
    )
    dataset_split: str = dataclasses.field(default="train", metadata={"help": "Split."})


@dataclasses.dataclass
class CompositeData(_Source):
    """Which composites to ask."""

    dataset_config: str | None = dataclasses.field(
        default=None, metadata={"help": "Config of a lore-compo dataset."}
    )
    dataset_split: str = dataclasses.field(default="test", metadata={"help": "Split."})
    limit: int | None = dataclasses.field(
        default=None, metadata={"help": "The first so many composites only."}
    )


class RecipeParser(TrlParser):
    """A `TrlParser` that refuses what it does not know, on one line.

    Args:
        dataclass_types: what to fill, for instance `(SftData, SFTConfig, ModelConfig)`.
        defaults: defaults that differ from the dataclasses', beyond the recipes' own.
        prog: the program's name in messages.
    """

    def __init__(
        self,
        dataclass_types: Sequence[type],
        defaults: Mapping[str, Any] | None = None,
        prog: str | None = None,
    ) -> None:
        super().__init__(dataclass_types, prog=prog, allow_abbrev=False)
        self._hints = {
            name: hint for kind in dataclass_types for name, hint in get_type_hints(kind).items()
        }
        names = {field.name for kind in dataclass_types for field in dataclasses.fields(kind)}
        self.set_defaults(
            **{k: v for k, v in {**DEFAULTS, **(defaults or {})}.items() if k in names}
        )
        self.add_argument("--config", metavar="FILE.yaml", help="settings; flags override them")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)

    def parse(self, args: Sequence[str] | None = None) -> tuple[Any, ...]:
        """One instance of each dataclass, in the order given.

        Raises:
            ConfigError: a file that is no YAML mapping, an unknown or doubled key, an unknown
                flag, a value of the wrong type.
        """
        argv = list(sys.argv[1:] if args is None else args)
        file = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        file.add_argument("--config")
        if path := file.parse_known_args(argv)[0].config:
            values = _read_mapping(Path(path))
            actions = self._actions_by_name()
            for key, value in values.items():
                if key not in actions:
                    raise ConfigError(f"{path}: unknown key {key!r}{_nearest(key, actions)}")
                actions[key].default = self._typed(f"{path}: {key}", actions[key], value)
                actions[key].required = False
            # A boolean's `--no_x` twin would put its own default back.
            self.set_defaults(**{key: actions[key].default for key in values})
        namespace, unknown = self.parse_known_args(argv)
        if unknown:
            flag = unknown[0].split("=")[0]
            raise ConfigError(
                f"unknown argument {unknown[0]!r}"
                + (_nearest(flag.lstrip("-"), self._actions_by_name(), "--") if flag else "")
            )
        _settle_precision(namespace)
        filled = vars(namespace)
        try:
            return tuple(
                kind(**{f.name: filled[f.name] for f in dataclasses.fields(kind) if f.init})
                for kind in self.dataclass_types
            )
        except ValueError as error:
            raise ConfigError(" ".join(str(error).split())) from error

    def _actions_by_name(self) -> dict[str, argparse.Action]:
        named: dict[str, argparse.Action] = {}
        for action in self._actions:
            if action.dest not in ("help", "config"):
                named.setdefault(action.dest, action)
        return named

    def _typed(self, where: str, action: argparse.Action, value: Any) -> Any:
        """The YAML value as the field's type; PyYAML leaves `3e-4` a string, for one."""
        hint = self._hints[action.dest]
        kinds = set(get_args(hint)) or {hint}
        if value is None:
            if type(None) in kinds:
                return None
            raise ConfigError(
                f"{where} is null, but it needs a value; fix: give one or leave it out"
            )
        if isinstance(value, Mapping):
            if dict in {getattr(kind, "__origin__", kind) for kind in kinds}:
                return dict(value)
            raise ConfigError(f"{where} is a mapping; fix: a plain value, keys are not nested")
        items = value if isinstance(value, list) else [value]
        if isinstance(value, list) and action.nargs not in ("+", "*"):
            raise ConfigError(f"{where} is a list; fix: a single value")
        if isinstance(value, bool) and bool not in kinds and str not in kinds:
            raise ConfigError(f"{where} is {value}, not a number; fix: give a number")
        read = action.type if callable(action.type) else str
        typed = []
        for item in items:
            try:
                typed.append(read(str(item)))
            except (TypeError, ValueError, argparse.ArgumentTypeError) as error:
                wanted = getattr(read, "__name__", str(read)).removeprefix("string_to_")
                raise ConfigError(f"{where} is {item!r}; fix: give a {wanted}") from error
        if action.choices and (wrong := [t for t in typed if t not in action.choices]):
            choices = ", ".join(map(str, action.choices))
            raise ConfigError(f"{where} is {wrong[0]!r}; fix: one of {choices}")
        return typed if action.nargs in ("+", "*") else typed[0]


def run_recipe(make_parser: Callable[[], RecipeParser], main: Callable[..., None]) -> None:
    """Parse the command line and call `main`; a user's error is one line and exit code 2."""
    try:
        main(*make_parser().parse())
    except HfLoreError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _nearest(name: str, known: Mapping[str, Any], prefix: str = "") -> str:
    close = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.6)
    return f"; fix: did you mean {prefix}{close[0]}?" if close else "; fix: remove it"


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"{self.name}: key {key!r} is given twice; fix: keep one of them")
        return super().construct_mapping(node, deep)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            values = yaml.load(file, Loader=_UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; fix: the path after --config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} is not a mapping of keys to values; fix: one `key: value` a line"
        )
    return {str(key): value for key, value in values.items()}


def _settle_precision(namespace: argparse.Namespace) -> None:
    """bfloat16 arithmetic on an accelerator, float32 on CPU, unless the user says otherwise."""
    if not {"bf16", "fp16", "use_cpu"} <= vars(namespace).keys() or namespace.bf16 is not None:
        return
    import torch
    from accelerate.utils import parse_flag_from_env

    on_cpu = namespace.use_cpu or parse_flag_from_env("ACCELERATE_USE_CPU")
    namespace.bf16 = not on_cpu and not namespace.fp16 and torch.accelerator.is_available()
