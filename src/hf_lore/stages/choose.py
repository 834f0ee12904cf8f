"""Choosing triples from a verified run, and writing them as selection/ and dataset/."""

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from ..errors import ConfigError, RunMismatchError
from ..hub_layout import write_dataset_folder
from ..questions import Composite
from ..run import Manifest, Run
from ..sampling.prompts import load_tokenizer, tokenizer_hash
from ..selection import (
    Candidates,
    CompoSelector,
    Rejection,
    RejectionReason,
    Selection,
    select_composites,
)
from ..sft import SFT_CONFIGS, SelectionReport, sft_rows
from ..sft_card import sft_card_body
from ..verification import Verdict
from .grade import stored_verdicts
from .graded import Graded, GradedSamples, check_verified
from .split_files import GrowingTable, SplitRows, SplitWriter

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


__all__ = ["candidates_of", "read_verdicts", "select"]

_SELECTIONS = pa.schema(
    [
        ("config", pa.string()),
        ("composite_id", pa.string()),
        ("strategy", pa.string()),
        ("sample_keys", pa.list_(pa.string())),
        ("gap_tokens", pa.int64()),
    ]
)
_REJECTIONS = pa.schema([(n, pa.string()) for n in ("composite_id", "strategy", "reason")])


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
    """Choose triples and write selection/ and dataset/, a composite in memory at a time.

    The control and the ablation choose among the composites that SFT-Compo selected, so the three
    hold the same composites and roles. Of more than `limit` selected composites the first are kept.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} composites selects nothing; fix: at least 1")
    drafts = run.path / ".selection.part"
    shutil.rmtree(drafts, ignore_errors=True)
    try:
        with GradedSamples(run) as graded:
            drafts.mkdir()
            made = _Choosing(run, graded, drafts, seed, max_relative_gap, retokenise, limit)
            for composite in run.each_composite():
                made.choose(composite)
            report = made.finish()
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    return report


class _Choosing:
    """One call of `select`: what is counted, and the tables that grow in the folder `drafts`."""

    def __init__(
        self,
        run: Run,
        graded: GradedSamples,
        drafts: Path,
        seed: int,
        max_relative_gap: float | None,
        retokenise: bool,
        limit: int | None,
    ) -> None:
        self.run, self.graded, self.drafts = run, graded, drafts
        self.report = SelectionReport(
            composites=0,
            selected=0,
            control_seed=seed,
            max_relative_gap=max_relative_gap,
            retokenise=retokenise,
            limit=limit,
        )
        self.selectors = {
            config: CompoSelector(
                strategy=strategy,
                seed=seed,
                max_relative_gap=max_relative_gap if strategy == "min" else None,
            )
            for config, strategy in SFT_CONFIGS.items()
        }
        self.composites = self.selected = 0
        self.rejected: Counter[str] = Counter()
        self.selections = {
            config: GrowingTable(drafts / f"{config}.parquet", _SELECTIONS)
            for config in SFT_CONFIGS
        }
        self.rejections = GrowingTable(drafts / "rejections.parquet", _REJECTIONS)
        self.splits: dict[str, SplitWriter] = {}

    def choose(self, composite: Composite) -> None:
        """Decide one composite, and keep its rows."""
        drawn = self.graded.of_composite(composite)
        candidates = _candidates(composite, drawn)
        chosen = self._first(candidates)
        self.composites += 1
        if isinstance(chosen, Rejection):
            self.rejected[chosen.reason] += 1
            self.rejections.add([asdict(chosen)])
            return
        self.selected += 1
        if not self.splits:
            self._open_splits()
        samples = {sample.key: sample for graded in drawn for sample, _ in graded}
        prompts = {q.id: self.graded.prompt(q.id) for q in composite.questions}
        for config, selector in self.selectors.items():
            if config != "sft_compo":
                (chosen,) = select_composites([candidates], selector)
            assert isinstance(chosen, Selection)
            self.selections[config].add([{"config": config, **asdict(chosen)}])
            self.splits[config].add(
                sft_rows(
                    composite,
                    chosen,
                    samples.__getitem__,
                    prompts.__getitem__,
                    self.tokenizer,
                    retokenise=self.report.retokenise,
                )
            )

    def _first(self, candidates: Candidates) -> Selection | Rejection:
        """SFT-Compo's choice, which says whether the others choose at all."""
        (chosen,) = select_composites([candidates], self.selectors["sft_compo"])
        if isinstance(chosen, Selection) and self.selected == self.report.limit:
            return Rejection(chosen.composite_id, chosen.strategy, "beyond_limit")
        return chosen

    def _open_splits(self) -> None:
        self.tokenizer = _tokenizer_of(self.run.manifest)
        for config in SFT_CONFIGS:
            self.splits[config] = SplitWriter(self.drafts / f"{config}.rows", self.tokenizer)

    def finish(self) -> SelectionReport:
        """Put the tables in their places, each whole."""
        report = replace(
            self.report,
            composites=self.composites,
            selected=self.selected,
            rejected=dict(self.rejected),
        )
        splits = {config: writer.close() for config, writer in self.splits.items()}
        self.run.selection.mkdir(exist_ok=True)
        with GrowingTable(self.drafts / "selections.parquet", _SELECTIONS) as together:
            for one in self.selections.values():
                together.add_file(one)
        for table in (together, self.rejections):
            table.close()
            table.path.replace(self.run.selection / table.path.name)
        self.run.write_json(self.run.selection / "settings.json", report.settings)
        if not splits:
            # An older selection's splits would pass for this one's.
            shutil.rmtree(self.run.dataset, ignore_errors=True)
            return report
        exact = {config: writer.text_exact for config, writer in self.splits.items()}
        report = replace(report, text_exact=exact, rows=len(splits["sft_compo"]))
        _write_dataset(self.run, splits, report)
        return report


def _tokenizer_of(manifest: Manifest) -> "PreTrainedTokenizerBase":
    tokenizer = load_tokenizer(manifest.tokenizer_source)
    if tokenizer_hash(tokenizer) != manifest.tokenizer:
        raise RunMismatchError(
            f"the tokenizer at {manifest.tokenizer_source} is not the one the run used; "
            "fix: restore it, or run the verb from where the run was started"
        )
    return tokenizer


def candidates_of(run: Run, composites: Iterable[Composite]) -> list[Candidates]:
    """For each composite the right, closed answers to each of its questions, ordered by key.

    Raises:
        ConfigError: the run has not been verified, or not all of it.
    """
    with GradedSamples(run) as graded:
        return [_candidates(c, graded.of_composite(c)) for c in composites]


def _candidates(composite: Composite, drawn: Sequence[Graded]) -> Candidates:
    right = tuple(
        tuple(
            sorted(
                (sample.key, sample.reasoning_tokens)
                for sample, status in graded
                if status == "correct" and sample.reasoning_tokens is not None
            )
        )
        for graded in drawn
    )
    reasons = [reason for graded in drawn if (reason := _why_blocked(graded))]
    blocked = reasons[0] if reasons else None
    return Candidates(composite.id, right, blocked)


def _why_blocked(graded: Graded) -> RejectionReason | None:
    """Why no answer to a question can be right at all."""
    finishes = {sample.finish_reason for sample, _ in graded}
    if "context" in finishes:
        return "prompt_too_long"
    if finishes == {"error"}:
        return "server_error"
    if any(status == "gold_unparsed" for _, status in graded):
        return "gold_unparsed"
    return None


def _licence(manifest: Manifest) -> str | None:
    stated = manifest.built.get("source_license")
    return stated if isinstance(stated, str) else None


def _write_dataset(run: Run, splits: dict[str, SplitRows], report: SelectionReport) -> None:
    # What a folder and its card ask of a dataset, `SplitRows` answers too.
    configs = cast("dict[str, Dataset]", splits)
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
