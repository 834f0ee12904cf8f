"""Settings of a reasoner's recipe: the tiny one's are the defaults, a YAML file names others.

Every key is a field of `Recipe`; an unknown, doubled or mistyped one is an error. Loads no torch.
"""

import dataclasses
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from .more_families import LARGE_WORLD
from .world import FAMILIES, MAX_STEPS, World

__all__ = ["Recipe", "read_recipe"]


@dataclass(frozen=True)
class Recipe:
    """What decides the weights.

    Args:
        seed (`int`): of the weights' start, the examples and the order of batches.
        rounds (`int`): how often it learns to reason and falls ill again.
        steps (`int`): optimizer steps a round.
        batch_tokens (`int`): tokens a step at most, padding included.
        learning_rate (`float`): at the peak; linear warm-up over 5% of a round, then cosine to 0.
        temperature (`float`): written into the generation config.
        subjects (`tuple[str, ...]`): families that questions are made of, of either world.
        max_steps (`int`): operations of the longest question.
        part_counts (`tuple[float, ...]`): chances of 1, 2, 3 … parts.
        hidden_size, intermediate_size, layers, heads (`int`): of the model.
        device (`str`): cpu, cuda, or auto for cuda where there is one. On cuda the arithmetic is
            bfloat16, the weights and the optimizer stay float32.
        workers (`int`): processes that make examples; 0 makes them between steps. Any number makes
            the same ones.
    """

    seed: int = 0
    rounds: int = 3
    steps: int = 3000
    batch_tokens: int = 2048
    learning_rate: float = 3e-3
    temperature: float = 1.0
    subjects: tuple[str, ...] = tuple(FAMILIES)
    max_steps: int = MAX_STEPS
    part_counts: tuple[float, ...] = (0.44, 0.40, 0.09, 0.07)
    hidden_size: int = 128
    intermediate_size: int = 384
    layers: int = 3
    heads: int = 4
    device: str = "cpu"
    workers: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.subjects if name not in LARGE_WORLD.families]
        if unknown or not self.subjects or len(set(self.subjects)) < len(self.subjects):
            raise ConfigError(
                f"subjects {unknown or list(self.subjects)} are not some of the machines, each "
                f"once; fix: use {', '.join(LARGE_WORLD.families)}"
            )
        if not 1 <= self.max_steps <= LARGE_WORLD.max_steps:
            raise ConfigError(
                f"max_steps is {self.max_steps}; fix: from 1 to {LARGE_WORLD.max_steps}, the step "
                "numbers that have a token"
            )
        chances = self.part_counts
        if not 1 <= len(chances) <= len(self.subjects) or min(chances) < 0 or sum(chances) <= 0:
            raise ConfigError(
                f"part_counts are {list(chances)} for {len(self.subjects)} subjects, and the parts "
                "of a composite differ in subject; fix: at most one chance a subject, none "
                "negative, not all 0"
            )
        if min(self.batch_tokens, self.learning_rate, self.temperature) <= 0:
            raise ConfigError(
                f"batch_tokens {self.batch_tokens}, learning_rate {self.learning_rate} and "
                f"temperature {self.temperature} are not all positive; fix: make them so"
            )
        if min(self.hidden_size, self.intermediate_size, self.layers, self.heads) < 1 or (
            self.hidden_size % (2 * self.heads)
        ):
            raise ConfigError(
                f"hidden_size {self.hidden_size} over {self.heads} heads is no model; fix: sizes "
                "of at least 1, and hidden_size a multiple of 2 x heads"
            )
        if self.device not in ("cpu", "cuda", "auto") or self.workers < 0:
            raise ConfigError(
                f"device is {self.device!r} and workers {self.workers}; fix: cpu, cuda or auto, "
                "and 0 workers or more"
            )

    @property
    def world(self) -> World:
        """The machines named, in that order."""
        return World({s: LARGE_WORLD.families[s] for s in self.subjects}, self.max_steps)


def read_recipe(path: Path) -> Recipe:
    """A recipe from a YAML file; what it leaves out is the tiny reasoner's.

    Raises:
        ConfigError: no such file, no mapping, an unknown or doubled key, a value of another type.
    """
    try:
        with path.open(encoding="utf-8") as file:
            values = yaml.load(file, Loader=_UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; fix: the path after --config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is no mapping of keys to values; fix: one `key: value` a line")
    fields = {f.name: f for f in dataclasses.fields(Recipe)}
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            raise ConfigError(
                f"{path}: unknown key {key!r}; fix: "
                + (f"did you mean {near[0]}?" if near else f"one of {', '.join(fields)}")
            )
        values[key] = _typed(f"{path}: {key}", value, fields[key].default)
    return Recipe(**values)


def _typed(where: str, value: Any, default: Any) -> Any:
    """The value as the type of the field's default."""
    kind: type = type(default)
    if isinstance(default, tuple):
        if isinstance(value, list):
            return tuple(_typed(where, item, default[0]) for item in value)
    elif kind is float and isinstance(value, str):
        try:  # PyYAML leaves 3e-4 a string
            return float(value)
        except ValueError as error:
            raise ConfigError(f"{where} is {value!r}; fix: give a number") from error
    elif isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool):
        return kind(value)
    raise ConfigError(
        f"{where} is {value!r}; fix: give a {'list' if kind is tuple else kind.__name__}"
    )


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if doubled := [key for key in keys if keys.count(key) > 1]:
            raise ConfigError(f"{self.name}: key {doubled[0]!r} is given twice; fix: keep one")
        return super().construct_mapping(node, deep)
