"""What a million triplets with a 14B teacher cost, on paper: the tables of docs/scale.md.

    python benchmarks/scale.py
    python benchmarks/scale.py --measure FILE.jsonl --vocabulary FILE.tiktoken

The first form computes: published rates and our own measured ones go in, products come out. The
second measures the bytes a token of our store and of an SFT split, and how fast a store of long
traces is written, opened and read, on texts of a file whose rows have a list `responses`; it needs
tiktoken and a vocabulary of the teacher's family.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rates:
    """What is put in; docs/scale.md says where each number is from."""

    triplets: int = 1_000_000
    draws: int = 8
    # Tokens a second of one server, an H100 with a 14B model in bfloat16 (published).
    server_tokens_s: float = 2146.2
    # Energy of its GPU, joules a token (published, the same measurement).
    token_joules: float = 0.2796
    # Of the paper's selections, a row a question and three configs.
    configs: int = 3
    # Measured: bytes a token in the store and in the split's Parquet.
    store_bytes: float = 7.16
    split_bytes: float = 2.47
    # Measured: answers of 8,192 tokens that one core of the client takes a second.
    client_answers_s: float = 350.0
    client_tokens: int = 8192
    # Measured: CPU seconds a sample (docs/verification.md, docs/bench.md).
    verify_s: float = 0.23e-3
    algebra_s: float = 6.83e-3
    # Measured: MB/s of reading a store with its checksums, on one core.
    read_mb_s: float = 250.0

    @property
    def samples(self) -> int:
        return self.triplets * 3 * self.draws

    def tokens(self, part: int) -> float:
        """Tokens of all samples; a part takes `part`, and a composite, by the law, twice that."""
        return self.triplets * self.draws * 4.0 * part


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cost_table(rates: Rates, parts: list[int]) -> str:
    """A column a mean length of a part."""
    header = ["", *(f"{part:,} tokens a part" for part in parts)]

    def row(name: str, value: Callable[[float], float], shown: str) -> list[str]:
        return [name, *(shown.format(value(rates.tokens(part))) for part in parts)]

    hour = 3600.0
    servers = rates.server_tokens_s
    client = rates.client_answers_s * rates.client_tokens
    rows = [
        row("tokens", lambda t: t / 1e9, "{:,.0f} G"),
        *(
            [
                f"hours on {n} server{'s' * (n > 1)}{' (GPU hours)' * (n == 1)}",
                *(f"{h:,.0f} ({h / 24:,.0f} days)" for h in hours_on(rates, parts, n)),
            ]
            for n in (1, 8, 64)
        ),
        row("energy of the GPUs", lambda t: t * rates.token_joules / 3.6e9, "{:,.1f} MWh"),
        row("store", lambda t: t * rates.store_bytes / 1e12, "{:.2f} TB"),
        row(
            "the three splits, all selected",
            lambda t: rates.configs * t / rates.draws * rates.split_bytes / 1e12,
            "{:.2f} TB",
        ),
        row("client, core hours", lambda t: t / client / hour, "{:.1f}"),
        row("servers that fill one core of the client", lambda t: client / servers, "{:,.0f}"),
        row("verify, core hours", lambda t: rates.samples * rates.verify_s / hour, "{:.1f}"),
        row("the same, all algebra", lambda t: rates.samples * rates.algebra_s / hour, "{:.1f}"),
        row(
            "one reading of the store, core hours",
            lambda t: t * rates.store_bytes / rates.read_mb_s / 1e6 / hour,
            "{:.1f}",
        ),
        row(
            "the same, 64 shards at once",
            lambda t: 60 * t * rates.store_bytes / rates.read_mb_s / 1e6 / hour / 64,
            "{:.1f} min",
        ),
    ]
    return table(header, rows)


def hours_on(rates: Rates, parts: list[int], n_servers: int) -> list[float]:
    """Hours of that many servers at their full rate, for each mean length of a part."""
    return [rates.tokens(part) / rates.server_tokens_s / n_servers / 3600 for part in parts]


def measure(texts: Path, vocabulary: Path) -> None:
    """Bytes a token and MB/s on traces of some thousand tokens."""
    import pyarrow.parquet as pq

    from hf_lore.sampling.sample import Sample
    from hf_lore.sampling.store import SampleStore
    from hf_lore.sft import SFT_FEATURES
    from hf_lore.stages.split_files import GrowingTable

    encode = load_vocabulary(vocabulary)
    rows = [json.loads(line) for line in texts.read_text("utf-8").splitlines()]
    # Answers to sixteen problems one after the other, each used once: as long as a reasoning trace.
    traces = [
        "\n\n".join(row["responses"][draw] for row in rows[start : start + 16])
        for draw in range(8)
        for start in range(0, len(rows), 16)
    ]
    samples = [
        Sample(
            f"s-{i:016x}", f"q-{i // 8:016x}", "org/teacher-14b", "r" * 40, "p-0123456789abcdef",
            i % 8, 1 << 62, text, ids, len(ids), len(ids) - 1, "ids", "stop",
        )
        for i, (text, ids) in enumerate((t, encode(t)) for t in traces * 60)
    ]  # fmt: skip
    tokens = sum(s.n_tokens for s in samples)
    print(
        f"{len(samples):,} traces, {tokens / len(samples):,.0f} tokens each, "
        f"{sum(len(s.text.encode()) for s in samples) / tokens:.2f} bytes of text a token"
    )
    with tempfile.TemporaryDirectory() as folder:
        store, split = Path(folder) / "samples", Path(folder) / "split.parquet"

        def add() -> None:
            with SampleStore(store, "x") as opened:
                for start in range(0, len(samples), 64):
                    opened.add(samples[start : start + 64])

        def check() -> None:
            SampleStore(store, "x").close()

        def read() -> None:
            with SampleStore(store, "x", read_only=True) as opened:
                assert sum(s.n_tokens for s in opened) == tokens

        for name, work in (("added", add), ("opened and checked", check), ("read", read)):
            clock = time.process_time()
            work()
            seconds = time.process_time() - clock
            size = sum(file.stat().st_size for file in store.glob("*.sqlite"))
            print(f"store {name}: {size / seconds / 1e6:.0f} MB/s of one core")
        print(f"store: {size / tokens:.2f} bytes a token")
        with GrowingTable(split, SFT_FEATURES.arrow_schema) as growing:
            for s in samples[: len(traces)]:
                row = dict.fromkeys(SFT_FEATURES)
                row |= {"completion": s.text, "completion_ids": list(s.token_ids or ())}
                growing.add([row])
        assert pq.read_metadata(split).num_rows == len(traces)
        distinct = sum(s.n_tokens for s in samples[: len(traces)])
        print(f"split: {split.stat().st_size / distinct:.2f} bytes a token in Parquet")


def load_vocabulary(file: Path) -> Callable[[str], tuple[int, ...]]:
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    found = tiktoken.Encoding(
        "teacher", pat_str=pattern, mergeable_ranks=load_tiktoken_bpe(str(file)), special_tokens={}
    )
    return lambda text: tuple(found.encode_ordinary(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, nargs="+", default=[3000, 6000, 8000])
    parser.add_argument("--measure", type=Path, help="a file of texts: measure instead")
    parser.add_argument("--vocabulary", type=Path, help="a tiktoken file")
    args = parser.parse_args()
    if args.measure:
        measure(args.measure, args.vocabulary)
    else:
        print(cost_table(Rates(), args.parts))


if __name__ == "__main__":
    main()
