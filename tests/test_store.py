"""The sample store: what goes in comes out, once, whatever happens to the process or the disk."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_lore.errors import ConfigError, HfLoreError, RunMismatchError
from hf_lore.sampling.recovery import PAGE_BYTES
from hf_lore.sampling.sample import Prompt, Sample
from hf_lore.sampling.store import SampleStore, shard_of


def sample(question: int = 0, draw: int = 0, **changes) -> Sample:
    fields = {
        "key": f"s-{question}-{draw}",
        "question_id": f"q-{question:05d}",
        "model": "m",
        "revision": "main",
        "params_hash": "p",
        "draw": draw,
        "seed": 2**63 - 1 - draw,
        "text": f"answer {question} {draw}",
        "token_ids": (1, 2, 2**32 - 1),
        "n_tokens": 3,
        "reasoning_tokens": 1,
        "count_method": "ids",
        "finish_reason": "stop",
    }
    return Sample(**{**fields, **changes})


def fill(path: Path, n_questions: int, n_tokens: int = 30, **options) -> list[Sample]:
    samples = [
        sample(q, d, token_ids=tuple(range(n_tokens)), text=f"{q}.{d} " * n_tokens)
        for q in range(n_questions)
        for d in range(4)
    ]
    with SampleStore(path, "f", **options) as store:
        store.put_prompts([Prompt(f"q-{q:05d}", f"Q{q}", (1, q)) for q in range(n_questions)])
        store.add(samples)
    return samples


def test_what_goes_in_comes_out_in_order(tmp_path):
    samples = [sample(q, d) for q in (3, 1, 2) for d in (1, 0)]
    with SampleStore(tmp_path, "f") as store:
        assert store.add(samples) == 6
        assert len(store) == 6
        assert store.keys() == {s.key for s in samples}
    with SampleStore(tmp_path, "f", read_only=True) as store:
        assert list(store) == sorted(samples, key=lambda s: (s.question_id, s.draw))
        assert store.by_question("q-00001") == [sample(1, 0), sample(1, 1)]
        assert store.by_question("q-99999") == []


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.characters(), max_size=40),
    ids=st.none() | st.lists(st.integers(0, 2**32 - 1), max_size=9).map(tuple),
    error=st.none() | st.text(st.characters(), max_size=9),
    reasoning=st.none() | st.integers(0, 2**40),
)
def test_any_text_and_any_ids_survive(tmp_path_factory, text, ids, error, reasoning):
    # st.characters() with no categories includes lone surrogates and NUL.
    kept = sample(text=text + "\x00\ud800", token_ids=ids, error=error, reasoning_tokens=reasoning)
    path = tmp_path_factory.mktemp("store")
    with SampleStore(path, "f") as store:
        store.add([kept])
        store.put_prompts([Prompt("q", text, ids or ())])
    with SampleStore(path, read_only=True) as store:
        assert list(store) == [kept]
        assert list(store.prompts()) == [Prompt("q", text, ids or ())]


def test_the_same_again_is_nothing_and_another_content_an_error(tmp_path):
    with SampleStore(tmp_path, "f") as store:
        assert store.add([sample()]) == 1
        assert store.add([sample(), sample(draw=1), sample()]) == 1
        with pytest.raises(RunMismatchError, match="s-0-0 with another n_tokens and text"):
            store.add([sample(text="other", n_tokens=4)])
        store.put_prompts([Prompt("q", "a", (1,))])
        store.put_prompts([Prompt("q", "a", (1,))])
        with pytest.raises(RunMismatchError, match="q with another text"):
            store.put_prompts([Prompt("q", "b", (1,))])
    with SampleStore(tmp_path, read_only=True) as store:
        assert list(store) == [sample(), sample(draw=1)]


def test_settings_that_differ_are_named(tmp_path):
    SampleStore(tmp_path, {"model": "a", "K": 8}).close()
    SampleStore(tmp_path, {"K": 8, "model": "a"}).close()
    with pytest.raises(RunMismatchError, match="K was 8, now 4; limit was 'nothing', now 2"):
        SampleStore(tmp_path, {"model": "a", "K": 4, "limit": 2})
    with pytest.raises(RunMismatchError, match="fix"):
        SampleStore(tmp_path, "other")
    with pytest.raises(RunMismatchError, match="has 1 shards, not 2"):
        SampleStore(tmp_path, {"model": "a", "K": 8}, num_shards=2)


def test_misuse_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="no samples at"):
        SampleStore(tmp_path / "none", read_only=True)
    with pytest.raises(ConfigError, match="num_shards is 0"):
        SampleStore(tmp_path / "zero", "f", num_shards=0)
    fill(tmp_path / "a", 1)
    with (
        SampleStore(tmp_path / "a", read_only=True) as store,
        pytest.raises(ConfigError, match="opened to read"),
    ):
        store.add([sample()])
    store = SampleStore(tmp_path / "a", "f")
    store.close()
    store.close()
    with pytest.raises(ConfigError, match="closed"):
        store.add([sample()])
    (tmp_path / "a" / "store.json").write_text("{")
    with pytest.raises(ConfigError, match="not a store's header"):
        SampleStore(tmp_path / "a", "f")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make a store"):
        SampleStore(tmp_path / "file" / "in", "f")


def test_shards_hold_each_question_once_and_can_be_written_apart(tmp_path):
    samples = fill(tmp_path / "whole", 40, num_shards=3)
    for number in range(3):
        with SampleStore(tmp_path / "parts", "f", num_shards=3, shard=number) as store:
            mine = [s for s in samples if shard_of(s.question_id, 3) == number]
            assert store.add(mine) == len(mine) > 0
            stray = next(s for s in samples if shard_of(s.question_id, 3) != number)
            with pytest.raises(ConfigError, match="its own questions"):
                store.add([stray])
    for name in ("whole", "parts"):
        with SampleStore(tmp_path / name, read_only=True) as store:
            assert store.num_shards == 3
            assert list(store) == samples
    # Two processes may write two shards at once.
    with (
        SampleStore(tmp_path / "parts", "f", shard=0),
        SampleStore(tmp_path / "parts", "f", shard=1),
    ):
        pass


def test_a_second_writer_is_refused_by_name_and_readers_are_not(tmp_path):
    with SampleStore(tmp_path, "f") as store:
        store.add([sample()], commit=True)
        with pytest.raises(ConfigError, match=f"process {os.getpid()} is writing"):
            SampleStore(tmp_path, "f")
        with SampleStore(tmp_path, read_only=True) as reader:
            assert len(reader) == 1
        store.add([sample(draw=1)], commit=True)


def run_python(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
        start_new_session=True,
    )


WRITER = """
    import sys, time
    from test_store import sample
    from hf_lore.sampling.store import SampleStore
    store = SampleStore(sys.argv[1], "f")
    number = 0
    while True:
        store.add([sample(number)])
        print(number, time.monotonic(), flush=True)
        number += 1
        time.sleep(0.01)
"""


def test_a_kill_loses_at_most_the_last_half_second(tmp_path):
    writer = run_python(WRITER, tmp_path)
    lines = [writer.stdout.readline().split() for _ in range(150)]
    killed_at = time.monotonic()
    writer.send_signal(signal.SIGKILL)
    lines += [line.split() for line in writer.stdout.read().splitlines()]
    writer.wait()
    # 0.1 s for the commit itself and this machine's load.
    durable = {f"s-{n}-0" for n, at in lines if float(at) < killed_at - 0.6}
    with SampleStore(tmp_path, "f") as store:
        assert len(durable) > 50
        assert durable <= store.keys()
        assert store.recoveries == ()


def test_the_lock_outlives_a_parent_whose_child_writes(tmp_path):
    parent = run_python(
        """
        import os, sys, time
        from hf_lore.sampling.store import SampleStore
        store = SampleStore(sys.argv[1], "f")
        if os.fork() == 0:  # the worker that goes on writing
            print(os.getpid(), flush=True)
            time.sleep(60)
        os.waitpid(-1, 0)
        """,
        tmp_path,
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        with pytest.raises(ConfigError, match=f"process {parent.pid} is writing"):
            SampleStore(tmp_path, "f")
    finally:
        os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while True:
        try:
            SampleStore(tmp_path, "f").close()
            break
        except ConfigError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def tear(file: Path, page: int, content: bytes) -> None:
    with file.open("r+b") as out:
        out.seek((page - 1) * PAGE_BYTES)
        out.write(content)


def test_every_single_torn_page_is_found_named_and_survived(tmp_path):
    samples = fill(tmp_path / "sound", 12)
    size = (tmp_path / "sound" / "shard-00000.sqlite").stat().st_size
    n_pages = size // PAGE_BYTES
    assert n_pages >= 10
    for page in range(1, n_pages + 1):
        path = tmp_path / f"page-{page}"
        shutil.copytree(tmp_path / "sound", path)
        tear(path / "shard-00000.sqlite", page, b"\xa5" * PAGE_BYTES)
        with SampleStore(path, "f") as store:
            assert store.recoveries, f"page {page} went unnoticed"
            kept = list(store)
            # A leaf of 4 KB holds 13 of these rows of some 300 bytes, an inner or index page none.
            assert len(kept) >= len(samples) - 13
            assert set(kept) <= set(samples)
            assert store.recoveries[0].n_samples == len(kept)
            assert store.recoveries[0].pages == (page,)
            # The missing are drawn again, and all is as before.
            store.add(samples)
            assert list(store) == samples
        assert (path / "shard-00000.sqlite.damaged").stat().st_size == size
        with SampleStore(path, "f") as store:
            assert store.recoveries == ()


def test_damage_inside_a_long_text_is_found_and_costs_that_sample_only(tmp_path, caplog):
    samples = fill(tmp_path, 3, n_tokens=9000)  # 36 KB of ids a row: overflow pages
    file = tmp_path / "shard-00000.sqlite"
    at = file.read_bytes().find(b"1.2 1.2 1.2 ") + 20_000
    with file.open("r+b") as out:
        out.seek(at)
        out.write(b"#")  # one byte, which SQLite's own check does not see
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with (
        SampleStore(tmp_path, read_only=True) as store,
        pytest.raises(HfLoreError, match="damaged on disk; fix"),
    ):
        list(store)
    with SampleStore(tmp_path, "f") as store:
        assert set(samples) - set(store) == {samples[1 * 4 + 2]}
        assert at // PAGE_BYTES + 1 in store.recoveries[0].pages
    assert "kept 11 readable samples" in caplog.text


def test_a_file_cut_short_keeps_what_is_left(tmp_path):
    samples = fill(tmp_path, 50)
    file = tmp_path / "shard-00000.sqlite"
    os.truncate(file, file.stat().st_size // 2 + 100)
    with SampleStore(tmp_path, "f") as store:
        kept = set(store)
        assert 0 < len(kept) < len(samples)
        assert kept < set(samples)


def test_a_death_between_the_two_renames_of_a_recovery_loses_nothing(tmp_path):
    samples = fill(tmp_path, 2)
    file = tmp_path / "shard-00000.sqlite"
    file.rename(tmp_path / "shard-00000.sqlite.recovering")
    with SampleStore(tmp_path, "f") as store:
        assert list(store) == samples
    (tmp_path / "shard-00000.sqlite.recovering").write_bytes(b"half")
    with SampleStore(tmp_path, "f") as store:
        assert list(store) == samples
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "shard-00000.lock",
        "shard-00000.sqlite",
        "store.json",
    ]


def test_a_full_disk_is_one_line_and_loses_nothing_committed(tmp_path):
    """A file-size limit stands in for the disk: the writes of the database really fail."""
    process = run_python(
        """
        import resource, signal, sys
        from test_store import sample
        from hf_lore.errors import HfLoreError
        from hf_lore.sampling.store import SampleStore
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with SampleStore(sys.argv[1], "f") as store:
            store.add([sample(n) for n in range(100)], commit=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            try:
                for n in range(100, 10_000):
                    store.add([sample(n, text="x" * 1000)], commit=n % 10 == 9)
            except HfLoreError as error:
                print(error)
        """,
        tmp_path,
    )
    message, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert message.count("\n") == 1
    assert "cannot write samples to" in message
    assert "fix: free disk space" in message
    with SampleStore(tmp_path, "f") as store:
        numbers = sorted(int(k.split("-")[1]) for k in store.keys())  # noqa: SIM118
        assert store.recoveries == ()
        assert len(numbers) >= 100
        assert numbers == list(range(len(numbers)))
        assert len(numbers) % 10 == 0  # whole groups only


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        committed = 0
        with SampleStore(disk / "run", "f") as store:
            try:
                while committed < 1000:
                    store.add([sample(committed, text="x" * 1000)], commit=True)
                    committed += 1
            except HfLoreError as error:
                assert "is full" in str(error)  # noqa: PT017
        with SampleStore(disk / "run", read_only=True) as store:
            assert len(store) == committed
        assert 100 < committed < 1000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_readers_see_whole_groups_while_another_thread_writes(tmp_path):
    stop = threading.Event()
    with SampleStore(tmp_path, "f") as store:

        def write():
            number = 0
            while not stop.is_set():
                store.add([sample(number, d) for d in range(4)])
                number += 1
                time.sleep(0.002)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with SampleStore(tmp_path, read_only=True) as reader:
                counts = []
                for _ in range(5):
                    counts.append(sum(1 for _ in reader))
                    time.sleep(0.2)
        finally:
            stop.set()
            writer.join()
    assert counts == sorted(counts)
    assert counts[-1] > 0
    assert all(c % 4 == 0 for c in counts)


def test_memory_stays_flat(tmp_path):
    """20,000 samples of 64 tokens go through add and iteration in under 40 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with SampleStore(tmp_path, "f") as store:
        for start in range(0, 20_000, 100):
            store.add([sample(n, token_ids=tuple(range(64))) for n in range(start, start + 100)])
    with SampleStore(tmp_path, "f") as store:
        assert sum(1 for _ in store) == 20_000
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 40
