"""The run directory: one question set and one model, and the manifest that says which.

    manifest.json    what was asked of whom, and how; its fingerprint guards everything below
    questions.parquet   composites, as lore-compo rows, or plain questions
    samples/         the sample store            verdicts/    a verdict a sample
    selection/       selections and rejections   dataset/     the SFT splits, in Hub layout
    laws.json        scores and points           plots/       the scores as pictures

Only paths, the manifest and the questions are owned here; each stage owns its own folder.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from .adaptive import AdaptiveK
from .errors import ConfigError, RunMismatchError
from .question_table import (
    PLAIN,
    IdsHash,
    Items,
    TableSummary,
    are_composites,
    each_item,
    read_items,
    summarise,
    write_items,
)
from .questions import Composite, Question, content_hash
from .sampling.prompts import default_instruction
from .sampling.sample import CountMethod, SamplingParams

__all__ = ["DEFAULT_INSTRUCTION", "Manifest", "Run", "check_num_samples", "questions_hash"]

FORMAT = 1
# Stands for an instruction that fits each question's number of answers.
DEFAULT_INSTRUCTION = "default"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is; all but `tokenizer_source`, `built` and `num_shards` enters its
    fingerprint.

    Args:
        questions (`str`): hash of the ids of the composites, or of the plain questions, in order.
        model, revision (`str`): who answers; a local model's revision is a hash of its files.
        tokenizer (`str`): hash of the tokenizer and its chat template.
        count_method (`str`): how reasoning tokens are counted.
        instruction (`str`, *optional*): what is added to every question.
        params (`SamplingParams`): how answers are drawn.
        num_samples (`int`): K, draws a question; at most so many where `adaptive` is set.
        adaptive (`AdaptiveK`, *optional*): stop drawing for a composite where a triple fits.
        num_shards (`int`): files that samples and verdicts are spread over, fixed for good: as many
            processes can write at once.
        tokenizer_source (`str`): where later stages load the tokenizer from.
        built (`dict`): how the questions came about, for the reader.
    """

    questions: str
    model: str
    revision: str
    tokenizer: str
    count_method: CountMethod
    instruction: str | None
    params: SamplingParams
    num_samples: int
    format: int = FORMAT
    tokenizer_source: str = ""
    built: dict[str, Any] = field(default_factory=dict)
    adaptive: AdaptiveK | None = None
    num_shards: int = 1

    def __post_init__(self) -> None:
        check_num_samples(self.num_samples)
        if self.num_shards < 1:
            raise ConfigError(f"num_shards is {self.num_shards}; fix: at least 1")

    @property
    def asked(self) -> "str | Callable[[Question], str] | None":
        """The instruction as `render_prompts` takes it."""
        is_default = self.instruction == DEFAULT_INSTRUCTION
        return default_instruction if is_default else self.instruction

    @property
    def fingerprint(self) -> str:
        return content_hash("r", sorted(self._decisive().items()))

    def _decisive(self) -> dict[str, Any]:
        fields = asdict(self)
        fields.update({f"params.{k}": v for k, v in fields.pop("params").items()})
        # Where a file lies and how it came about do not change what is asked of the model.
        del fields["built"], fields["tokenizer_source"], fields["num_shards"]
        # Runs with a fixed K keep the fingerprint that they had before K could adapt.
        if (adaptive := fields.pop("adaptive")) is not None:
            fields.update({f"adaptive.{k}": v for k, v in adaptive.items()})
        return fields

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "fingerprint": self.fingerprint}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Manifest":
        try:
            fields = json.loads(text)
            stated = fields.pop("fingerprint")
            fields["params"] = SamplingParams(**fields["params"])
            if fields.get("adaptive") is not None:
                fields["adaptive"] = AdaptiveK(**fields["adaptive"])
            manifest = cls(**fields)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise RunMismatchError(
                f"{where} is not a manifest this version can read ({error}); fix: use another run "
                "directory"
            ) from None
        if manifest.fingerprint != stated:
            raise RunMismatchError(
                f"{where} was edited: its fields no longer give its fingerprint {stated}; fix: "
                "restore it, or use another run directory"
            )
        return manifest

    def differences(self, other: "Manifest") -> list[str]:
        """`name: mine → theirs` for each decisive field in which the two differ."""
        mine, theirs = self._decisive(), other._decisive()
        names = [*mine, *(k for k in theirs if k not in mine)]
        return [
            f"{k}: {mine.get(k)!r} → {theirs.get(k)!r}"
            for k in names
            if mine.get(k) != theirs.get(k)
        ]


def check_num_samples(num_samples: int) -> None:
    """Raises ConfigError for a K that draws nothing."""
    if num_samples < 1:
        raise ConfigError(
            f"num_samples (K) is {num_samples}, so there would be nothing to choose from; fix: at "
            "least 1, and 8 for the paper's setting"
        )


def questions_hash(items: Items) -> str:
    """One hash for a list of composites, or of plain questions, in order."""
    digest = IdsHash()
    digest.update(item.id for item in items)
    return digest.name


class Run:
    """A run directory that exists. Make one with [`Run.create`], find one with [`Run.open`]."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.samples = path / "samples"
        self.verdicts = path / "verdicts"
        self.selection = path / "selection"
        self.dataset = path / "dataset"
        self.laws = path / "laws.json"
        self.plots = path / "plots"

    @classmethod
    def create(cls, path: Path, manifest: Manifest, items: Items) -> "Run":
        """Make a run directory, or go on with the one that is there if it is the same run.

        Args:
            path: the directory.
            manifest: what the run is.
            items: composites, or plain questions; not both.

        Raises:
            RunMismatchError: the directory holds a run made by other settings.
            ConfigError: nothing to ask, some of each, or a path that is a file.
        """
        if not items:
            raise ConfigError(
                "a run needs at least one composite or question; fix: build some first"
            )
        are_composites(items)
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is a file, not a run directory; fix: give another path")
        if (path / "manifest.json").exists():
            run = cls.open(path)
            if run.manifest.num_shards != manifest.num_shards:
                raise RunMismatchError(
                    f"{path} has {run.manifest.num_shards} shards, not {manifest.num_shards}: the "
                    "number is fixed when a run is made; fix: give that number, or another run "
                    "directory"
                )
            if changed := run.manifest.differences(manifest):
                raise RunMismatchError(
                    f"{path} was made by other settings ({'; '.join(changed)}); fix: give the "
                    "settings it was made by, or another run directory (nothing in it was touched)"
                )
            return run
        path.mkdir(parents=True, exist_ok=True)
        write_items(path / "questions.parquet", items)
        # The manifest comes last: where it stands, the directory is complete.
        _write_atomically(path / "manifest.json", [manifest.to_json()])
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open an existing run.

        Raises:
            ConfigError: there is none. RunMismatchError: its manifest cannot be trusted.
        """
        file = path / "manifest.json"
        if not file.is_file():
            raise ConfigError(
                f"{path} is not a run directory (it has no manifest.json); fix: start with "
                "`hf-lore sample --run DIR`"
            )
        return cls(path, Manifest.from_json(file.read_text(encoding="utf-8"), str(file)))

    def items(self) -> list[Composite] | list[Question]:
        """The run's composites, or its plain questions, in order, checked against the manifest."""
        items = read_items(self._questions)
        self._check_questions(questions_hash(items))
        return items

    def summary(self) -> TableSummary:
        """How many composites and questions the run asks, from their ids alone.

        Raises:
            RunMismatchError: see `items`.
        """
        found = summarise(self._questions)
        self._check_questions(found.ids_hash)
        return found

    def each_composite(self) -> Iterator[Composite]:
        """`composites`, some at a time in memory; raises what it does, before the first is given
        but for rows whose content does not fit their id."""
        if PLAIN in self.summary().kinds:
            raise self._no_composites()
        yield from cast("Iterator[Composite]", each_item(self._questions))

    def each_question(self) -> Iterator[Question]:
        """The questions of each item in order, parts and composed, some at a time in memory; one
        that several composites ask is given as often."""
        self.summary()
        for item in each_item(self._questions):
            if isinstance(item, Composite):
                yield from item.questions
            else:
                yield item

    @property
    def _questions(self) -> Path:
        return self.path / "questions.parquet"

    def _check_questions(self, found: str) -> None:
        if found != self.manifest.questions:
            raise RunMismatchError(
                f"{self._questions} is not the question set of its manifest; fix: restore the "
                "file, or use another run directory"
            )

    def _no_composites(self) -> ConfigError:
        return ConfigError(
            f"{self.path} holds plain questions, which have no parts to select from or to "
            "compose; fix: use a run of composites"
        )

    def composites(self) -> list[Composite]:
        """The run's composites, in order.

        Raises:
            ConfigError: the run holds plain questions. RunMismatchError: see `items`.
        """
        items = self.items()
        if not are_composites(items):
            raise self._no_composites()
        return list(items)

    def questions(self) -> list[Question]:
        """Every distinct question of the run, parts and composed, in a fixed order."""
        items = self.items()
        if are_composites(items):
            return list({q.id: q for c in items for q in c.questions}.values())
        return list({q.id: q for q in items if isinstance(q, Question)}.values())

    @property
    def shards(self) -> list[int | None]:
        """The shards' numbers; `[None]` for a run that is not spread."""
        n = self.manifest.num_shards
        return [None] if n == 1 else list(range(n))

    def write_json(self, path: Path, value: object) -> None:
        """Write a result beside the manifest, whole or not at all."""
        self.write_text(path, [json.dumps(value, indent=2, allow_nan=False), "\n"])

    def write_text(self, path: Path, pieces: Iterable[str]) -> None:
        """`write_json` for a text too long to hold at once."""
        _write_atomically(path, pieces)


def _write_atomically(path: Path, pieces: Iterable[str]) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
