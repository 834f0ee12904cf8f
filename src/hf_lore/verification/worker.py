"""The process that does algebra: reads questions from a pipe, answers with one letter each.

Started by `pool.py`. Nothing but the letters T (equal), F (not), G (the gold does not parse) and M
(out of memory) leaves it. It dies with its parent: an idle worker sees the pipe close, and a busy
one carries a kernel alarm that no computation can hold off.

Frames are a 4-byte big-endian length and that many bytes of JSON.
"""

import json
import os
import signal
import struct
import sys
from typing import BinaryIO

__all__ = ["main", "read_frame", "write_frame"]

_HEADER = struct.Struct(">I")
# Beyond this a worker is replaced once it has answered, so that caches cannot pile up.
RECYCLE_BYTES = 600 * 2**20


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame's bytes, or None where the stream ends."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    return stream.read(_HEADER.unpack(header)[0])


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """Writes one frame and flushes it."""
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()


def _limit(memory_bytes: int) -> None:
    import resource

    def lower(kind: int, value: int) -> None:
        _, hard = resource.getrlimit(kind)
        capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (capped, capped))

    if sys.platform.startswith("linux"):
        lower(resource.RLIMIT_AS, memory_bytes)
    lower(resource.RLIMIT_DATA, memory_bytes)
    lower(resource.RLIMIT_CORE, 0)
    # A parser of text has nothing to write: no file may grow.
    lower(resource.RLIMIT_FSIZE, 0)


def _resident_bytes() -> int:
    """Memory held now. Not the peak that getrusage tells, where Linux can: a process started by one
    with a model loaded inherits that one's peak, and would be replaced after every answer."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Serves the pipe on standard input and output until it closes."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not land among the replies.
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    settings = json.loads(read_frame(requests) or b"{}")
    if not settings:
        return
    sys.dont_write_bytecode = True
    try:
        from . import algebra
    except ImportError as error:
        write_frame(replies, json.dumps({"error": str(error)}).encode())
        return
    _limit(settings["memory_bytes"])
    algebra.warm_up()
    write_frame(replies, json.dumps({"ready": os.getpid()}).encode())
    while (frame := read_frame(requests)) is not None:
        operation, gold, answer, timeout_s = json.loads(frame)
        # The default action of this alarm ends the process even inside one long computation, so a
        # worker whose parent was killed outlives it by the deadline and a second at most.
        signal.setitimer(signal.ITIMER_REAL, timeout_s + 1.0)
        letter = "F"
        try:
            if operation == "readable":
                letter = "T" if algebra.readable(gold) else "G"
            elif algebra.check(gold, answer):
                letter = "T"
        except algebra.UnreadableGoldError:
            letter = "G"
        except (MemoryError, RecursionError):
            letter = "M"
        except Exception:  # noqa: BLE001 - the libraries raise anything; the answer is not equal
            letter = "F"
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        write_frame(replies, letter.encode())
        if letter == "M" or _resident_bytes() > RECYCLE_BYTES:
            return


if __name__ == "__main__":
    main()
