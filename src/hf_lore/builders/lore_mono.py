"""`LoreMono`: questions in which one operation is applied N times, and the columns of lore-mono."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import datasets
from datasets import Features, List, Value

from ..errors import ConfigError
from ..mono.family import DOMAINS, MOST_STEPS, families, load_family
from ..mono.rows import rows

__all__ = ["LORE_MONO_FEATURES", "LoreMono", "LoreMonoConfig"]

LORE_MONO_FEATURES = Features(
    {
        "id": Value("string"),
        "domain": Value("string"),
        "family": Value("string"),
        "family_version": Value("int32"),
        "instance": Value("int32"),
        "seed": Value("int64"),
        "n_steps": Value("int32"),
        "reference_ops": Value("int64"),
        "problem": Value("string"),
        "answer": List(Value("string")),
        "answer_types": List(Value("string")),
    }
)
# Instances of one family that one process makes in one go.
CHUNK = 16


@dataclass
class LoreMonoConfig(datasets.BuilderConfig):
    """What a LORE-Mono dataset is made of; every field enters the cache's key.

    Args:
        domain (`str`, defaults to "all"): "math", "science", "language", "code" or "all".
        seed (`int`, defaults to 0): another seed, other instances.
        instances (`int`, defaults to 1): seed questions a family.
        first_instance (`int`, defaults to 0): index of the first.
        steps (`int`, defaults to 30): N = 1, 2, …, `steps`.
    """

    domain: str = "all"
    seed: int = 0
    instances: int = 1
    first_instance: int = 0
    steps: int = MOST_STEPS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.domain not in (*DOMAINS, "all"):
            raise ConfigError(f"no domain {self.domain!r}; fix: one of {', '.join(DOMAINS)}, all")
        if self.instances < 1 or self.first_instance < 0:
            raise ConfigError(f"{self.instances} instances; fix: at least 1, from index 0 or above")
        if not 1 <= self.steps <= MOST_STEPS:
            raise ConfigError(f"steps is {self.steps}; fix: 1 to {MOST_STEPS}")

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: Features | None = None
    ) -> str:
        """The cache's key, with the families and their versions in it."""
        versions = [(f.domain, f.name, f.version) for f in families(self.domain)]
        known = hashlib.sha256(repr(versions).encode()).hexdigest()
        return super().create_config_id({**config_kwargs, "families": known}, custom_features)


class LoreMono(datasets.GeneratorBasedBuilder):
    """LORE-Mono, made where it is called: `LoreMono("math", seed=1).download_and_prepare()`.

    Args:
        domain (`str`, defaults to "all"): see `LoreMonoConfig`, as are `seed`, `instances`,
            `first_instance` and `steps`.
        cache_dir (`str`, *optional*): where the rows go.
    """

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS: ClassVar[type] = LoreMonoConfig

    def __init__(self, domain: str = "all", *, cache_dir: str | None = None, **config: Any) -> None:
        super().__init__(
            cache_dir=cache_dir,
            dataset_name="lore_mono",
            config_name=domain,
            domain=domain,
            **config,
        )

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="One operation applied N times (arXiv 2512.17901, LORE-Mono).",
            features=LORE_MONO_FEATURES,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        start, end = self.config.first_instance, self.config.first_instance + self.config.instances
        chunks = [
            (family.name, first, min(first + CHUNK, end))
            for family in families(self.config.domain)
            for first in range(start, end, CHUNK)
        ]
        return [
            # A list is what `num_proc` shares out.
            datasets.SplitGenerator(name=datasets.Split.TEST, gen_kwargs={"chunks": chunks})
        ]

    def _generate_examples(
        self, chunks: list[tuple[str, int, int]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        steps = range(1, self.config.steps + 1)
        for name, first, end in chunks:
            family = load_family(name)
            for index in range(first, end):
                instance = family.instance(self.config.seed, index)
                for row in rows(family, instance, steps):
                    yield row["id"], row
