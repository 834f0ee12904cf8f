"""Workers: deadlines, kills, threads, forks, and what they leave behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from hf_lore.errors import ConfigError
from hf_lore.verification import grade
from hf_lore.verification.pool import WorkerPool, shared_pool

EASY = ("check", "x+1", "1+x")
UNEQUAL = ("check", "x+1", "x+2")
# Passes the structural screen, and keeps algebra busy far past any deadline used here.
HANGS = ("check", "x", r"\int_0^9 \sin(x^9) \cos(x^7) e^{x} dx")


def alive(pid):
    """Whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def pool():
    pool = WorkerPool(1)
    yield pool
    pool.close()


def test_outcomes_come_in_order(pool):
    asks = [EASY, UNEQUAL, ("check", r"\frac{\frac{1}}", "1"), EASY]
    assert pool.run(asks, 5.0) == ["equal", "unequal", "gold_unparsed", "equal"]


def test_a_worker_that_hangs_is_killed_and_what_waits_behind_is_answered(pool):
    pool.run([EASY], 5.0)
    (first,) = pool.pids()
    began = time.monotonic()
    assert pool.run([EASY, HANGS, EASY, UNEQUAL], 1.0) == [
        "equal", "timed_out", "equal", "unequal",
    ]  # fmt: skip
    assert time.monotonic() - began < 20
    assert not alive(first)
    assert pool.pids() != [first]


def test_the_deadline_holds_even_for_a_stopped_process(pool):
    # Patient, so that on a busy machine it is this very worker that is stopped or killed.
    assert pool.run([EASY], 60.0) == ["equal"]
    os.kill(pool.pids()[0], signal.SIGSTOP)
    began = time.monotonic()
    assert pool.run([EASY], 0.5) == ["timed_out"]
    assert time.monotonic() - began < 1.5


def test_a_worker_killed_from_outside_is_replaced_and_asked_again(pool):
    # Patient, so that on a busy machine it is this very worker that is stopped or killed.
    assert pool.run([EASY], 60.0) == ["equal"]
    os.kill(pool.pids()[0], signal.SIGKILL)
    assert pool.run([EASY, UNEQUAL], 5.0) == ["equal", "unequal"]


def test_waiting_for_a_worker_is_not_charged_to_the_deadline(pool):
    # 60 questions of some milliseconds each through one worker, from 20 threads: the last waits
    # many times what one takes, and none times out.
    pool.run([EASY], 5.0)
    outcomes = []
    asks = [("check", f"x+{i}", f"{i}+x") for i in range(60)]
    threads = [
        threading.Thread(target=lambda a=a: outcomes.extend(pool.run([a], 2.0))) for a in asks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["equal"] * 60


def test_a_worker_started_by_a_large_process_is_kept():
    """Its peak memory is inherited, and is no reason to replace it after every answer."""
    body = """
    import resource
    from hf_lore.verification.pool import WorkerPool
    ballast = bytearray(b"x") * (700 * 2**20)
    pool = WorkerPool(1)
    pool.run([("check", "x+1", "1+x")], 60.0)
    first = pool.pids()
    assert pool.run([("check", "y+1", "1+y")] * 3, 60.0) == ["equal"] * 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 600 * 1024
    print(first == pool.pids())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip() == "True", done.stderr


def test_memory_is_limited(pool):
    # 9**(9**7): 4.5 million digits, and as a sum of them; past the screen since asked directly.
    began = time.monotonic()
    outcome = pool.run([("check", "x", "+".join([r"9^{9^{7}}"] * 40))], 3.0)
    assert outcome in (["timed_out"], ["unequal"])
    assert time.monotonic() - began < 15
    assert pool.run([EASY], 5.0) == ["equal"]


def test_no_signal_handler_and_no_thread_is_left_in_the_host():
    before = {s: signal.getsignal(s) for s in (signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM)}
    threads = set(threading.enumerate())
    timer = signal.getitimer(signal.ITIMER_REAL)[0]
    assert grade(r"\boxed{1+y}", "y+1").status == "correct"
    assert {s: signal.getsignal(s) for s in before} == before
    assert set(threading.enumerate()) <= threads
    # The host's own alarm (here the test runner's) keeps running.
    assert timer - 30 < signal.getitimer(signal.ITIMER_REAL)[0] <= timer


def test_grades_inside_a_running_event_loop():
    async def several():
        here = grade(r"\boxed{1+z}", "z+1")
        there = await asyncio.gather(
            *(asyncio.to_thread(grade, r"\boxed{2+z}", "z+2") for _ in range(4))
        )
        return [here, *there]

    assert {v.status for v in asyncio.run(several())} == {"correct"}


def test_a_forked_child_uses_workers_of_its_own():
    # Patient: a worker that is replaced because the machine is busy is not what is tested.
    assert grade(r"\boxed{1+t}", "t+1", timeout_s=60.0).status == "correct"
    mine = shared_pool().pids()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = grade(r"\boxed{2+t}", "t+2", timeout_s=60.0).status
        pids = shared_pool().pids()
        os.write(write, json.dumps([status, pids]).encode())
        shared_pool().close()
        os._exit(0)
    os.waitpid(child, 0)
    status, pids = json.loads(os.read(read, 65536))
    os.close(read)
    os.close(write)
    assert status == "correct"
    assert not set(pids) & set(mine)
    assert grade(r"\boxed{3+t}", "t+3", timeout_s=60.0).status == "correct"
    assert shared_pool().pids() == mine


def script(body, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(body))
    return path


def test_a_script_without_main_guard_may_grade(tmp_path):
    path = script(
        r"""
        print("begin")
        from hf_lore.verification import grade
        from hf_lore.verification.pool import shared_pool
        print(grade(r"\boxed{1+x}", "x+1").status, *shared_pool().pids())
        """,
        tmp_path,
    )
    # A module of the caller's that shadows a standard one must not reach the workers.
    (tmp_path / "struct_json.py").write_text("")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    begin, answer = done.stdout.splitlines()
    status, *pids = answer.split()
    assert (begin, status) == ("begin", "correct")
    assert all(gone_within(int(pid), 5) for pid in pids)


@pytest.mark.parametrize("busy", [False, True])
def test_workers_die_with_a_parent_that_is_killed(tmp_path, busy):
    path = script(
        rf"""
        import sys, threading, time
        from hf_lore.verification.pool import WorkerPool
        pool = WorkerPool(1)
        pool.run([{EASY!r}], 5.0)
        print(pool.pids()[0], flush=True)
        if {busy}:
            threading.Thread(target=pool.run, args=([{HANGS!r}], 2.0), daemon=True).start()
        time.sleep(60)
        """,
        tmp_path,
    )
    parent = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    assert alive(worker)
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    # Idle: the pipe closes. Busy: its alarm comes a second after the deadline of 2 s.
    assert gone_within(worker, 6 if busy else 3)


def test_closing_a_busy_pool_stops_its_work_and_starts_no_new_worker():
    pool = WorkerPool(1)
    pool.run([EASY], 5.0)
    raised = []

    def ask():
        try:
            pool.run([HANGS] * 20, 10.0)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    (busy,) = pool.pids()
    pool.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(raised) == 1
    assert not alive(busy)
    assert pool.pids() == []


def test_a_worker_imports_little():
    code = (
        "import sys, hf_lore.verification.algebra; "
        "print([m for m in ('torch', 'datasets', 'transformers', 'numpy', 'pandas') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr


def test_bad_settings_name_the_fix(pool):
    with pytest.raises(ConfigError, match="fix: a number of seconds above 0"):
        pool.run([EASY], 0)
    with pytest.raises(ConfigError, match="fix: at least 1"):
        WorkerPool(0)
