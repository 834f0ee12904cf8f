"""The options that spread a stage over processes and machines, shared by sample, verify, select."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..run import Run
    from ..scale import Choosing, Cluster, Stage, WhoAnswers

__all__ = ["add_executor", "cluster_from", "launch_stages"]


def add_executor(parser: argparse.ArgumentParser) -> None:
    """Add the group of options."""
    add = parser.add_argument_group("on many processes or machines (a task a shard)").add_argument
    add("--executor", choices=("local", "slurm", "ray"), help="run the tasks by datatrove")
    add("--workers", type=int, default=-1, help="tasks at once (default: all)")
    add("--cpus-per-task", type=int, default=1)
    add("--mem-per-cpu-gb", type=int, default=4)
    add("--slurm-time", metavar="HH:MM:SS")
    add("--slurm-partition", metavar="NAME")
    add("--slurm-qos", metavar="NAME", default="normal")
    add("--slurm-env", metavar="COMMAND", help="run on the node before Python, to activate it")
    add(
        "--sbatch",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another option of sbatch; repeat for more",
    )


def cluster_from(args: argparse.Namespace) -> "Cluster":
    """Where the options say that tasks run. Raises ConfigError where they do not fit."""
    from ..errors import ConfigError
    from ..scale import Cluster

    if odd := [word for word in args.sbatch if "=" not in word]:
        raise ConfigError(f"--sbatch {odd[0]} has no value; fix: --sbatch account=NAME, say")
    return Cluster(
        executor=args.executor,
        workers=args.workers,
        cpus_per_task=args.cpus_per_task,
        mem_per_cpu_gb=args.mem_per_cpu_gb,
        time=args.slurm_time,
        partition=args.slurm_partition,
        qos=args.slurm_qos,
        env_command=args.slurm_env,
        sbatch=dict(word.split("=", 1) for word in args.sbatch),
    )


def launch_stages(
    args: argparse.Namespace,
    run: "Run",
    stages: "Sequence[Stage]",
    who: "WhoAnswers | None" = None,
    choosing: "Choosing | None" = None,
) -> None:
    """Launch stages as the options say, and print where they went. Raises what `launch` does."""
    from ..scale import launch

    launch(run, tuple(stages), cluster_from(args), who, choosing)
    done = "submitted to Slurm" if args.executor == "slurm" else "done"
    print(f"{run.path}: {', '.join(stages)} {done}, {run.manifest.num_shards} shard(s)")
