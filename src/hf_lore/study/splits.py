"""A group's teacher, and the split of every arm, all from the same answers of the patient."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import HfLoreError
from ..hub_layout import write_dataset_folder
from ..questions import Composite
from ..run import Run
from ..sampling.in_process import TransformersSampler
from ..sampling.prompts import load_tokenizer
from ..sampling.sample import SamplingParams
from ..sampling.store import SampleStore
from ..selection import CompoSelector, Selection, select_composites
from ..sft import build_sft_splits
from ..stages import candidates_of, sample, select, start_run, verify
from .arms import longest_composed, token_matched

__all__ = ["Split", "teach"]

BATCH_SIZE = 512


@dataclass(frozen=True, slots=True)
class Split:
    """What one arm trains on.

    Args:
        composites (`int`): how many gave a triple.
        tokens_parts, tokens_composed (`int`): reasoning tokens, summed over the split.
        mean_gap (`float`): mean of |Σ ℓ(part) − ℓ(composite)|, in tokens.
    """

    composites: int
    tokens_parts: int
    tokens_composed: int
    mean_gap: float


def teach(
    folder: Path, patient: Path, name: str, composites: list[Composite], k: int, seed: int
) -> tuple[Run, dict[str, Split]]:
    """Sample, verify and select with the patient as teacher; then the study's own two choices.

    Args:
        folder: a run directory; what it holds is not made again.

    Returns:
        The run, whose `dataset` holds the splits of SFT-Compo, control and ablation and whose
        `arms` folder those of the other two; and every split's `Split`.

    Raises:
        HfLoreError: not one right triple.
    """
    sampler = TransformersSampler(patient, name=name, batch_size=BATCH_SIZE, device="cpu")
    params = SamplingParams(temperature=1.0, max_new_tokens=320, seed=seed)
    run = start_run(folder, composites, sampler, sampler.tokenizer, params, k)
    summary = folder / "arms" / "splits.json"
    if not summary.exists():
        sample(run, sampler, sampler.tokenizer)
        verify(run)
        report = select(run, seed=seed)
        if not report.selected:
            raise HfLoreError(
                f"{folder}: no composite of {report.composites} gave a right triple "
                f"({report.rejected}); fix: more samples or composites"
            )
        found = _write_arms(run, composites, seed)
        rows = {
            arm: [s.composites, s.tokens_parts, s.tokens_composed, s.mean_gap]
            for arm, s in found.items()
        }
        run.write_json(summary, rows)
    rows = json.loads(summary.read_text(encoding="utf-8"))
    return run, {arm: Split(*row) for arm, row in rows.items()}


def _write_arms(run: Run, composites: list[Composite], seed: int) -> dict[str, Split]:
    candidates = candidates_of(run, composites)
    lengths = {key: n for c in candidates for rows in c.correct for key, n in rows}
    chosen: dict[str, dict[str, tuple[str, ...]]] = {}
    for config, selector in {
        "sft_compo": CompoSelector(),
        "sft_control": CompoSelector("random", seed=seed),
        "sft_anti": CompoSelector("max"),
    }.items():
        choices = select_composites(candidates, selector)
        chosen[config] = {
            c.composite_id: c.sample_keys for c in choices if isinstance(c, Selection)
        }
    usable = [c for c in candidates if c.composite_id in chosen["sft_compo"]]
    total = sum(lengths[key] for keys in chosen["sft_compo"].values() for key in keys)
    own = {
        "token_matched": token_matched(usable, total, seed),
        "longest_composed": longest_composed(usable, seed),
    }
    found = {arm: _split(keys, lengths) for arm, keys in {**chosen, **own}.items()}
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        wanted = {key for keys in own.values() for triple in keys.values() for key in triple}
        samples = {s.key: s for s in store if s.key in wanted}
        prompts = {p.question_id: p for p in store.prompts()}
    selections = {
        arm: [
            Selection(composite, "random", triple, _gap(triple, lengths))
            for composite, triple in keys.items()
        ]
        for arm, keys in own.items()
    }
    tokenizer = load_tokenizer(run.manifest.tokenizer_source)
    splits = build_sft_splits(composites, selections, samples.__getitem__, prompts, tokenizer)
    write_dataset_folder(
        run.path / "arms",
        splits.configs,
        split="train",
        body="# Two more choices of the same right answers\n\nSee hf_lore.study.arms.",
        default="token_matched",
        pretty_name="Arms of the study",
    )
    return found


def _gap(keys: tuple[str, ...], lengths: dict[str, int]) -> int:
    *parts, composed = (lengths[key] for key in keys)
    return abs(sum(parts) - composed)


def _split(chosen: dict[str, tuple[str, ...]], lengths: dict[str, int]) -> Split:
    return Split(
        composites=len(chosen),
        tokens_parts=sum(lengths[key] for keys in chosen.values() for key in keys[:-1]),
        tokens_composed=sum(lengths[keys[-1]] for keys in chosen.values()),
        mean_gap=sum(_gap(keys, lengths) for keys in chosen.values()) / len(chosen),
    )
