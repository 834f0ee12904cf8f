"""`hf-lore sample`: draw K answers to every question of a set."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .executor_options import add_executor, cluster_from, launch_stages
from .who_answers import add_who_answers, instruction_for, sampler_from, who_from

if TYPE_CHECKING:
    from ..run import Run

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", metavar="YAML", help="read these options from a file")
    add("--run", required=True, type=Path, help="run directory, made where missing")
    add("--questions", help="folder from `hf-lore build`, or a Hub id (default: the run's own)")
    add("--questions-config", help="config of that dataset")
    add_who_answers(parser)
    how = parser.add_argument_group("how")
    how.add_argument("-k", "--num-samples", type=int, default=8, help="K, draws a question")
    how.add_argument(
        "--stop-within",
        type=float,
        metavar="GAP",
        help="adaptive K, for selection only: stop drawing for a composite once a right triple has "
        "a relative gap of at most this (0.05, say)",
    )
    how.add_argument(
        "--draws-a-round", type=int, default=2, help="with --stop-within: draws between two looks"
    )
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
    add_executor(parser)
    add("--tasks", type=int, help="shards of the run, fixed when it is made (default: 1)")
    add(
        "--through",
        choices=("sample", "verify", "select"),
        default="sample",
        help="with --executor: go on to this stage",
    )


def run(args: argparse.Namespace) -> None:
    from ..adaptive import AdaptiveK
    from ..build import read_record
    from ..errors import ConfigError
    from ..question_sets import read_question_set
    from ..run import Run, check_num_samples
    from ..sampling.sample import SamplingParams
    from ..scale import STAGES
    from ..stages import sample, start_run

    check_num_samples(args.num_samples)
    if args.tasks is not None and args.tasks < 1:
        raise ConfigError(f"--tasks is {args.tasks}; fix: at least 1")
    if args.executor is None and args.through != "sample":
        raise ConfigError(
            f"--through {args.through} is for an executor's tasks; fix: add --executor local, or "
            f"run `hf-lore {args.through}` afterwards"
        )
    if args.executor is not None:
        # What `launch` would refuse, before the run directory is made for it.
        cluster_from(args)
        if args.stop_within is not None:
            raise ConfigError(
                "--stop-within draws in rounds that look at all shards, which tasks of their own "
                "cannot; fix: a fixed K, or leave out --executor"
            )
    params = SamplingParams(
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
    )
    if args.questions:
        items = read_question_set(args.questions, args.questions_config)
        built = read_record(args.questions)
    else:
        existing = Run.open(args.run)
        items, built = existing.items(), existing.manifest.built
    num_shards = args.tasks
    if num_shards is None:
        made = (args.run / "manifest.json").exists()
        num_shards = Run.open(args.run).manifest.num_shards if made else 1
    sampler, tokenizer = sampler_from(args)
    run = start_run(
        args.run,
        items,
        sampler,
        tokenizer,
        params,
        args.num_samples,
        instruction=instruction_for(args.model, args.instruction),
        built=built,
        adaptive=None
        if args.stop_within is None
        else AdaptiveK(args.stop_within, args.draws_a_round),
        num_shards=num_shards,
    )
    if args.executor is not None:
        stages = STAGES[: STAGES.index(args.through) + 1]
        launch_stages(args, run, stages, who_from(args))
        return
    # An adaptive K asks only what it still owes, so its own count says little of what was held.
    held = _samples_held(run)
    stats = sample(run, sampler, tokenizer)
    rate = stats.drawn / stats.seconds if stats.seconds else 0.0
    print(
        f"{args.run}: {stats.drawn} samples drawn ({stats.tokens} tokens, {rate:.1f} samples/s), "
        f"{held} held already; {stats.truncated} cut by the budget, {stats.too_long} "
        f"prompts too long, {stats.errors} refused by the server"
    )


def _samples_held(run: "Run") -> int:
    from ..sampling.store import SampleStore

    if not (run.samples / "store.json").exists():
        return 0
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        return len(store)
