"""Choosing triples from a verified run, and writing them as selection/ and dataset/."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, RunMismatchError
from ..hub_layout import write_dataset_folder
from ..questions import Composite
from ..run import Manifest, Run
from ..sampling.prompts import load_tokenizer, tokenizer_hash
from ..sampling.store import SampleStore
from ..selection import (
    Candidates,
    CompoSelector,
    Rejection,
    RejectionReason,
    Selection,
    select_composites,
)
from ..sft import SFT_CONFIGS, SelectionReport, build_sft_splits
from ..sft_card import sft_card_body
from ..verification import Verdict
from .grade import stored_verdicts
from .graded import check_verified, graded_questions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


__all__ = ["candidates_of", "read_verdicts", "select"]


def read_verdicts(run: Run) -> dict[str, Verdict]:
    """Sample key → verdict.

    Raises:
        ConfigError: the run has not been verified, or not all of it.
    """
    verdicts = {v.sample_key: v for v in stored_verdicts(run) if v.sample_key}
    check_verified(run, len(verdicts))
    return verdicts


def select(
    run: Run,
    *,
    seed: int = 0,
    max_relative_gap: float | None = None,
    retokenise: bool = False,
    limit: int | None = None,
) -> SelectionReport:
    """Choose triples and write selection/ and dataset/.

    The control and the ablation choose among the composites that SFT-Compo selected, so the three
    hold the same composites and roles. Of more than `limit` selected composites the first are kept.
    """
    composites = run.composites()
    candidates = candidates_of(run, composites)
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        outcomes: dict[str, list[Selection | Rejection]] = {}
        for config, strategy in SFT_CONFIGS.items():
            gap = max_relative_gap if strategy == "min" else None
            selector = CompoSelector(strategy=strategy, seed=seed, max_relative_gap=gap)
            if strategy != "min":
                kept = {o.composite_id for o in outcomes["sft_compo"] if isinstance(o, Selection)}
                pool = [c for c in candidates if c.composite_id in kept]
            else:
                pool = candidates
            outcomes[config] = list(select_composites(pool, selector))
            if limit is not None and strategy == "min":
                outcomes[config] = _first(outcomes[config], limit)
        chosen = {
            config: [o for o in found if isinstance(o, Selection)]
            for config, found in outcomes.items()
        }
        rejected = [o for o in outcomes["sft_compo"] if isinstance(o, Rejection)]
        _write_selection(run, chosen, rejected)
        counts = Counter(r.reason for r in rejected)
        report = SelectionReport(
            composites=len(composites),
            selected=len(chosen["sft_compo"]),
            rejected={str(reason): n for reason, n in counts.items()},
            control_seed=seed,
            max_relative_gap=max_relative_gap,
            retokenise=retokenise,
            limit=limit,
        )
        run.write_json(run.selection / "settings.json", report.settings)
        if report.selected:
            prompts = {p.question_id: p for p in store.prompts()}
            keys = {k for found in chosen.values() for c in found for k in c.sample_keys}
            by_key = {s.key: s for s in store if s.key in keys}
            tokenizer = _tokenizer_of(run.manifest)
            splits = build_sft_splits(
                composites, chosen, by_key.__getitem__, prompts, tokenizer, retokenise=retokenise
            )
            rows = len(splits.configs["sft_compo"])
            report = replace(report, text_exact=splits.text_exact, rows=rows)
            _write_dataset(run, splits.configs, report)
        else:
            # An older selection's splits would pass for this one's.
            shutil.rmtree(run.dataset, ignore_errors=True)
    return report


def _first(outcomes: list[Selection | Rejection], limit: int) -> list[Selection | Rejection]:
    if limit < 1:
        raise ConfigError(f"a limit of {limit} composites selects nothing; fix: at least 1")
    kept: list[Selection | Rejection] = []
    selected = 0
    for outcome in outcomes:
        selected += isinstance(outcome, Selection)
        if isinstance(outcome, Selection) and selected > limit:
            kept.append(Rejection(outcome.composite_id, outcome.strategy, "beyond_limit"))
        else:
            kept.append(outcome)
    return kept


def _tokenizer_of(manifest: Manifest) -> "PreTrainedTokenizerBase":
    tokenizer = load_tokenizer(manifest.tokenizer_source)
    if tokenizer_hash(tokenizer) != manifest.tokenizer:
        raise RunMismatchError(
            f"the tokenizer at {manifest.tokenizer_source} is not the one the run used; "
            "fix: restore it, or run the verb from where the run was started"
        )
    return tokenizer


def candidates_of(run: Run, composites: Sequence[Composite]) -> list[Candidates]:
    """For each composite the right, closed answers to each of its questions, ordered by key.

    Raises:
        ConfigError: the run has not been verified, or not all of it.
    """
    asked = {q.id for c in composites for q in c.questions}
    right: dict[str, tuple[tuple[str, int], ...]] = {}
    blocked: dict[str, RejectionReason] = {}
    for question, drawn in graded_questions(run, len(asked)):
        right[question] = tuple(
            sorted(
                (sample.key, sample.reasoning_tokens)
                for sample, status in drawn
                if status == "correct" and sample.reasoning_tokens is not None
            )
        )
        finishes = {sample.finish_reason for sample, _ in drawn}
        if "context" in finishes:
            blocked[question] = "prompt_too_long"
        elif finishes == {"error"}:
            blocked[question] = "server_error"
        elif any(status == "gold_unparsed" for _, status in drawn):
            blocked[question] = "gold_unparsed"
    return [
        Candidates(
            composite.id,
            tuple(right.get(q.id, ()) for q in composite.questions),
            next((blocked[q.id] for q in composite.questions if q.id in blocked), None),
        )
        for composite in composites
    ]


def _write_selection(
    run: Run, chosen: dict[str, list[Selection]], rejected: list[Rejection]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    run.selection.mkdir(exist_ok=True)
    rows = [{"config": c, **asdict(s)} for c, found in chosen.items() for s in found]
    selections = pa.schema(
        [
            ("config", pa.string()),
            ("composite_id", pa.string()),
            ("strategy", pa.string()),
            ("sample_keys", pa.list_(pa.string())),
            ("gap_tokens", pa.int64()),
        ]
    )
    rejections = pa.schema([(n, pa.string()) for n in ("composite_id", "strategy", "reason")])
    tables = {
        "selections": pa.Table.from_pylist(rows, schema=selections),
        "rejections": pa.Table.from_pylist([asdict(r) for r in rejected], schema=rejections),
    }
    for name, table in tables.items():
        part = run.selection / f".{name}.part"
        pq.write_table(table, part)
        part.replace(run.selection / f"{name}.parquet")


def _licence(manifest: Manifest) -> str | None:
    stated = manifest.built.get("source_license")
    return stated if isinstance(stated, str) else None


def _write_dataset(run: Run, configs: dict[str, Any], report: SelectionReport) -> None:
    write_dataset_folder(
        run.dataset,
        configs,
        split="train",
        body=sft_card_body(run.manifest, report, configs),
        default="sft_compo",
        pretty_name="SFT-Compo",
        tags=("reasoning", "hf-lore"),
        license=_licence(run.manifest),
        # Where the tokenizer lay on this machine is nobody else's business.
        extra_files={"run.json": replace(run.manifest, tokenizer_source="").to_json()},
    )
