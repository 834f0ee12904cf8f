"""Every benchmark one after the other: their ratios in one table, then all that they print.

    python benchmarks/all.py --out bench.md            # most of an hour on two quiet cores
    python benchmarks/all.py --only selection bootstrap
    python benchmarks/all.py --ratios --page README.md # the ratios alone, into the page's table

Each is a process of its own. One that fails is named at the end, and the exit code is then 1.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from ratio import HEADER, ratio_rows

HERE = Path(__file__).parent
# Those with a ratio first.
RUNS = {
    "selection": ["selection.py"],
    "sampling": ["sampling.py", "throughput", "--hub"],
    "in_process_sampler": ["in_process_sampler.py"],
    "verification": ["verification.py", "start", "speed", "hostile"],
    "callback": ["callback_overhead.py"],
    "bootstrap": ["bootstrap.py"],
    "mono_generation": ["mono_generation.py"],
    "verification_shapes": ["verification.py", "shapes"],
    "sampling_memory": ["sampling.py", "memory"],
    "sampling_store": ["sampling.py", "store"],
    "sampling_shards": ["sampling_servers.py", "shards"],
    "sampling_serve": ["sampling_servers.py", "serve"],
    "adaptive_k": ["adaptive_k.py"],
    "growth": ["growth.py"],
}
# The shortest run of each that has a ratio.
RATIOS = {
    "selection": RUNS["selection"],
    "sampling": ["sampling.py", "throughput", "--in-flight", "512"],
    "in_process_sampler": RUNS["in_process_sampler"],
    "verification": ["verification.py", "speed"],
    "callback": ["callback_overhead.py", "--evaluations", "1"],
    "bootstrap": RUNS["bootstrap"],
    "mono_generation": RUNS["mono_generation"],
}


def with_table(page: str, table: str) -> str:
    """The page with what stands between its two marks replaced."""
    return re.sub(
        r"(<!-- speed -->\n).*?(<!-- end of speed -->)",
        lambda marks: f"{marks[1]}{table}\n{marks[2]}",
        page,
        flags=re.DOTALL,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    parser.add_argument("--only", nargs="+", choices=RUNS)
    parser.add_argument("--ratios", action="store_true", help="only what the table needs")
    parser.add_argument("--page", type=Path, help="put the table between this page's marks")
    options = parser.parse_args()
    runs = RATIOS if options.ratios else RUNS
    pages, rows, failed = [], [], []
    load = os.getloadavg()[0]
    for name in [n for n in runs if options.only is None or n in options.only]:
        script, *arguments = runs[name]
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - start
        command = " ".join(["python", f"benchmarks/{script}", *arguments])
        rows += [f"{row[:-1]}| `{command}` |" for row in ratio_rows(done.stdout)]
        printed = re.sub(r"^ratio: .*\n", "", done.stdout, flags=re.MULTILINE).strip()
        pages.append(f"## {name}\n\n`{command}`, {seconds:.0f} s\n\n{printed}")
        print(pages[-1], flush=True)
        head, rule = HEADER.splitlines()
        table = "\n".join([f"{head[:-1]}| by |", f"{rule}---|", *rows])
        note = f"{os.cpu_count()} cores, load {load:.1f} before the first."
        page = "\n\n".join(["# Benchmarks", note, table, *pages])
        options.out.write_text(page + "\n", encoding="utf-8")
        if options.page and rows:
            options.page.write_text(with_table(options.page.read_text("utf-8"), table), "utf-8")
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
