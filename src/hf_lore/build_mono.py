"""Building the LORE-Mono dataset: gates, rows, a folder in Hub layout, and the record of how.

Every instance has passed the gates on its trajectory before it is a question (`mono.family`). What
needs more (prompts, a second way to every answer, programs run as printed, answers that verify, no
two families alike) is checked here on the first instance of every family, and stops the build.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from .build import RECORD_FILE, refuse_to_overwrite
from .builders import LoreMono
from .card_templates import fill_card
from .errors import ConfigError, HfLoreError
from .hub_layout import write_dataset_folder
from .mono.family import DOMAINS, MOST_STEPS, Family, Instance, families
from .mono_checks import (
    answer_defects,
    prompt_text_defects,
    same_trajectories,
    second_way_defects,
)

__all__ = ["GATES", "MonoRecord", "build_mono", "family_defects"]


# What is checked on a family's instance → the check; trajectories are checked as they are drawn.
GATES: dict[str, Callable[[Instance, Family], list[str]]] = {
    "prompts: N stated, one instruction on the format, LaTeX": prompt_text_defects,
    "a second way to the answers, code run as printed": second_way_defects,
    "right answers verify, neighbours' do not": answer_defects,
}
TRAJECTORIES = "trajectories: no period, no saturation, no shortcut, every rule fires"
TWINS = "no two families with the same trajectory"


@dataclass(frozen=True, slots=True)
class MonoRecord:
    """How a LORE-Mono dataset came about.

    Args:
        seed, instances, steps (`int`): see `LoreMonoConfig`.
        families (`dict[str, str]`): `domain/name` → version.
        rows (`int`): questions.
        gates (`dict[str, str]`): gate → on how much it was checked.
        hf_lore (`str`): version of the package.
    """

    seed: int
    instances: int
    steps: int
    families: dict[str, str]
    rows: int
    gates: dict[str, str]
    hf_lore: str


def family_defects(family: Family, seed: int = 0) -> list[str]:
    """What is wrong with a family, by its first instance of a seed; empty where nothing is."""
    instance = family.instance(seed, 0)
    return [
        f"{family.domain}/{family.name}: {defect}"
        for gate in GATES.values()
        for defect in gate(instance, family)
    ]


def build_mono(
    out: Path,
    *,
    domain: str = "all",
    seed: int = 0,
    instances: int = 1,
    steps: int = MOST_STEPS,
    num_proc: int | None = None,
) -> MonoRecord:
    """Build LORE-Mono and write it in Hub layout, a config a domain and `all`.

    Args:
        out: the folder to write; replaced if it is an earlier build.
        domain, seed, instances, steps: see `LoreMonoConfig`.
        num_proc (`int`, *optional*): processes that generate.

    Raises:
        ConfigError: settings out of range, or a folder that holds something else.
        HfLoreError: a family does not pass a gate.
    """
    refuse_to_overwrite(out)
    if num_proc is not None and num_proc < 1:
        raise ConfigError(f"num_proc is {num_proc}; fix: at least 1")
    chosen = families(domain)
    defects = [d for family in chosen for d in family_defects(family, seed)]
    defects += [f"{a} and {b} have the same trajectory" for a, b in same_trajectories(chosen)]
    if defects:
        raise HfLoreError(
            f"{len(defects)} defects in LORE-Mono, the first: {defects[0]}; fix: mend the family, "
            "or report this as a bug"
        )
    domains = list(DOMAINS) if domain == "all" else [domain]
    with tempfile.TemporaryDirectory(prefix="hf-lore-mono-") as cache:
        configs = {}
        for name in domains:
            builder = LoreMono(name, cache_dir=cache, seed=seed, instances=instances, steps=steps)
            builder.download_and_prepare(num_proc=num_proc)
            configs[name] = builder.as_dataset(split="test")
        first = f"the first instance of each of {len(chosen)} families"
        record = MonoRecord(
            seed=seed,
            instances=instances,
            steps=steps,
            families={f"{f.domain}/{f.name}": str(f.version) for f in chosen},
            rows=sum(map(len, configs.values())),
            gates={
                TRAJECTORIES: f"each of {len(chosen) * instances} instances",
                **dict.fromkeys(GATES, first),
                TWINS: first,
            },
            hf_lore=version("hf-lore"),
        )
        write_dataset_folder(
            out,
            configs,
            split="test",
            body=_card_body(record, chosen),
            default="all" if domain == "all" else domain,
            unions={"all": domains} if domain == "all" else None,
            pretty_name="LORE-Mono",
            tags=("reasoning", "hf-lore"),
            license="apache-2.0",
            extra_files={RECORD_FILE: json.dumps(asdict(record), indent=2) + "\n"},
        )
    return record


def _card_body(record: MonoRecord, chosen: list[Family]) -> str:
    gates = "\n".join(f"| {gate} | {where} | 0 |" for gate, where in record.gates.items())
    listed = "\n".join(f"| {f.domain} | `{f.name}` | {f.title} |" for f in chosen)
    return fill_card(
        "lore_mono.md",
        n_families=len(chosen),
        instances=record.instances,
        steps=record.steps,
        rows=record.rows,
        seed=record.seed,
        version=record.hf_lore,
        gates=gates,
        families=listed,
    )
