r"""What verification costs against its peers, and what it reads: one table a section, as ratios.

    python benchmarks/verification.py [--data DIR] [start] [speed] [hostile] [shapes]

Speed is measured on distinct pairs of a gold and an answer, half of them right, so that no cache
helps. All contenders grade the same texts in one run on one machine, interleaved in rounds; the
best round of each counts. Wall-clock seconds, and CPU seconds of the whole process tree, which a
busy machine does not change. Rates are against math-verify in a loop.
"""

import argparse
import concurrent.futures
import json
import logging
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from ratio import print_ratio

from hf_lore.verification import GradeItem, grade, grade_many
from hf_lore.verification.forms import parse_form
from hf_lore.verification.pool import WorkerPool
from verification_shapes import SHAPES, box, mutants, off_by_one

DATA = Path(__file__).parents[2] / "shared" / "data"
HANG = r"\int_0^9 \sin(x^9) \cos(x^7) e^{x} dx"


def rows(data: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (data / name).read_text().splitlines()]


def distinct_pairs(data: Path, count: int, algebra: bool = False) -> list[tuple[str, str]]:
    """(gold, answer), every second one right: MATH golds respelt, or raised by one.

    With `algebra`, golds that are single expressions and answers that only algebra can judge.
    """
    golds = sorted({r["answer"] for r in rows(data, "math_train.jsonl") if r["answer"]})
    random.Random(0).shuffle(golds)
    if algebra:
        golds = [g for g in golds if parse_form(g).kind == "leaf" and "=" not in g]
        return [(g, f"({g})+1-1" if i % 2 else f"({g})+1") for i, g in enumerate(golds[:count])]
    return [
        (g, g.replace("frac", "dfrac") + r"\," if i % 2 else off_by_one(g))
        for i, g in enumerate(golds[:count])
    ]


def loop(pairs: Sequence[tuple[str, str]]) -> int:
    """math-verify called in a loop, as its own documentation does."""
    from math_verify import parse, verify

    return sum(verify(parse(f"${g}$"), parse(f"so {box(a)}.")) for g, a in pairs)


def fork_pool(pairs: Sequence[tuple[str, str]], processes: int) -> int:
    """The loop in a pool of forked processes."""
    size = max(1, len(pairs) // (4 * processes))
    chunks = [pairs[i : i + size] for i in range(0, len(pairs), size)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return sum(pool.map(loop, chunks))


def trl_reward(pairs: Sequence[tuple[str, str]]) -> int:
    """TRL's accuracy_reward on one batch."""
    from trl.rewards import accuracy_reward

    completions = [[{"role": "assistant", "content": f"so {box(a)}."}] for _, a in pairs]
    return sum(r == 1.0 for r in accuracy_reward(completions, [f"${g}$" for g, _ in pairs]))


def ours(pool: WorkerPool) -> Callable[[Sequence[tuple[str, str]]], int]:
    def run(pairs: Sequence[tuple[str, str]]) -> int:
        parse_form.cache_clear()
        items = [GradeItem(f"so {box(a)}.", g) for g, a in pairs]
        return sum(v.status == "correct" for v in grade_many(items, pool=pool))

    return run


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds so far: this process, its ended children, and the live workers `pids`."""
    tick = os.sysconf("SC_CLK_TCK")
    total = sum(os.times()[:4])
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / tick
    return total


def best(
    contenders: dict[str, Callable[[], int]], pids: Sequence[int], rounds: int
) -> dict[str, tuple[float, float, int]]:
    """The best wall and CPU seconds of each contender, and what it called correct."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for name, run in contenders.items():
            cpu, began = cpu_s(pids), time.monotonic()
            found[name] = run()
            spent[name].append((time.monotonic() - began, cpu_s(pids) - cpu))
    return {n: (min(t[0] for t in s), min(t[1] for t in s), found[n]) for n, s in spent.items()}


def warm(workers: int) -> WorkerPool:
    pool = WorkerPool(workers)
    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda i: pool.run([("check", f"x+{i}", f"{i}+x")] * 50, 5.0), range(4)))
    return pool


def speed(data: Path) -> None:
    """Two sets: answers as models write them, and answers that all need algebra."""
    pairs_each = 300
    for algebra in (False, True):
        compare(
            distinct_pairs(data, pairs_each, algebra),
            "all need algebra" if algebra else "as written",
        )


def compare(pairs: Sequence[tuple[str, str]], kind: str) -> None:
    one, two = warm(1), warm(2)
    loop(pairs[:50])
    contenders = {
        "math-verify in a loop": lambda: loop(pairs),
        "fork pool, 2 processes": lambda: fork_pool(pairs, 2),
        "hf-lore, 1 worker": lambda: ours(one)(pairs),
        "hf-lore, 2 workers": lambda: ours(two)(pairs),
    }
    try:
        trl_reward(pairs[:5])
        contenders["TRL accuracy_reward"] = lambda: trl_reward(pairs)
    except ImportError:
        print("(TRL is not installed: left out)")
    measured = best(contenders, [*one.pids(), *two.pids()], 2)
    wall, cpu, _ = measured["math-verify in a loop"]
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"\n{len(pairs)} distinct pairs, {kind}; {load}")
    print("| contender | ms an item | rate | CPU ms | CPU rate | called correct |")
    print("|---|---|---|---|---|---|")
    for name, (seconds, busy, correct) in measured.items():
        print(
            f"| {name} | {1e3 * seconds / len(pairs):.2f} | {wall / seconds:.2f} "
            f"| {1e3 * busy / len(pairs):.2f} | {cpu / busy:.2f} | {correct} |"
        )
    for workers, floor in ((1, 1.0), (2, 1.8)):
        ratio = wall / measured[f"hf-lore, {workers} worker{'s' * (workers > 1)}"][0]
        what = f"`grade_many`, {kind}, {workers} worker{'s' * (workers > 1)}"
        print_ratio(what, "math-verify in a loop", ratio, at_least=floor)
    for pool in (one, two):
        pool.close()


def hostile(data: Path) -> None:
    """The clean rate against 1 in 100 inputs hostile: screened ones, then ones that need a kill."""
    pairs = distinct_pairs(data, 400)
    pool = warm(2)
    timeout_s = 1.0

    def timed(texts: Sequence[tuple[str, str]]) -> tuple[float, Counter]:
        items = [GradeItem(f"so {box(a)}.", g) for g, a in texts]
        began = time.monotonic()
        statuses = Counter(v.status for v in grade_many(items, pool=pool, timeout_s=timeout_s))
        return time.monotonic() - began, statuses

    screened = ["9^{9^{9^{9}}}", "9" * 1_000_000, "(9!)!", "1+\\frac{1}{" * 50 + "2" + "}" * 50]
    print(f"\n{len(pairs)} texts, 2 workers, deadline {timeout_s} s")
    print("| input | seconds | statuses |\n|---|---|---|")
    best_clean = min((timed(pairs) for _ in range(2)), key=lambda t: t[0])
    print(f"| clean | {best_clean[0]:.2f} | {dict(best_clean[1])} |")
    mixed = [
        (g, screened[i // 100 % 4]) if i % 100 == 50 else (g, a) for i, (g, a) in enumerate(pairs)
    ]
    seconds, statuses = min((timed(mixed) for _ in range(2)), key=lambda t: t[0])
    print(f"| 1 in 100 stopped by the screen | {seconds:.2f} | {dict(statuses)} |")
    print(f"rate against clean: {best_clean[0] / seconds:.2f}")
    kills = [(g, HANG + f"+{i}") if i % 100 == 50 else (g, a) for i, (g, a) in enumerate(pairs)]
    seconds, statuses = timed(kills)
    killed = statuses["timed_out"]
    extra = (seconds - best_clean[0]) * 2 / max(1, killed)
    print(f"| 1 in 100 needs a kill | {seconds:.2f} | {dict(statuses)} |")
    print(f"worker-seconds a kill, deadline included: {extra:.2f}")
    pool.close()


def shapes(data: Path) -> None:
    """Every shape on the official composites, and what becomes of wrong versions of them."""
    golds = [r["answer"] for r in rows(data, "lore_compo_official.jsonl") if r["type"] == "pair"]
    equal: dict[tuple[str, str], bool] = {}

    def right(answer: str, gold: str) -> bool:
        if (answer, gold) not in equal:
            equal[answer, gold] = grade(box(answer), gold).status == "correct"
        return equal[answer, gold]

    wrong = [
        (pair, changed)
        for n, pair in enumerate(golds)
        if not right(pair[0], pair[1])
        for changed in mutants(pair, golds[(n + 7) % 250][n % 2]).values()
        if not (len(changed) == len(pair) and all(map(right, changed, pair)))
    ]
    print("\n| shape | right of 250 | wrong versions passed | of those refused: wrong, no answer |")
    print("|---|---|---|---|")
    for name, shape in SHAPES.items():
        read = Counter(v.status for v in grade_many([GradeItem(shape(p), p) for p in golds]))
        refused = Counter(v.status for v in grade_many([GradeItem(shape(w), p) for p, w in wrong]))
        print(
            f"| {name} | {read['correct']} | {refused['correct']} of {len(wrong)} "
            f"| {refused['wrong']}, {refused['no_answer']} |",
            flush=True,
        )


def start(_: Path) -> None:
    """Seconds from asking for a worker to its first answer."""
    times = []
    for _round in range(3):
        began = time.monotonic()
        pool = WorkerPool(1)
        pool.run([("check", "x+1", "1+x")], 10.0)
        times.append(time.monotonic() - began)
        pool.close()
    print(f"\na worker's start and first answer: {min(times):.2f} s (best of 3)")


SECTIONS = {"start": start, "speed": speed, "hostile": hostile, "shapes": shapes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference data")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    for name in arguments.sections or SECTIONS:
        SECTIONS[name](arguments.data)


if __name__ == "__main__":
    main()
