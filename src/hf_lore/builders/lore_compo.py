"""`LoreCompo`, its configs, and the columns of lore-compo."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import datasets
from datasets import Features, List, Value

from ..chained import build_chained
from ..compo import PairBy, build_composites, merge_algebra
from ..errors import ConfigError
from ..mono.family import draw_questions
from ..questions import AnswerType, Composite, CompositeKind, Question, compose
from ..sources import ColumnNames, LoadedQuestions, load_questions

__all__ = [
    "LORE_COMPO_FEATURES",
    "LoreCompo",
    "LoreCompoConfig",
    "composite_to_row",
    "composites_from_rows",
    "question_from_row",
    "question_to_row",
]

# The source that is no file and no Hub id.
LORE_MONO = "lore-mono"

_ANSWERS = {"answer": List(Value("string")), "answer_types": List(Value("string"))}

LORE_COMPO_FEATURES = Features(
    {
        "id": Value("string"),
        "kind": Value("string"),
        "parts": List(
            {
                "id": Value("string"),
                "domain": Value("string"),
                "subject": Value("string"),
                "problem": Value("string"),
                **_ANSWERS,
                "level": Value("string"),
                "n_steps": Value("int32"),
                "reference_ops": Value("int64"),
            }
        ),
        "composed": {"id": Value("string"), "problem": Value("string"), **_ANSWERS},
        "seed": Value("int64"),
    }
)


def composite_to_row(composite: Composite) -> dict[str, Any]:
    """A composite as a row of `LORE_COMPO_FEATURES`."""
    return {
        "id": composite.id,
        "kind": composite.kind,
        "parts": [question_to_row(part) for part in composite.parts],
        "composed": _question_to_cell(composite.composed),
        "seed": composite.seed,
    }


def composites_from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Composite]:
    """Composites from rows of `LORE_COMPO_FEATURES`, for instance a loaded `datasets.Dataset`.

    Raises:
        ConfigError: a missing column, or a row whose id is not the hash of its content.
    """
    for number, row in enumerate(rows, 1):
        try:
            parts = tuple(question_from_row(part) for part in row["parts"])
            composite = Composite(
                parts=parts,
                composed=_composed_from_cell(row["composed"], parts),
                kind=cast("CompositeKind", row["kind"]),
                seed=row["seed"],
            )
            stated = row["id"]
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"row {number} is not a lore-compo row ({type(error).__name__}: {error}); fix: "
                "build the dataset with `hf-lore build compo`"
            ) from None
        if composite.id != stated:
            raise ConfigError(
                f"row {number} has id {stated} but its content hashes to {composite.id}, so it was "
                "edited after it was built; fix: build it again with `hf-lore build compo`"
            )
        yield composite


def _question_to_cell(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "problem": question.prompt,
        "answer": list(question.gold),
        "answer_types": list(question.answer_types),
    }


def question_to_row(question: Question) -> dict[str, Any]:
    """A question as a part of a row of `LORE_COMPO_FEATURES`."""
    return {
        **_question_to_cell(question),
        "domain": question.domain,
        "subject": question.subject,
        "level": question.level,
        "n_steps": question.n_steps,
        "reference_ops": question.reference_ops,
    }


def question_from_row(row: Mapping[str, Any]) -> Question:
    """The question that `question_to_row` wrote; its id is not compared with the row's."""
    return Question(
        prompt=row["problem"],
        gold=tuple(row["answer"]),
        answer_types=tuple(cast("AnswerType", t) for t in row["answer_types"]),
        domain=row["domain"],
        subject=row["subject"],
        level=row["level"],
        n_steps=row["n_steps"],
        reference_ops=row["reference_ops"],
    )


def _composed_from_cell(cell: Mapping[str, Any], parts: tuple[Question, ...]) -> Question:
    # What adds up over the parts is not stored twice; compose() knows how to add it.
    sums = compose(parts)
    return Question(
        prompt=cell["problem"],
        gold=tuple(cell["answer"]),
        answer_types=tuple(cast("AnswerType", t) for t in cell["answer_types"]),
        domain=sums.domain,
        subject=sums.subject,
        n_steps=sums.n_steps,
        reference_ops=sums.reference_ops,
    )


@dataclass
class LoreCompoConfig(datasets.BuilderConfig):
    """What a LORE-Compo dataset is made of; every field enters the cache's key.

    Args:
        source (`str`, defaults to "HuggingFaceH4/MATH-500"): Hub id or local file; "lore-mono", or
            "lore-mono:DOMAIN", draws the questions from LORE-Mono's families, work known.
        split (`str`, *optional*): the Hub dataset's split.
        seed (`int`, defaults to 0): seed of the pairing.
        limit (`int`, *optional*): how many composites.
        num_parts (`int`, defaults to 2): parts a composite.
        pair_by (`str`, defaults to "subject"): "subject", "domain" or "lexical".
        kind (`str`, defaults to "independent"): or "chained", where the second part goes on from
            the first one's answer; see `hf_lore.chained`.
        instances (`int`, defaults to 8), most_steps (`int`, defaults to 30): with "lore-mono",
            seed questions a family, of which each gives one question of N up to `most_steps`.
        merge_algebra (`bool`, defaults to False): treat Prealgebra, Algebra and Intermediate
            Algebra as one subject.
        problem_column, answer_column, subject_column: see `hf_lore.sources.ColumnNames`.
        domain (`str`, defaults to "math") and answer_type (`str`, defaults to "math").
        drop_bad_rows (`bool`, defaults to False): see `hf_lore.sources.load_questions`.
        max_uses (`int`, defaults to 1): see `hf_lore.compo.build_composites`.
    """

    source: str = "HuggingFaceH4/MATH-500"
    split: str | None = None
    seed: int = 0
    limit: int | None = None
    num_parts: int = 2
    pair_by: PairBy = "subject"
    merge_algebra: bool = False
    problem_column: str | None = None
    answer_column: str | None = None
    subject_column: str | None = "subject"
    domain: str = "math"
    answer_type: AnswerType = "math"
    drop_bad_rows: bool = False
    max_uses: int = 1
    kind: CompositeKind = "independent"
    instances: int = 8
    most_steps: int = 30

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: Features | None = None
    ) -> str:
        """The cache's key, with a local file's content in it: an edited file is another source."""
        path = Path(self.source)
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            config_kwargs = {**config_kwargs, "source_sha256": content}
        return super().create_config_id(config_kwargs, custom_features)

    @property
    def is_lore_mono(self) -> bool:
        """Whether the questions are drawn here, and come from no file and no Hub."""
        return self.source.partition(":")[0] == LORE_MONO

    def load_questions(self) -> LoadedQuestions:
        """The source's questions, before any pairing. Raises what `load_questions` does."""
        if self.is_lore_mono:
            domain = self.source.partition(":")[2]
            drawn = draw_questions(
                self.instances, seed=self.seed, most_steps=self.most_steps, domain=domain or "all"
            )
            return LoadedQuestions(tuple(drawn), ())
        columns = ColumnNames(
            problem=self.problem_column,
            answer=self.answer_column,
            subject=self.subject_column if self.pair_by == "subject" else None,
        )
        return load_questions(
            self.source,
            split=self.split,
            columns=columns,
            domain=self.domain,
            answer_type=self.answer_type,
            drop_bad_rows=self.drop_bad_rows,
        )

    def pair(self, questions: Sequence[Question]) -> list[Composite]:
        """Pair questions as configured.

        Raises:
            ConfigError: settings that chains do not have, and what `build_composites` and
                `build_chained` raise.
        """
        if self.kind == "chained":
            usual = {"num_parts": 2, "pair_by": "subject", "merge_algebra": False, "max_uses": 1}
            if odd := [
                f"{k} {getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v
            ]:
                raise ConfigError(
                    f"{', '.join(odd)}: a chain goes on from one question, so nothing is paired; "
                    "fix: leave it out, or kind independent"
                )
            return build_chained(questions, limit=self.limit, seed=self.seed)
        return build_composites(
            questions,
            limit=self.limit,
            seed=self.seed,
            num_parts=self.num_parts,
            pair_by=self.pair_by,
            subject_group=merge_algebra if self.merge_algebra else None,
            max_uses=self.max_uses,
        )


class LoreCompo(datasets.GeneratorBasedBuilder):
    """LORE-Compo over any questions: `LoreCompo(source=…, seed=0).download_and_prepare()`."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS: ClassVar[type] = LoreCompoConfig

    def __init__(self, cache_dir: str | None = None, **config: Any) -> None:
        # Without a name of its own a builder is cached under its module's, where another builder
        # of the same file with equal arguments would be served in its place.
        super().__init__(cache_dir=cache_dir, dataset_name="lore_compo", **config)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="Composites of independent questions (arXiv 2512.17901, LORE-Compo).",
            features=LORE_COMPO_FEATURES,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator(name=datasets.Split.TEST)]

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for composite in self.config.pair(self.config.load_questions().questions):
            yield composite.id, composite_to_row(composite)
