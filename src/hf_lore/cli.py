"""The command line: each verb turns one stage of a run directory into the next.

Nothing is computed here and nothing heavy is imported before its verb runs. An error that the user
can mend is one line and exit code 2; what was already sampled stays.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .cli_config import apply_yaml
from .errors import ConfigError, HfLoreError

__all__ = ["main", "make_parser"]


def make_parser() -> argparse.ArgumentParser:
    """The parser of every verb; each subparser's `handler` default is what it runs."""
    parser = argparse.ArgumentParser(
        prog="hf-lore", description="Measure and train the laws of reasoning (arXiv 2512.17901)."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    build = verbs.add_parser("build", help="make a question set").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    _add_build_compo(build.add_parser("compo", help="LORE-Compo: composites of any questions"))
    _add_probe(verbs.add_parser("probe", help="is this server usable for a run?"))
    _add_sample(verbs.add_parser("sample", help="draw K answers to every question of a set"))
    _add_run_verb(verbs.add_parser("verify", help="grade every sample of a run"), _verify)
    _add_select(verbs.add_parser("select", help="choose triples, write the three SFT splits"))
    _add_run_verb(verbs.add_parser("laws", help="score a run: laws.json and plots"), _laws)
    _add_demo(verbs.add_parser("demo", help="all of it, on the embedded tiny reasoner"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, 2 for an error to mend, 130 when interrupted."""
    parser = make_parser()
    # Bars for moving a few rows into a file would bury the ones that matter.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        args = apply_yaml(parser, list(sys.argv[1:] if argv is None else argv))
        if args.version:
            from . import __version__

            print(__version__)
            return 0
        if args.verb is None:
            parser.print_help()
            return 0
        handler: Callable[[argparse.Namespace], None] = args.handler
        handler(args)
    except HfLoreError as error:
        print(f"hf-lore: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(
            f"hf-lore: the system refuses{where} ({error.strerror or error}); fix: check the path, "
            "its permissions and the free space",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(
            "hf-lore: interrupted; what is stored stays, run the same command to go on",
            file=sys.stderr,
        )
        return 130
    return 0


def _add_build_compo(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", metavar="YAML", help="read these options from a file")
    add("--out", required=True, type=Path, help="folder to write, in Hub layout")
    add("--source", default="HuggingFaceH4/MATH-500", help="Hub id[:config] or local file")
    add("--split", help="the Hub dataset's split")
    add("--name", help="config name of the dataset (default: from the source)")
    add("--limit", type=int, help="how many composites (default: all)")
    add("--seed", type=int, default=0)
    add("--num-parts", type=int, default=2)
    add("--pair-by", choices=("subject", "lexical"), default="subject")
    add("--merge-algebra", action="store_true", help="treat MATH's algebra subjects as one")
    add("--problem-column")
    add("--answer-column")
    add("--subject-column", default="subject", help="what the parts must differ in")
    add("--domain", default="math")
    add("--answer-type", choices=("math", "int", "str", "seq"), default="math")
    add(
        "--against",
        action="append",
        default=[],
        metavar="BENCHMARK",
        help="remove questions that overlap this file or Hub dataset; repeat for more",
    )
    add("--ngram", type=int, default=8, help="words an n-gram of the overlap check")
    add("--drop-bad-rows", action="store_true", help="leave out rows without problem or answer")
    add(
        "--drop-bad-golds",
        action="store_true",
        help="leave out questions whose gold does not verify against itself",
    )
    parser.set_defaults(handler=_build_compo)


def _build_compo(args: argparse.Namespace) -> None:
    from .build import build_compo
    from .builders import LoreCompoConfig

    config = LoreCompoConfig(
        source=args.source,
        split=args.split,
        seed=args.seed,
        limit=args.limit,
        num_parts=args.num_parts,
        pair_by=args.pair_by,
        merge_algebra=args.merge_algebra,
        problem_column=args.problem_column,
        answer_column=args.answer_column,
        subject_column=args.subject_column,
        domain=args.domain,
        answer_type=args.answer_type,
        drop_bad_rows=args.drop_bad_rows,
    )
    record = build_compo(
        config,
        args.out,
        name=args.name,
        against=args.against,
        ngram=args.ngram,
        drop_bad_golds=args.drop_bad_golds,
    )
    print(
        f"{args.out}: {record.composites} composites of {record.num_parts} parts from "
        f"{record.questions} questions (left out: {record.rows_dropped} rows without problem or "
        f"answer, {record.golds_dropped} golds that do not verify, {record.overlaps_removed} "
        f"overlapping {len(record.benchmarks)} benchmarks)"
    )


def _add_probe(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("server", metavar="URL", help="the server, with or without /v1")
    add("--tokenizer", required=True, help="folder or Hub id; tiny: the embedded reasoner's")
    add("--name", help="the name the model is served by (default: what the server says)")
    add("--api-key-env", metavar="NAME", help="environment variable of the key")
    add("--temperature", type=float, default=0.6)
    add("--max-new-tokens", type=int, default=20480)
    parser.set_defaults(handler=_probe)


def _probe(args: argparse.Namespace) -> None:
    from .errors import ServerError
    from .sampler_options import TINY
    from .sampling.probe import probe
    from .sampling.prompts import load_tokenizer
    from .sampling.sample import SamplingParams
    from .tiny import tiny_path

    report = probe(
        args.server,
        load_tokenizer(tiny_path() if args.tokenizer == TINY else args.tokenizer),
        SamplingParams(temperature=args.temperature, max_new_tokens=args.max_new_tokens),
        model=args.name,
        api_key=_api_key(args.api_key_env),
    )
    print("\n".join(report.lines()))
    if not report.usable:
        raise ServerError(report.problems[0])


def _add_sample(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", metavar="YAML", help="read these options from a file")
    add("--run", required=True, type=Path, help="run directory, made where missing")
    add("--questions", help="folder from `hf-lore build`, or a Hub id (default: the run's own)")
    add("--questions-config", help="config of that dataset")
    who = parser.add_argument_group("who answers (one of --model, --server)")
    who.add_argument(
        "--model", help="folder or Hub id, sampled in this process; tiny: the embedded reasoner"
    )
    who.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="URL",
        help="server of the model; repeat for more",
    )
    who.add_argument(
        "--server-kind",
        choices=("openai", "tgi"),
        default="openai",
        help="/v1/completions of vLLM, SGLang, transformers serve … or TGI's own /generate",
    )
    who.add_argument("--name", help="the model's name; with --server, the name it is served by")
    who.add_argument("--tokenizer", help="folder or Hub id (default: the model's own)")
    who.add_argument("--context", type=int, help="with --server: the model's context in tokens")
    who.add_argument("--concurrency", type=int, help="with --server: requests at once to each")
    who.add_argument(
        "--api-key-env", metavar="NAME", help="with --server: environment variable of the key"
    )
    who.add_argument(
        "--allow-retokenised",
        action="store_true",
        help="with --server: accept one that tells no token counts",
    )
    who.add_argument(
        "--allow-greedy",
        action="store_true",
        help="with --server: do not look whether its draws differ",
    )
    who.add_argument("--batch-size", type=int, default=128, help="with --model")
    how = parser.add_argument_group("how")
    how.add_argument("-k", "--num-samples", type=int, default=8, help="K, draws a question")
    how.add_argument("--temperature", type=float, default=0.6)
    how.add_argument("--top-p", type=float, default=1.0)
    how.add_argument("--top-k", type=int)
    how.add_argument("--max-new-tokens", type=int, default=20480)
    how.add_argument("--seed", type=int, default=0)
    how.add_argument(
        "--instruction",
        help="text added to every question; none for nothing (default: asks for \\boxed{} answers; "
        "nothing for the tiny reasoner)",
    )
    parser.set_defaults(handler=_sample)


def _sample(args: argparse.Namespace) -> None:
    from .build import read_record
    from .builders import load_composites
    from .run import Run, check_num_samples
    from .sampler_options import make_sampler
    from .sampling.sample import SamplingParams
    from .stages import sample, start_run

    check_num_samples(args.num_samples)
    params = SamplingParams(
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
    )
    if args.questions:
        composites = load_composites(args.questions, args.questions_config)
        built = read_record(args.questions)
    else:
        existing = Run.open(args.run)
        composites, built = existing.composites(), existing.manifest.built
    sampler, tokenizer = make_sampler(
        model=args.model,
        servers=args.server,
        server_kind=args.server_kind,
        name=args.name,
        tokenizer=args.tokenizer,
        context=args.context,
        concurrency=args.concurrency,
        api_key=_api_key(args.api_key_env),
        allow_retokenised=args.allow_retokenised,
        allow_greedy=args.allow_greedy,
        batch_size=args.batch_size,
    )
    run = start_run(
        args.run,
        composites,
        sampler,
        tokenizer,
        params,
        args.num_samples,
        instruction=_instruction(args),
        built=built,
    )
    stats = sample(run, sampler, tokenizer)
    rate = stats.drawn / stats.seconds if stats.seconds else 0.0
    print(
        f"{args.run}: {stats.drawn} samples drawn ({stats.tokens} tokens, {rate:.1f} samples/s), "
        f"{stats.reused} held already; {stats.truncated} cut by the budget, {stats.too_long} "
        f"prompts too long, {stats.errors} refused by the server"
    )


def _api_key(variable: str | None) -> str | None:
    """The key itself is never an argument: command lines end up in histories and process lists."""
    if variable is None:
        return None
    if variable not in os.environ:
        raise ConfigError(f"the environment has no {variable}; fix: export {variable}=…")
    return os.environ[variable]


def _instruction(args: argparse.Namespace) -> str | None:
    from .run import DEFAULT_INSTRUCTION
    from .sampler_options import TINY

    if args.instruction == "none" or (args.instruction is None and args.model == TINY):
        return None
    return args.instruction or DEFAULT_INSTRUCTION


def _add_run_verb(
    parser: argparse.ArgumentParser, handler: Callable[[argparse.Namespace], None]
) -> None:
    parser.add_argument("--run", required=True, type=Path, help="run directory")
    parser.set_defaults(handler=handler)


def _verify(args: argparse.Namespace) -> None:
    from .run import Run
    from .stages import verify

    counts = verify(Run.open(args.run))
    found = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    print(f"{args.run}: {counts.total()} samples: {found}")


def _add_select(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run", required=True, type=Path, help="run directory")
    add("--seed", type=int, default=0, help="of the random control")
    add("--max-relative-gap", type=float, help="reject triples whose gap exceeds this share")
    add("--retokenise", action="store_true", help="accept samples whose server gave no token ids")
    parser.set_defaults(handler=_select)


def _select(args: argparse.Namespace) -> None:
    from .run import Run
    from .stages import select

    report = select(
        Run.open(args.run),
        seed=args.seed,
        max_relative_gap=args.max_relative_gap,
        retokenise=args.retokenise,
    )
    reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(report.rejected.items()))
    print(
        f"{args.run}: {report.selected} selected + {sum(report.rejected.values())} rejected = "
        f"{report.composites} composites{f' ({reasons})' if reasons else ''}; "
        + (f"{report.rows} rows a config" if report.rows else "no rows, so no dataset is written")
    )


def _laws(args: argparse.Namespace) -> None:
    from .errors import MissingExtraError
    from .run import Run
    from .scoring import plot_run, score
    from .tables import format_scores

    run = Run.open(args.run)
    found = score(run)
    print(format_scores(found))
    try:
        print(f"\nplots: {plot_run(run, found).parent}")
    except MissingExtraError as error:
        print(f"hf-lore: scored without plots: {error}", file=sys.stderr)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), help="folder to write")
    add("--seed", type=int, default=0, help="of questions, pairing, draws and training")
    add("--quick", action="store_true", help="a tenth of the size, to see it move; no real figures")
    parser.set_defaults(handler=_demo)


def _demo(args: argparse.Namespace) -> None:
    # Nothing is downloaded, so the only bars this silences are those of loading tiny files.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from .demo import QUICK, DemoSettings, run_demo

    if args.out.is_file():
        raise ConfigError(f"{args.out} is a file; fix: give a folder with --out")
    settings = replace(QUICK if args.quick else DemoSettings(), seed=args.seed)
    print(run_demo(args.out, settings))


if __name__ == "__main__":
    sys.exit(main())
