"""Time and peak memory of selecting, scoring and verifying as a run grows.

    python benchmarks/growth.py [--run-samples 1000000] [--verify-samples 100000]
        [--column-samples 10000000] [--smallest 1000] [--limit N] [--folder DIR]

CPU seconds (threads included), and the peak of resident memory above that of the same process
before the work; each size in a process of its own, which has done the same on four composites
first, so that what is imported on the way is in neither figure. Before anything is timed, the
selections, splits, scores and verdicts of small runs are held to those of the simple way, with
everything in memory.

- `run`: `stages.select` (choice, splits and their card included), `scoring.score` and
  `stages.verify` on a run directory with synthetic samples of 64 tokens, K = 8, 80% right.
  Making the directory is not in the figures; `--folder` keeps it for another call. 10 million
  samples need some 12 GB there. `--limit` bounds the composites that get rows, as `hf-lore select
  --limit`. Of verifying, the memory is that of the calling process; 8 answers a question, each with
  a text and an answer of its own, one in a hundred in need of algebra.
- `columns`: `CompoSelector.select_many` over blocks of 10,000 composites made one after the other,
  as columns too large for memory are selected from; `score_compositionality` on the arrays
  of all of them at once; and, as `blocks`, what `scoring.score` does with the same draws.

The samples are made up: sizes are what is studied, not models.
"""

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from hf_lore.questions import Composite, Question

K = 8
BLOCK = 10_000


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lengths(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    parts = rng.lognormal(7.5, 0.7, (2, n, 1)) * rng.lognormal(0, 0.4, (2, n, K))
    both = 0.7 * parts.mean(axis=2).sum(axis=0)[:, None] * rng.lognormal(0, 0.4, (n, K))
    return [parts[0], parts[1], both]


def select_columns(n: int) -> dict[str, float]:
    from hf_lore.selection import CompoSelector, RaggedLengths

    rng = np.random.default_rng(0)
    selector, chosen, seconds = CompoSelector(), 0, 0.0
    before = peak_mb()
    for start in range(0, n, BLOCK):
        rows = min(BLOCK, n - start)
        columns = []
        for values in lengths(rng, rows):
            right = rng.random(values.shape) < 0.8
            offsets = np.concatenate([[0], np.cumsum(right.sum(axis=1))])
            columns.append(RaggedLengths(values[right].astype(np.int64), offsets))
        clock = time.process_time()
        chosen += int((selector.select_many(columns[:2], columns[2]).gap_tokens >= 0).sum())
        seconds += time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "chosen": chosen}


def score_columns(n: int) -> dict[str, float]:
    from hf_lore.laws import Draws, score_compositionality

    rng = np.random.default_rng(0)
    tokens = np.stack(lengths(rng, n), axis=1)
    draws = Draws(tokens, (rng.random(tokens.shape) < 0.8).astype(np.float64))
    before, clock = peak_mb(), time.process_time()
    found = score_compositionality(draws)
    seconds = time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "nmad": found.nmad_compute.value}


def score_blocks(n: int) -> dict[str, float]:
    """The same draws put into `CompositeColumns` a block at a time, as `scoring.score` does."""
    from hf_lore.laws import Draws, zero_rule_sensitivity
    from hf_lore.laws.columns import CompositeColumns
    from hf_lore.laws.compositionality import score_columns

    rng = np.random.default_rng(0)
    score_columns(CompositeColumns(2, 3))
    before, seconds = peak_mb(), 0.0
    columns = CompositeColumns(n, 3)
    for start in range(0, n, 512):
        tokens = np.stack(lengths(rng, min(512, n - start)), axis=1)
        draws = Draws(tokens, (rng.random(tokens.shape) < 0.8).astype(np.float64))
        clock = time.process_time()
        columns.put(start, draws)
        seconds += time.process_time() - clock
    clock = time.process_time()
    found = score_columns(columns)
    zero_rule_sensitivity(columns)
    seconds += time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "nmad": found.nmad_compute.value}


def load_tiny() -> "PreTrainedTokenizerBase":
    from hf_lore.sampling.prompts import load_tokenizer
    from hf_lore.tiny import tiny_path

    return load_tokenizer(str(tiny_path()))


def synthetic_composites(n: int) -> "list[Composite]":
    """n composites of two short questions; the answer to the i-th is i."""
    from hf_lore.questions import Composite, Question, compose

    def question(i: int, subject: str) -> Question:
        return Question(f"{subject} {i}?", (str(i),), subject=subject)

    pairs = ((question(i, "A"), question(i, "B")) for i in range(n))
    return [Composite(parts, compose(parts)) for parts in pairs]


class Writer:
    """Synthetic answers of 64 tokens with the tiny reasoner's ids, as rows of the stores.

    Draw d of a question whose answer is i says i + d, every other one as a fraction, and one in a
    hundred in a form that needs algebra.
    """

    def __init__(self, params_hash: str) -> None:
        tokenizer = load_tiny()
        self.params_hash = params_hash
        spelt = ["z", "</think>", "\\boxed{", "}", "\\", *"0123456789{fracsqt", " "]
        found = tokenizer(spelt, add_special_tokens=False)["input_ids"]
        assert all(len(ids) == 1 for ids in found), found
        self.ids = {text: ids[0] for text, ids in zip(spelt, found)}
        self.eos = tokenizer.eos_token_id

    def answer(self, number: int) -> list[str]:
        """`\\boxed{…}` of a number, a string a token."""
        if number % 100 == 7:
            spelt = f"\\sqrt{{{number**2}}}"
        elif number % 2:
            spelt = f"\\frac{{{2 * number}}}{{2}}"
        else:
            spelt = str(number)
        return ["\\boxed{", *spelt, "}"]

    def rows(
        self, question: "Question", draw: int, length: int, right: bool
    ) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """A sample's row and its verdict's."""
        from hf_lore.sampling.rows import encode_sample
        from hf_lore.sampling.sample import Sample, sample_key
        from hf_lore.verification.verdict_store import text_hash

        tokens = ["</think>"]
        for gold in question.gold:
            tokens += [*self.answer(int(gold) + draw), " "]
        tokens = ["z"] * (63 - len(tokens)) + tokens
        text = "".join(tokens)
        key = sample_key(question.id, "m", "r", self.params_hash, draw)
        ids = (*(self.ids[token] for token in tokens), self.eos)
        head = (key, question.id, "m", "r", self.params_hash, draw, 1, text, ids)
        sample = encode_sample(Sample(*head, length, length, "ids", "stop"))
        status = "correct" if right else "wrong"
        return sample, (key, status, "[]", "[]", length, text_hash(text))


def make_run(path: Path, n: int, *, graded: bool = True) -> None:
    """A run directory of n composites as sampling, and verification, leave it.

    Files and schemas are the stores' own. Rows go in without a disk synchronisation every half
    second, since how fast a run is made is not what is measured.
    """
    from hf_lore.run import Manifest, Run, questions_hash
    from hf_lore.sampling.prompts import tokenizer_hash
    from hf_lore.sampling.rows import encode_prompt
    from hf_lore.sampling.sample import Prompt, SamplingParams
    from hf_lore.sampling.store import SampleStore
    from hf_lore.tiny import tiny_path
    from hf_lore.verification.verdict_store import VerdictStore, grader_name

    composites = synthetic_composites(n)
    tokenizer, params = load_tiny(), SamplingParams(max_new_tokens=100_000)
    manifest = Manifest(
        questions=questions_hash(composites),
        model="m",
        revision="r",
        tokenizer=tokenizer_hash(tokenizer),
        count_method="ids",
        instruction=None,
        params=params,
        num_samples=K,
        tokenizer_source=str(tiny_path()),
    )
    run = Run.create(path, manifest, composites)
    SampleStore(run.samples, manifest.fingerprint).close()
    with VerdictStore(run.verdicts, grader_name()):
        pass
    rng, writer = np.random.default_rng(0), Writer(params.hash)
    with (
        bulk(run.samples / "shard-00000.sqlite") as samples,
        bulk(run.verdicts / "verdicts.sqlite") as verdicts,
    ):
        for start in range(0, n, 1000):
            some = composites[start : start + 1000]
            drawn = np.stack(lengths(rng, len(some)), axis=1).astype(int).tolist()
            right = (rng.random((len(some), 3, K)) < 0.8).tolist()
            rows = [
                writer.rows(question, draw, drawn[i][j][draw], right[i][j][draw])
                for i, composite in enumerate(some)
                for j, question in enumerate(composite.questions)
                for draw in range(K)
            ]
            asked = [q for composite in some for q in composite.questions]
            prompts = [
                encode_prompt(Prompt(q.id, q.prompt, tuple(q.prompt.encode()))) for q in asked
            ]
            insert(samples, "samples", [(None, *sample) for sample, _ in rows])
            insert(samples, "prompts", [(None, *prompt) for prompt in prompts])
            if graded:
                insert(verdicts, "verdicts", [verdict for _, verdict in rows])


@contextmanager
def bulk(file: Path) -> Iterator[sqlite3.Connection]:
    """A database in one transaction without journal, for rows that can be made again."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -1000000")
    db.execute("BEGIN")
    yield db
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()


def insert(db: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def score_run(path: Path) -> dict[str, float]:
    from hf_lore.run import Run
    from hf_lore.scoring import score

    with tempfile.TemporaryDirectory() as small:
        make_run(Path(small), 4)
        score(Run.open(Path(small)))  # what is imported on the way is in neither figure
    run, before, clock = Run.open(path), peak_mb(), time.process_time()
    found = score(run)
    seconds = time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "nmad": found["nmad_compute"].value}


def select_run(path: Path, limit: int) -> dict[str, float]:
    from hf_lore.run import Run
    from hf_lore.stages import select

    with tempfile.TemporaryDirectory() as small:
        make_run(Path(small), 4)
        select(Run.open(Path(small)))  # what is imported on the way is in neither figure
    run, before, clock = Run.open(path), peak_mb(), time.process_time()
    report = select(run, limit=limit or None)
    seconds = time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "rows": 3 * report.rows}


def verify_run(path: Path) -> dict[str, float]:
    from hf_lore.run import Run
    from hf_lore.stages import verify

    with tempfile.TemporaryDirectory() as small:
        make_run(Path(small), 4, graded=False)
        verify(Run.open(Path(small)))  # starts the workers
    run, before, clock = Run.open(path), peak_mb(), time.process_time()
    counts = verify(run, progress=False)
    seconds = time.process_time() - clock
    return {"seconds": seconds, "peak": peak_mb() - before, "correct": counts["correct"]}


def check_equal(path: Path) -> None:
    """Selection, splits, scores and verdicts of a small run, against all of it held in memory."""
    import pyarrow.parquet as pq

    from hf_lore.laws import score_compositionality
    from hf_lore.run import Run
    from hf_lore.sampling.store import SampleStore
    from hf_lore.scoring import read_draws, score
    from hf_lore.selection import CompoSelector, Selection, select_composites
    from hf_lore.sft import SFT_CONFIGS, build_sft_splits
    from hf_lore.stages import candidates_of, read_verdicts, select, verify
    from hf_lore.verification import grade

    make_run(path / "graded", 400)
    run = Run.open(path / "graded")
    select(run)
    composites = run.composites()
    candidates = candidates_of(run, composites)
    chosen = {
        config: [
            c for c in select_composites(candidates, CompoSelector(s)) if isinstance(c, Selection)
        ]
        for config, s in SFT_CONFIGS.items()
    }
    written = pq.read_table(run.selection / "selections.parquet").to_pylist()
    assert [(r["config"], r["composite_id"], r["sample_keys"]) for r in written] == [
        (config, c.composite_id, list(c.sample_keys))
        for config, found in chosen.items()
        for c in found
    ]
    with SampleStore(run.samples, read_only=True) as store:
        samples = {s.key: s for s in store}
        prompts = {p.question_id: p for p in store.prompts()}
    splits = build_sft_splits(composites, chosen, samples.__getitem__, prompts, load_tiny())
    for config, rows in splits.configs.items():
        (file,) = (run.dataset / config).glob("*.parquet")
        assert pq.read_table(file).to_pylist() == rows.to_list()
    scores = [s.to_json() for s in score(run).scores]
    assert scores == [s.to_json() for s in score_compositionality(read_draws(run)[1])]
    make_run(path / "drawn", 20, graded=False)
    run = Run.open(path / "drawn")
    verify(run, progress=False)
    questions = {q.id: q for q in run.questions()}
    verdicts = read_verdicts(run)
    with SampleStore(run.samples, read_only=True) as store:
        for s in store:
            question = questions[s.question_id]
            assert grade(s.text, question.gold).status == verdicts[s.key].status


def child(*words: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


CHILDREN = {
    "select_columns": lambda n: select_columns(int(n)),
    "score_columns": lambda n: score_columns(int(n)),
    "score_blocks": lambda n: score_blocks(int(n)),
    "make": lambda path, n: make_run(Path(path), int(n)),
    "make_ungraded": lambda path, n: make_run(Path(path), int(n), graded=False),
    "select_run": lambda path, limit: select_run(Path(path), int(limit)),
    "score_run": lambda path: score_run(Path(path)),
    "verify_run": lambda path: verify_run(Path(path)),
    "check": lambda path: check_equal(Path(path)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smallest", type=int, default=1_000, help="samples of the first row")
    parser.add_argument("--run-samples", type=int, default=100_000, help="largest run")
    parser.add_argument("--verify-samples", type=int, default=100_000, help="most verified")
    parser.add_argument("--column-samples", type=int, default=10_000_000, help="largest columns")
    parser.add_argument("--limit", type=int, default=0, help="of the composites that get rows")
    parser.add_argument(
        "--folder", type=Path, help="where runs are made (default: a temporary one)"
    )
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what, *words = args.child
        print(json.dumps(CHILDREN[what](*words) or {}))
        return
    with tempfile.TemporaryDirectory() as folder:
        child("check", folder)
    print("all results equal those of the simple implementation\n")
    print("| what | samples | composites | seconds | µs a sample | peak MB above the start |")
    print("|---|---|---|---|---|---|")
    for samples in (10**exponent for exponent in range(3, 8)):
        if samples >= args.smallest:
            measure(args, max(1, samples // (3 * K)), samples)


def measure(args: argparse.Namespace, n: int, samples: int) -> None:
    """The rows of one size."""

    def row(what: str, *words: object) -> None:
        found = child(what, *words)
        each = 1e6 * found["seconds"] / (3 * K * n)
        print(
            f"| {what.replace('_', ', ')} | {3 * K * n:,} | {n:,} | {found['seconds']:.2f} | "
            f"{each:.1f} | {found['peak']:.0f} |",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        if samples <= args.column_samples:
            row("select_columns", n)
            row("score_columns", n)
            row("score_blocks", n)
        if samples <= args.run_samples:
            run = (args.folder or Path(folder)) / f"run-{samples}"
            if not (run / "made").exists():
                child("make", run, n)
                (run / "made").touch()
            row("select_run", run, args.limit)
            row("score_run", run)
        if samples <= args.verify_samples:
            child("make_ungraded", f"{folder}/drawn", n)
            row("verify_run", f"{folder}/drawn")


if __name__ == "__main__":
    main()
