"""The experiment behind docs/evidence.md: patients x seeds x arms, then one factor at a time.

    python benchmarks/evidence.py --out runs/evidence --workers 2
    python benchmarks/evidence.py --out runs/evidence --rows docs/evidence.csv
    python benchmarks/evidence.py --pages

Patients are the tiny reasoner that ships and others that the same recipe trains here from other
seeds. Every step is on disk before the next: stop it at any time and run the same command again;
`--minutes` stops it in good order. `--rows` writes a row a finished model; `--pages` draws nothing
new and fills the tables and plots of docs/ and README.md from docs/evidence.csv.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hf_lore.study import CENTRE, Result, Setting, Study, read_results, run_study
from hf_lore.study.plots import plot_arms, plot_factors
from hf_lore.study.rows import read_rows, write_rows
from hf_lore.study.tables import format_factors, format_pairs, format_scores, study_tables
from hf_lore.tiny import tiny_path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "docs" / "evidence.csv"
BOTH = ("sft_compo", "sft_control")
# The other two ways to train on the law, then one factor at a time from the centre; with the number
# of seeds. The largest splits cost ten times the centre's.
WAYS_SETTING, WAYS_SEEDS = Setting("beyond-sft", ("dpo", "grpo")), 3
FACTORS = {
    Setting("k2", BOTH, samples=2): 3,
    Setting("k4", BOTH, samples=4): 3,
    Setting("k16", BOTH, samples=16): 3,
    Setting("n50", BOTH, composites=50): 3,
    Setting("m3", BOTH, parts=3): 3,
    Setting("m4", BOTH, parts=4): 3,
    Setting("n500", BOTH, composites=500): 3,
    Setting("n1500", BOTH, composites=1500): 1,
}
AXES: dict[str, dict[float, str]] = {
    "K, answers a question": {2: "k2", 4: "k4", 8: "centre", 16: "k16"},
    "composites sampled": {50: "n50", 150: "centre", 500: "n500", 1500: "n1500"},
    "parts a composite": {2: "centre", 3: "m3", 4: "m4"},
}
WAYS = ("base", "sft_compo", "dpo", "grpo")


def patients(out: Path, count: int, workers: int) -> dict[str, Path]:
    """Patient 0 ships; the others are trained here, unless they stand there already."""
    found = {"patient0": tiny_path()}
    owed: list[list[str]] = []
    for seed in range(1, count):
        found[f"patient{seed}"] = folder = out / "patients" / f"patient{seed}"
        if not (folder / "recipe.json").exists():
            recipe = [sys.executable, "-m", "hf_lore.tiny.recipe"]
            owed.append([*recipe, "--out", str(folder), "--seed", str(seed)])
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda command: subprocess.run(command, check=True), owed))
    return found


def by_seed(factors: dict[Setting, int]) -> list[dict[Setting, int]]:
    """Every setting with one seed, then with two, and so on: a run cut short misses none."""
    most = max(factors.values(), default=0)
    return [{s: min(n, seeds) for s, seeds in factors.items()} for n in range(1, most + 1)]


def sections(results: Sequence[Result]) -> dict[str, str]:
    """Marker of a page → what stands between it and its end."""
    ways = among_ways(results)
    return {
        "centre": study_tables(results, "centre"),
        "factors": format_factors(results, AXES),
        "ways": f"{format_scores(ways, 'ways', WAYS)}\n\n"
        + format_pairs(ways, "ways", [(way, "base") for way in WAYS[1:]]),
        "summary": format_scores(results, "centre", CENTRE.arms, short=True),
    }


def among_ways(results: Sequence[Result]) -> list[Result]:
    """SFT, DPO, GRPO and the base, on the patients and seeds that have all four."""
    found = [
        replace(r, setting="ways")
        for r in results
        if r.arm in WAYS and r.setting in ("centre", "beyond-sft")
    ]
    arms: dict[tuple[str, int], set[str]] = {}
    for r in found:
        arms.setdefault((r.patient, r.seed), set()).add(r.arm)
    return [r for r in found if arms[r.patient, r.seed] == set(WAYS)]


def filled(page: str, contents: dict[str, str]) -> str:
    """The page with its marked sections replaced."""

    def put(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- evidence: {name} -->\n{contents[name]}\n<!-- end of evidence -->"

    return re.sub(
        r"<!-- evidence: (\w+) -->\n.*?<!-- end of evidence -->", put, page, flags=re.DOTALL
    )


def write_pages() -> None:
    results = read_rows(ROWS)
    contents = sections(results)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        old = page.read_text(encoding="utf-8")
        if (new := filled(old, contents)) != old:
            page.write_text(new, encoding="utf-8")
    plot_arms(ROOT / "docs" / "evidence.png", results, ["centre", "beyond-sft"])
    plot_factors(ROOT / "docs" / "evidence-factors.png", results, AXES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--patients", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10, help="at the centre")
    parser.add_argument("--centre-only", action="store_true", help="none of the other settings")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--minutes", type=float, help="begin nothing new after these")
    parser.add_argument("--rows", type=Path, help="write what is done, and draw nothing")
    parser.add_argument(
        "--pages", action="store_true", help="fill the pages from docs/evidence.csv"
    )
    options = parser.parse_args()
    if options.pages:
        write_pages()
        return
    found = patients(options.out, options.patients, options.workers)
    centre = {CENTRE: options.seeds}
    ways = {WAYS_SETTING: WAYS_SEEDS}
    if options.rows:
        whole = Study(found, {**centre, **ways, **FACTORS})
        write_rows(options.rows, read_results(options.out, whole))
        return
    studies = [Study(found, centre)]
    if not options.centre_only:
        # The patient that ships first: the others' DPO and GRPO wait until every factor has a seed.
        first, *rest = by_seed(FACTORS)
        studies += [Study({"patient0": found["patient0"]}, ways), Study(found, first)]
        studies += [Study(found, settings) for settings in (ways, *rest)]
    until = None if options.minutes is None else time.time() + 60 * options.minutes
    for study in studies:
        run_study(options.out, study, workers=options.workers, until=until)


if __name__ == "__main__":
    main()
