"""Seconds to generate LORE-Mono, gates included, beside writing its finished rows to Parquet.

    python benchmarks/mono_generation.py [--rows 100000]

Each size is a whole number of instances of every family, 30 questions each, so at least as many
rows as asked for. `generate` is what `LoreMono` does before `datasets` takes over: draw, trace,
pass the gates, print the prompts; 1 or 2 processes make and drop the rows, as each would write its
own file. `write` is `pyarrow.parquet.write_table` of the same rows, held as dictionaries. Seconds
are wall-clock, for 2 processes with their start; the ratio is of CPU seconds; both are medians of 3
but for 2 processes. It asserts first that 2 processes give the rows of 1, and ends with the
stages and the costliest families.
"""

import argparse
import itertools
import math
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from ratio import print_ratio

from hf_lore.mono.family import MOST_STEPS, Family, families, load_family
from hf_lore.mono.gates import trajectory_defects
from hf_lore.mono.rows import rows

SEED, CHUNK, REPEATS = 0, 16, 3
Job = tuple[str, int, int]
T = TypeVar("T")


def jobs(instances: int) -> list[Job]:
    return [
        (family.name, first, min(first + CHUNK, instances))
        for family in families()
        for first in range(0, instances, CHUNK)
    ]


def rows_of(job: Job) -> list[dict[str, Any]]:
    name, first, end = job
    family = load_family(name)
    instances = (family.instance(SEED, index) for index in range(first, end))
    return [row for one in instances for row in rows(family, one, range(1, MOST_STEPS + 1))]


def count_of(job: Job) -> int:
    return len(rows_of(job))


def each_job(instances: int, processes: int, function: Callable[[Job], T]) -> Iterator[T]:
    if processes == 1:
        yield from map(function, jobs(instances))
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(function, jobs(instances))


def all_rows(instances: int, processes: int) -> list[dict[str, Any]]:
    return [row for part in each_job(instances, processes, rows_of) for row in part]


def median(function: Callable[[], T]) -> tuple[float, float, T]:
    """Seconds, and CPU seconds of all threads, in the median of `REPEATS` calls; what the last
    returned. Of writing, the first call also pays for memory that the others find mapped."""
    walls, cpus = [], []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        found = function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus), found


def measure(instances: int) -> dict[str, float]:
    """Prints one line of the table."""
    one, one_cpu, n_one = median(lambda: sum(each_job(instances, 1, count_of)))
    wall = time.perf_counter()
    n_two = sum(each_job(instances, 2, count_of))
    two = time.perf_counter() - wall
    made = all_rows(instances, 1)
    assert n_one == n_two == len(made)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        write, write_cpu, _ = median(lambda: pq.write_table(pa.Table.from_pylist(made), path))
        size = path.stat().st_size
    text = sum(len(row["problem"].encode()) for row in made)
    print(
        f"| {len(made):,} | {one:.2f} ({one_cpu:.2f}) | {two:.2f} | {write:.2f} ({write_cpu:.2f}) "
        f"| {one_cpu / write_cpu:.1f} | {1e6 * one_cpu / len(made):.0f} "
        f"| {size / 1e6:.1f} ({size / len(made):.0f} a row; prompts {text / 1e6:.1f}) |",
        flush=True,
    )
    return {"rows": len(made), "one": one_cpu, "ratio": one_cpu / write_cpu}


def stages(instances: int = 20, shown: int = 5) -> None:
    """Prints where the time goes: by stage, then the costliest families."""
    spent, each = dict.fromkeys(("draw", "trace", "gates", "rows"), 0.0), {}

    def timed(stage: str, function: Callable[..., T], *arguments: object) -> T:
        cpu = time.process_time()
        found = function(*arguments)
        spent[stage] += time.process_time() - cpu
        return found

    def made(family: Family, index: int) -> None:
        for attempt in itertools.count():
            setup = timed("draw", family.module.draw, family._rng(SEED, index, attempt))
            answers, _, idle = timed("trace", family.trace, setup)
            if not (idle or timed("gates", trajectory_defects, answers, family.answer_type)):
                break
        instance = family.instance(SEED, index)
        assert instance.setup == setup
        timed("rows", lambda: list(rows(family, instance, range(1, MOST_STEPS + 1))))

    for family in families():
        family.instance(SEED, 0)
        before = sum(spent.values())
        for index in range(1, instances + 1):
            made(family, index)
        each[family.name] = sum(spent.values()) - before
    total, n_rows = sum(each.values()), instances * len(each) * MOST_STEPS
    parts = ", ".join(f"{stage} {1e6 * s / n_rows:.1f}" for stage, s in spent.items())
    print(f"\nOf {1e6 * total / n_rows:.1f} µs of CPU a row: {parts}. Families that take most:")
    for name, seconds in sorted(each.items(), key=lambda item: -item[1])[:shown]:
        print(f"- {name}: {1e3 * seconds / instances:.1f} ms an instance, {seconds / total:.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="the largest size")
    args = parser.parse_args()
    one = all_rows(2, 1)
    two = all_rows(2, 2)
    assert one == two, "2 processes give other rows than 1"
    each = len(families()) * MOST_STEPS
    print(f"{len(families())} families; 2 processes give the rows of 1 ({len(one):,} compared).\n")
    print(
        "| rows | generate, 1 process: s (CPU s) | 2 processes: s | write: s (CPU s) "
        "| CPU generate / write | µs a row | MB of Parquet |"
    )
    print("|---|---|---|---|---|---|---|")
    sizes = [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= args.rows]
    found = [measure(math.ceil(n / each)) for n in sizes]
    for small, large in itertools.pairwise(found):
        print(
            f"\n{large['rows'] / small['rows']:.1f} x the rows take "
            f"{large['one'] / small['one']:.1f} x the time.",
            end="",
        )
    print()
    largest = found[-1]
    what = f"LORE-Mono, {largest['rows']:,} questions, CPU time"
    print_ratio(what, "writing the same rows to Parquet", largest["ratio"], at_most=3)
    stages()


if __name__ == "__main__":
    main()
