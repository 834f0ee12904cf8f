"""`hf-lore demo`: the whole pipeline on the embedded tiny reasoner; `--study`: does it work?"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from ..errors import ConfigError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), help="folder to write")
    add("--seed", type=int, default=0, help="of questions, pairing, draws and training")
    add(
        "--study",
        action="store_true",
        help="in place of the demo, six arms over several seeds: is it adding up, or mere length?",
    )
    add("--seeds", type=int, default=3, help="of the study, from 0")
    add("--workers", type=int, default=2, help="processes of the study, a thread each")
    add("--quick", action="store_true", help="a tenth of the size, to see it move; no real figures")


def run(args: argparse.Namespace) -> None:
    # Nothing is downloaded, so the only bars this silences are those of loading tiny files.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from ..demo import QUICK, DemoSettings, run_demo

    if args.out.is_file():
        raise ConfigError(f"{args.out} is a file; fix: give a folder with --out")
    if args.study:
        print(_study(args))
        return
    settings = replace(QUICK if args.quick else DemoSettings(), seed=args.seed)
    print(run_demo(args.out, settings))


def _study(args: argparse.Namespace) -> str:
    from ..demo import check_extras
    from ..study import CENTRE, QUICK_SIZES, Sizes, Study, read_results, run_study, study_tables
    from ..study.plots import plot_arms
    from ..tiny import tiny_path

    check_extras("scipy")
    if args.seeds < 1 or args.workers < 1:
        raise ConfigError("--seeds and --workers count from 1; fix: at least 1 of each")
    centre = replace(CENTRE, samples=4, composites=24) if args.quick else CENTRE
    sizes = QUICK_SIZES if args.quick else Sizes()
    study = Study({"patient0": tiny_path()}, {centre: args.seeds}, sizes)
    run_study(args.out, study, workers=args.workers)
    results = list(read_results(args.out, study))
    plot = args.out / "arms.png"
    plot_arms(plot, results, [centre.name])
    tables = study_tables(results, centre.name)
    (args.out / "tables.md").write_text(tables + "\n", encoding="utf-8")
    return f"{tables}\n\nplot: {plot}"
