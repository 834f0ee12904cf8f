"""What the study asks, before anything is drawn: patients, settings, seeds, arms, questions.

A *setting* says how the split is made (K, composites, parts) and which arms are trained on it. A
*group* is one setting, one patient and one seed: its arms share the teacher's answers. All groups
of a seed sit the same exam, whatever they were trained on, so that arms can be compared in pairs.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ..compo import build_composites
from ..errors import ConfigError
from ..questions import Composite, Question
from ..tiny.world import FAMILIES, MAX_STEPS, item_rng, make_question, tiny_questions

__all__ = [
    "ARMS",
    "CENTRE",
    "QUICK_SIZES",
    "Exam",
    "Group",
    "Setting",
    "Sizes",
    "Study",
    "exam_questions",
    "training_composites",
]

# Arm → what it is trained on, in the words of the tables.
ARMS = {
    "base": "not trained",
    "sft_compo": "the right triple whose lengths add up best",
    "sft_control": "a right triple at random",
    "sft_anti": "the right triple whose lengths add up worst",
    "token_matched": "at random, tilted to SFT-Compo's total tokens",
    "longest_composed": "the longest right composed answer, its parts at random",
    "dpo": "DPO: the best triple preferred to the worst",
    "grpo": "GRPO: right answers and lengths that add up, as rewards",
}
# Steps of the questions trained on and examined; longer ones are kept for the exam.
TRAINED_STEPS = 4
# Families of seeds, so that no two draws of questions share one.
_TRAIN, _EXAM, _LONGER, _MORE = 1_000_000, 2_000_000, 3_000_000, 4_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """How a split is made, and which arms are trained on it.

    Args:
        name (`str`): of folders and tables.
        arms: keys of `ARMS`.
        samples (`int`): K, the teacher's answers a question.
        composites (`int`): how many are sampled; fewer give a triple.
        parts (`int`): of a composite.
    """

    name: str
    arms: tuple[str, ...]
    samples: int = 8
    composites: int = 150
    parts: int = 2

    def __post_init__(self) -> None:
        if unknown := set(self.arms) - set(ARMS):
            raise ConfigError(f"no such arm: {min(unknown)}; fix: some of {', '.join(ARMS)}")
        if not 2 <= self.parts <= len(FAMILIES):
            raise ConfigError(
                f"{self.parts} parts; fix: 2 to {len(FAMILIES)}, a family of the tiny world each"
            )

    @property
    def teacher(self) -> str:
        """Names the teacher's answers, which settings of equal data share."""
        return f"k{self.samples}-n{self.composites}-m{self.parts}"


CENTRE = Setting(
    "centre",
    ("base", "sft_compo", "sft_control", "sft_anti", "token_matched", "longest_composed"),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an exam asks, and how a training is cut short in a quick run.

    Args:
        composites, samples (`int`): of the composites of two parts that the laws are scored on.
        others, other_samples (`int`): of the composites of longer parts, and of those of more
            parts; K of the monotonicity questions as well.
        instances (`int`): monotonicity families a machine; N = 1 to 6.
        epochs (`int`, *optional*): of SFT and DPO; the recipes' own by default.
        grpo_composites (`int`, *optional*): the recipe's own by default.
    """

    composites: int = 24
    samples: int = 64
    others: int = 16
    other_samples: int = 16
    instances: int = 3
    epochs: int | None = None
    grpo_composites: int | None = None


QUICK_SIZES = Sizes(6, 4, 4, 2, 1, epochs=1, grpo_composites=4)


@dataclass(frozen=True, slots=True)
class Group:
    """One setting, one patient, one seed.

    Args:
        setting (`Setting`): its data and arms.
        patient (`str`): its name.
        seed (`int`): of questions, pairing, draws, choices and trainings.
    """

    setting: Setting
    patient: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.setting.name}/{self.patient}-seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Study:
    """All of it.

    Args:
        patients: name → folder of an ill model, as `from_pretrained` takes it.
        settings: each with its number of seeds, from 0; in the order of their importance.
        sizes (`Sizes`): of every exam.
    """

    patients: dict[str, Path]
    settings: dict[Setting, int]
    sizes: Sizes = field(default_factory=Sizes)

    def groups(self) -> list[Group]:
        """All groups, the most important first: by setting, then seed, then patient."""
        return [
            Group(setting, patient, seed)
            for setting, seeds in self.settings.items()
            for seed in range(seeds)
            for patient in self.patients
        ]


@dataclass(frozen=True, slots=True)
class Exam:
    """What a model is asked.

    Args:
        composites: of two parts, of as many steps as were trained on.
        longer: of two parts with more steps than were trained on.
        more_parts: of one part more than trained on; empty where the world has no more.
        families: machine and instance → its questions of N = 1 to 6 steps.
    """

    composites: list[Composite]
    longer: list[Composite]
    more_parts: list[Composite]
    families: dict[str, list[Question]]


def exam_questions(seed: int, parts: int, sizes: Sizes) -> Exam:
    """The exam of all groups of a seed; only `more_parts` depends on what was trained on."""

    def composites(offset: int, n: int, num_parts: int, low: int, high: int) -> list[Composite]:
        pool = tiny_questions(4 * n, offset + seed, min_steps=low, max_steps=high)
        return build_composites(pool, limit=n, seed=seed, num_parts=num_parts)

    more = parts + 1 <= len(FAMILIES)
    return Exam(
        composites=composites(_EXAM, sizes.composites, 2, 1, TRAINED_STEPS),
        longer=composites(_LONGER, sizes.others, 2, TRAINED_STEPS + 1, MAX_STEPS),
        more_parts=composites(_MORE, sizes.others, parts + 1, 1, TRAINED_STEPS) if more else [],
        families={
            f"{name}/{instance}": [
                # Equal generators: the question of N steps begins as that of N + 1 does.
                make_question(family, n, item_rng("study", name, seed, instance))
                for n in range(1, MAX_STEPS + 1)
            ]
            for name, family in FAMILIES.items()
            for instance in range(sizes.instances)
        },
    )


def training_composites(seed: int, setting: Setting, exam: Exam) -> list[Composite]:
    """Composites to teach, none of whose questions the exam asks."""
    asked = {q.id for c in (*exam.composites, *exam.more_parts) for q in c.parts}
    asked |= {q.id for questions in exam.families.values() for q in questions}
    # Twice what two parts need, exactly what four do, and some for what is left out.
    pool = tiny_questions(4 * setting.composites + 80, _TRAIN + seed, max_steps=TRAINED_STEPS)
    return build_composites(
        [q for q in pool if q.id not in asked],
        limit=setting.composites,
        seed=seed,
        num_parts=setting.parts,
    )
