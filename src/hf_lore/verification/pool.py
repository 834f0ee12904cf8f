"""A pool of killable workers, safe from any thread, with no signal handler in this process.

A worker is a fresh interpreter behind two pipes, so a calling script needs no `__main__` guard and
nothing of it is imported. A deadline starts when the worker starts on the question, not when it
was queued. A worker past its deadline is killed and replaced; what was queued behind is asked
again. Times are wall-clock seconds. POSIX only.
"""

import atexit
import contextlib
import json
import os
import queue
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Literal

from ..errors import ConfigError, MissingExtraError

__all__ = ["Ask", "Outcome", "WorkerPool", "default_workers", "shared_pool"]

# equal; not equal; the gold does not parse; past the time or memory limit.
Outcome = Literal["equal", "unequal", "gold_unparsed", "timed_out"]
_OUTCOMES: dict[str, Outcome] = {
    "T": "equal",
    "F": "unequal",
    "G": "gold_unparsed",
    "M": "timed_out",
}
# (operation, gold, answer); operation is "check" or "readable".
Ask = tuple[str, str, str]
MEMORY_BYTES = 1536 * 2**20
START_LIMIT_S = 60.0
# Questions sent ahead, so that a worker never waits for the pipe. Well under a pipe's 64 kB.
SENT_AHEAD = 16
SENT_AHEAD_BYTES = 32_000
_HEADER = struct.Struct(">I")
_START = (
    "import sys; sys.path[:] = sys.argv[1].split(chr(10)); "
    "from hf_lore.verification.worker import main; main()"
)


def default_workers() -> int:
    """One worker a usable core."""
    if sys.platform.startswith("linux"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class _PoolClosedError(RuntimeError):
    """The pool was closed under a question."""


class _WorkerDiedError(Exception):
    """The pipe closed before an answer came."""


class _Worker:
    """One process and its pipes; used by one thread at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, "\n".join(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to_worker = self.process.stdin.fileno()
        self.from_worker = self.process.stdout.fileno()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.from_worker, selectors.EVENT_READ)
        self.received = b""
        self.ready = False
        self.send(json.dumps({"memory_bytes": MEMORY_BYTES}).encode())

    def send(self, body: bytes) -> None:
        data = memoryview(_HEADER.pack(len(body)) + body)
        while data:
            data = data[os.write(self.to_worker, data) :]

    def receive(self, timeout_s: float) -> bytes | None:
        """The next frame, or None past the deadline.

        Raises:
            _WorkerDiedError: the worker ended.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if len(self.received) >= _HEADER.size:
                end = _HEADER.size + _HEADER.unpack(self.received[: _HEADER.size])[0]
                if len(self.received) >= end:
                    body, self.received = self.received[_HEADER.size : end], self.received[end:]
                    return body
            left = deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                return None
            chunk = os.read(self.from_worker, 65536)
            if not chunk:
                raise _WorkerDiedError
            self.received += chunk

    def wait_ready(self) -> None:
        """Waits for the imports; outside every deadline."""
        if self.ready:
            return
        frame = self.receive(START_LIMIT_S)
        hello = json.loads(frame) if frame else {}
        if "error" in hello:
            raise MissingExtraError(f"math-verify ({hello['error']})", "")
        if "ready" not in hello:
            raise ConfigError(
                f"a grading worker did not start within {START_LIMIT_S:.0f} s; fix: run "
                f"{sys.executable} -c 'import math_verify' and mend what it reports"
            )
        self.ready = True

    def close(self) -> None:
        """Kills the process and reaps it."""
        self.process.kill()
        self.process.wait()
        self.forget()

    def forget(self) -> None:
        """Closes this process's ends of the pipes."""
        self.selector.close()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class WorkerPool:
    """At most `num_workers` workers, started as they are needed.

    Args:
        num_workers (`int`, *optional*): defaults to the usable cores.
    """

    def __init__(self, num_workers: int | None = None) -> None:
        if num_workers is not None and num_workers < 1:
            raise ConfigError(f"num_workers is {num_workers}; fix: at least 1, or None")
        self.num_workers = num_workers or default_workers()
        # A slot holds a live worker, or None until one is started in it.
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._workers: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(self.num_workers):
            self._slots.put(None)

    def run(self, asks: Sequence[Ask], timeout_s: float) -> list[Outcome]:
        """Asks one worker all of `asks` in order; waits for a free worker first.

        Args:
            asks: what to compare.
            timeout_s: for each, from when the worker starts on it.
        """
        if not timeout_s > 0:
            raise ConfigError(f"timeout_s is {timeout_s}; fix: a number of seconds above 0")
        outcomes: list[Outcome] = []
        if not asks:
            return outcomes
        deaths = 0
        worker = self._slots.get()
        try:
            while len(outcomes) < len(asks):
                if worker is None:
                    worker = self._start()
                before = len(outcomes)
                if not self._serve(worker, asks, outcomes, timeout_s):
                    self._drop(worker)
                    # At once, so that it has started by the time it is needed.
                    worker = self._start()
                    deaths = 0 if len(outcomes) > before else deaths + 1
                    if deaths == 2:
                        # Twice on the same question: it is the question that kills.
                        outcomes.append("timed_out")
                        deaths = 0
        except BaseException:
            if worker is not None:
                self._drop(worker)
                worker = None
            raise
        finally:
            self._slots.put(worker)
        return outcomes

    def _serve(
        self, worker: _Worker, asks: Sequence[Ask], outcomes: list[Outcome], timeout_s: float
    ) -> bool:
        """Appends outcomes until all are there (True) or the worker is of no more use (False)."""
        sent = len(outcomes)
        waiting: list[int] = []
        try:
            worker.wait_ready()
            while len(outcomes) < len(asks):
                while sent < len(asks) and len(waiting) < SENT_AHEAD:
                    body = json.dumps([*asks[sent], timeout_s]).encode()
                    if waiting and sum(waiting) + len(body) > SENT_AHEAD_BYTES:
                        break
                    worker.send(body)
                    waiting.append(len(body))
                    sent += 1
                frame = worker.receive(timeout_s)
                if frame is None:
                    outcomes.append("timed_out")
                    return False
                outcomes.append(_OUTCOMES[frame.decode()])
                del waiting[0]
        except (_WorkerDiedError, BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise _PoolClosedError("the pool of grading workers was closed while it was asked")
            worker = _Worker()
            self._workers.add(worker)
        return worker

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def pids(self) -> list[int]:
        """Process ids of the live workers."""
        with self._lock:
            return [w.process.pid for w in self._workers]

    def close(self) -> None:
        """Kills every worker; whoever still asks gets an error, and no new worker starts."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
        # A busy worker's pipes are closed by the thread that reads them; an idle one's here.
        drained = 0
        with contextlib.suppress(queue.Empty):
            while True:
                idle = self._slots.get_nowait()
                drained += 1
                if idle is not None:
                    idle.forget()
        for _ in range(drained):
            self._slots.put(None)

    def abandon(self) -> None:
        """In a forked child: lets go of the pipes without touching the parent's workers."""
        for worker in self._workers:
            worker.forget()
        self._workers = set()


_shared: WorkerPool | None = None
_shared_lock = threading.Lock()


def shared_pool() -> WorkerPool:
    """The process-wide pool, made at the first call; a forked child makes its own."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = WorkerPool()
        return _shared


def _close_shared() -> None:
    if _shared is not None:
        _shared.close()


def _after_fork() -> None:
    global _shared, _shared_lock
    pool, _shared, _shared_lock = _shared, None, threading.Lock()
    if pool is not None:
        pool.abandon()


atexit.register(_close_shared)
os.register_at_fork(after_in_child=_after_fork)
