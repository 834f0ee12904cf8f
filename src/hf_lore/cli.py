"""The command line: each verb turns one stage of a run directory into the next.

Nothing is computed here and nothing heavy is imported before its verb runs. An error that the user
can mend is one line and exit code 2; what was already sampled stays.
"""

import argparse
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence

from .cli_config import apply_yaml
from .errors import HfLoreError
from .verbs import (
    bench,
    build_compo,
    build_mono,
    card,
    demo,
    laws,
    plan,
    probe,
    push,
    report,
    sample,
    select,
    verify,
)

__all__ = ["main", "make_parser"]

# In the pipeline's order; a module each, with `add_arguments` and `run`.
BUILD_VERBS = (
    ("mono", build_mono, "LORE-Mono: one operation applied N times"),
    ("compo", build_compo, "LORE-Compo: composites of any questions"),
)
VERBS = (
    ("probe", probe, "is this server usable for a run?"),
    ("sample", sample, "draw K answers to every question of a set"),
    ("verify", verify, "grade every sample of a run"),
    ("select", select, "choose triples, write the three SFT splits"),
    ("laws", laws, "score a run: laws.json and plots"),
    ("report", report, "one or several runs as a page to read offline"),
    ("bench", bench, "a model on LORE-Bench, or on six accuracy benchmarks"),
    ("plan", plan, "how many composites, samples and tokens show a difference?"),
    ("push", push, "a dataset or a model to the Hub, read back and compared"),
    ("card", card, "write a model's card and .eval_results from its law scores"),
    ("demo", demo, "all of it, on the embedded tiny reasoner"),
)
# Primary result codes of SQLite that a user can mend → why, and how.
_LOCKED = (
    "another process holds a file of the run; fix: wait for it or stop it, then run the same "
    "command again"
)
_REFUSED = (
    "the system refuses a file of the run; fix: check permissions and free space, then run the "
    "same command again"
)
_MENDABLE = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), _LOCKED),
    **dict.fromkeys(
        (
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
        ),
        _REFUSED,
    ),
}


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
    for group, table in ((build, BUILD_VERBS), (verbs, VERBS)):
        for name, module, text in table:
            verb = group.add_parser(name, help=text)
            module.add_arguments(verb)
            verb.set_defaults(handler=module.run)
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
    except sqlite3.OperationalError as error:
        # Others are bugs, and keep their traceback.
        if (why := _MENDABLE.get((error.sqlite_errorcode or 0) & 0xFF)) is None:
            raise
        print(f"hf-lore: {error}: {why}; what is stored stays", file=sys.stderr)
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


if __name__ == "__main__":
    sys.exit(main())
