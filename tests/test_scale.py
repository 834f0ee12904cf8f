"""A run spread over shards, by every executor, equals the same run in one process."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("datatrove", reason="datatrove is not installed (the scale extra)")

from fake_server import FakeServer, Fault
from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.run import Run
from hf_lore.sampling.store import SampleStore
from hf_lore.scale import Cluster, WhoAnswers, launch
from model_fixtures import make_tokenizer

KEY = "hf_secret_of_the_server"
SHARDS = 3


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    source = [
        Question(f"{subject} {i}: how many?", (str(i % 5),), ("int",), subject=subject)
        for subject in ("sums", "adds")
        for i in range(12)
    ]
    folder = tmp_path_factory.mktemp("questions") / "compo"
    rows = folder.parent / "rows.jsonl"
    rows.write_text(
        "".join(
            json.dumps({"problem": q.prompt, "answer": q.gold[0], "subject": q.subject}) + "\n"
            for q in source
        )
    )
    _run("build", "compo", "--source", rows, "--out", folder, "--answer-type", "int")
    return folder


def _run(*words, env=None, fails=False):
    done = subprocess.run(
        [sys.executable, "-m", "hf_lore.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "LORE_KEY": KEY, **(env or {})},
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr[-3000:]
    return done


def sample_words(run, questions, tokenizer_folder, *urls):
    words = ["sample", "--run", run, "--questions", questions, "--tokenizer", tokenizer_folder]
    words += ["--name", "tiny", "-k", 4, "--max-new-tokens", 60, "--api-key-env", "LORE_KEY"]
    for url in urls:
        words += ["--server", url]
    return words


def samples_of(run):
    with SampleStore(run / "samples", read_only=True) as store:
        return list(store)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, tokenizer_folder, questions):
    """The same run in one process."""
    run = tmp_path_factory.mktemp("plain") / "run"
    with FakeServer(make_tokenizer(), api_key=KEY) as server:
        _run(*sample_words(run, questions, tokenizer_folder, server.url))
    _run("verify", "--run", run)
    _run("select", "--run", run)
    return run


def everything_below(folder):
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def check_equal(run, plain):
    import pyarrow.parquet as pq

    assert samples_of(run) == samples_of(plain)
    assert len(list((run / "samples").glob("shard-*.sqlite"))) == SHARDS
    for name in ("selections", "rejections"):
        mine, theirs = (pq.read_table(r / "selection" / f"{name}.parquet") for r in (run, plain))
        assert mine.equals(theirs)
    assert KEY.encode() not in everything_below(run)


def test_local_processes(tmp_path, tokenizer_folder, questions, plain):
    run = tmp_path / "run"
    with (
        FakeServer(make_tokenizer(), api_key=KEY) as one,
        FakeServer(make_tokenizer(), api_key=KEY) as two,
    ):
        words = sample_words(run, questions, tokenizer_folder, one.url, two.url)
        words += ["--executor", "local", "--tasks", SHARDS, "--workers", 2, "--through", "select"]
        done = _run(*words)
        assert "3 shard(s)" in done.stdout
        check_equal(run, plain)
        # A shard that lost its rows loses its mark, and it alone is drawn again.
        (run / "samples" / "shard-00001.sqlite").unlink()
        asked = len(one.requests) + len(two.requests)
        _run(*words)
        lost = sum(s.question_id in shard_one(plain) for s in samples_of(plain))
        # Eight draws a server before each task that samples, and a few that find out what it is.
        again = len(one.requests) + len(two.requests) - asked
        assert lost <= again < lost + 60
        check_equal(run, plain)
        # The number of workers is free, the number of shards is not.
        words[words.index("--tasks") + 1] = 5
        assert "3 shards, not 5" in _run(*words, fails=True).stderr


def shard_one(run):
    from hf_lore.sampling.store import shard_of

    return {q.id for q in Run.open(run).questions() if shard_of(q.id, SHARDS) == 1}


@pytest.mark.slow
def test_a_task_that_fails_tells_no_secret(tmp_path, tokenizer_folder, questions, plain):
    run = tmp_path / "run"
    broken = {"on": True}

    def fault(number, body):
        return Fault(403, message="forbidden") if broken["on"] and number > 20 else None

    with FakeServer(make_tokenizer(), api_key=KEY, fault=fault) as server:
        words = sample_words(run, questions, tokenizer_folder, server.url)
        words += ["--executor", "local", "--tasks", SHARDS, "--workers", 1, "--through", "select"]
        done = _run(*words, fails=True)
        assert KEY not in done.stdout + done.stderr
        assert KEY.encode() not in everything_below(run)
        broken["on"] = False
        _run(*words)
    check_equal(run, plain)


SBATCH = """
    #!{python}
    # Runs the array's tasks here, one after the other, as Slurm would elsewhere.
    import os, re, subprocess, sys
    script = next(a for a in reversed(sys.argv[1:]) if not a.startswith("--"))
    text = open(script).read()
    exported = next((a for a in sys.argv if a.startswith("--export=")), "")
    env = dict(os.environ)
    env.update(re.findall(r"(RUN_OFFSET)=(\\d+)", exported))
    array = re.search(r"--array=(\\d+)-(\\d+)", text)
    first, last = map(int, array.groups()) if array else (0, 0)
    for task in range(first, last + 1):
        env["SLURM_ARRAY_TASK_ID"] = str(task)
        env.update(SLURM_NODEID="0", SLURM_NODELIST="here", SLURM_JOB_ID="7")
        subprocess.run(["bash", script], env=env, check=True, stdout=sys.stderr)
    print(len(os.listdir(os.environ["JOBS"])))
    open(os.path.join(os.environ["JOBS"], str(os.getpid())), "w").write(text)
"""


SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done
"$@"
"""


@pytest.mark.slow
def test_slurm(tmp_path, tokenizer_folder, questions, plain):
    """Through a stand-in for sbatch and srun that runs the submitted scripts on this machine."""
    bin_folder, jobs, run = tmp_path / "bin", tmp_path / "jobs", tmp_path / "run"
    bin_folder.mkdir()
    jobs.mkdir()
    sbatch = bin_folder / "sbatch"
    sbatch.write_text(textwrap.dedent(SBATCH).strip().format(python=sys.executable))
    srun = bin_folder / "srun"
    srun.write_text(SRUN)
    scontrol = bin_folder / "scontrol"
    scontrol.write_text("#!/bin/bash\necho here\n")
    for file in (sbatch, srun, scontrol):
        file.chmod(0o755)
    path = f"{bin_folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    with FakeServer(make_tokenizer(), api_key=KEY) as server:
        words = sample_words(run, questions, tokenizer_folder, server.url)
        words += ["--executor", "slurm", "--tasks", SHARDS, "--through", "select"]
        assert "--slurm-time" in _run(*words, fails=True).stderr
        words += ["--slurm-time", "01:00:00", "--slurm-partition", "cpu", "--sbatch", "account=lab"]
        done = _run(*words, env={"PATH": path, "JOBS": str(jobs)})
    assert "submitted to Slurm" in done.stdout
    check_equal(run, plain)
    scripts = [p.read_text() for p in jobs.iterdir()]
    assert any("--array=0-2" in s for s in scripts)
    assert any("account=lab" in s for s in scripts)
    assert not any(KEY in s for s in scripts)


@pytest.mark.slow
def test_ray(tmp_path, tokenizer_folder, questions, plain):
    pytest.importorskip("ray", reason="Ray is not installed (the ray extra)")
    run = tmp_path / "run"
    with FakeServer(make_tokenizer(), api_key=KEY) as server:
        words = sample_words(run, questions, tokenizer_folder, server.url)
        words += ["--executor", "ray", "--tasks", SHARDS, "--workers", 2, "--through", "select"]
        words += ["--mem-per-cpu-gb", "1"]
        _run(*words)
    check_equal(run, plain)


def test_refusals(tmp_path, tokenizer_folder, questions):
    run = tmp_path / "run"
    with FakeServer(make_tokenizer(), api_key=KEY) as server:
        words = sample_words(run, questions, tokenizer_folder, server.url)
        words += ["--stop-within", "0.1", "--tasks", "2"]
        executor = ["--executor", "local"]
        for odd, says in (
            ([*executor, "--stop-within", "0.1"], "a fixed K"),
            ([*executor, "--sbatch", "account"], "--sbatch account has no value"),
            ([*executor, "--workers", "0"], "workers is 0"),
            (["--executor", "slurm"], "--slurm-time"),
            (["--tasks", 0], "--tasks is 0"),
            (["--through", "verify"], "--executor"),
        ):
            plain = sample_words(tmp_path / "other", questions, tokenizer_folder, server.url)
            assert says in _run(*plain, *odd, fails=True).stderr
        # Refused before anything was made for it.
        assert not (tmp_path / "other").exists()
        _run(*words)
    with pytest.raises(ConfigError, match="a fixed K"):
        launch(Run.open(run), ("sample",), Cluster())
    with pytest.raises(ConfigError, match="partition"):
        Cluster("slurm")
    with pytest.raises(ConfigError, match="workers"):
        Cluster(workers=0)
    with pytest.raises(ConfigError, match="LORE_MISSING"):
        WhoAnswers(servers=("http://x",), api_key_env="LORE_MISSING").sampler()
