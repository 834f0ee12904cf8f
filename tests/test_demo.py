"""`hf-lore demo` as a stranger runs it, killed in the middle, and from the wheel alone."""

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hf_lore.demo import QUICK, _composites, _evaluate, _report, run_demo
from hf_lore.errors import MissingExtraError
from hf_lore.run import Run
from hf_lore.sampling.store import SampleStore
from hf_lore.scoring import score
from hf_lore.tiny import tiny_path

ROOT = Path(__file__).resolve().parent.parent
DEMO = [sys.executable, "-m", "hf_lore.cli", "demo", "--quick", "--out"]


def start(command, **kwargs):
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **kwargs,
    )


def finish(process, timeout_s=600):
    output, _ = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, output[-3000:]
    return output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "demo"
    table = finish(start([*DEMO, str(out)]))
    return out, table


def samples(run: Run):
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        return {s.key: s for s in store}


def stored(folder: Path) -> int:
    """Samples committed so far, read from beside the writer."""
    total = 0
    for shard in folder.glob("shard-*.sqlite"):
        db = sqlite3.connect(f"file:{shard}?mode=ro", uri=True)
        try:
            total += db.execute("SELECT count(*) FROM samples").fetchone()[0]
        except sqlite3.OperationalError:  # no table yet, or locked for a moment
            pass
        finally:
            db.close()
    return total


@pytest.mark.slow
def test_everything_is_there(undisturbed):
    out, table = undisturbed
    for name in ("base", "sft_compo", "sft_control", "sft_anti"):
        assert f"| {name} |" in table
        laws = json.loads((out / "eval" / name / "laws.json").read_text())
        nmad = next(s for s in laws["scores"] if s["name"] == "nmad_compute")
        assert nmad["value"] is not None
        assert nmad["noise_floor"] is not None
    for name in ("sft_compo", "sft_control", "sft_anti"):
        assert (out / "models" / name / "model.safetensors").exists()
    picture = (out / "plots" / "compositionality.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000
    page = (out / "report.html").read_text()
    for name in ("base", "sft_compo", "sft_control", "sft_anti"):
        assert name in page
    assert str(out / "report.html") in table


@pytest.mark.slow
def test_running_again_costs_seconds(undisturbed):
    out, table = undisturbed
    kept = [*out.rglob("*.safetensors"), out / "report.html"]
    before = {p: p.stat().st_mtime_ns for p in kept}
    start_s = time.monotonic()
    again = finish(start([*DEMO, str(out)]))
    assert time.monotonic() - start_s < 60
    assert {p: p.stat().st_mtime_ns for p in kept} == before
    assert [line for line in again.splitlines() if line.startswith("|")] == [
        line for line in table.splitlines() if line.startswith("|")
    ]


@pytest.mark.slow
def test_the_report_is_made_again_only_after_new_scores(tmp_path):
    settings = replace(QUICK, train_composites=1, eval_composites=3, eval_samples=2)
    _, held_out = _composites(settings)
    for name in ("base", "sft_compo"):
        _evaluate(tmp_path / "eval" / name, held_out, str(tiny_path()), name, settings)
    page = _report(tmp_path, ["base", "sft_compo"])
    text, made = page.read_bytes(), page.stat().st_mtime_ns
    assert b"base" in text
    assert b"sft_compo" in text
    assert _report(tmp_path, ["base", "sft_compo"]) == page
    assert page.stat().st_mtime_ns == made
    score(Run.open(tmp_path / "eval" / "base"))
    _report(tmp_path, ["base", "sft_compo"])
    assert page.stat().st_mtime_ns > made
    assert page.read_bytes() == text


def test_a_missing_package_of_the_extra_is_told_first(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "plotly" else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"plotly is not installed.*hf-lore\[demo\]"):
        run_demo(tmp_path / "demo", QUICK)
    assert not (tmp_path / "demo").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["teacher", "training"])
def test_kill_9_loses_nothing_and_changes_nothing(undisturbed, tmp_path, stage):
    out = tmp_path / "demo"
    process = start([*DEMO, str(out)])
    teacher = out / "teacher" / "samples"
    log = out / "models" / "sft_compo.log"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if stored(teacher) > 0 if stage == "teacher" else log.exists():
            break
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run = Run.open(out / "teacher")
    held = samples(run)
    assert held

    finish(start([*DEMO, str(out)]))
    after = samples(run)
    assert {k: after[k] for k in held} == held, "a committed sample was lost or drawn again"
    expected = samples(Run.open(undisturbed[0] / "teacher"))
    assert after == expected, "the same draws, bit for bit"
    for name in ("selections", "rejections"):
        file = f"teacher/selection/{name}.parquet"
        assert pq.read_table(out / file).equals(pq.read_table(undisturbed[0] / file))
    for config in ("sft_compo", "sft_control", "sft_anti"):
        file = f"teacher/dataset/{config}/train-00000-of-00001.parquet"
        assert pq.read_table(out / file).equals(pq.read_table(undisturbed[0] / file))


@pytest.mark.slow
def test_other_settings_are_refused(undisturbed):
    command = [part for part in DEMO if part != "--quick"]
    found = subprocess.run(
        [*command, str(undisturbed[0])], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 2
    assert "made by other settings" in found.stderr


@pytest.mark.slow
def test_the_wheel_alone_runs_the_demo(tmp_path):
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling (the dev extra)")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"),
            *("--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        check=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("hf_lore-*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    for inside in (
        "_recipes/sft_compo.py",
        "_recipes/tiny/sft_compo.yaml",
        "_cards/sft_compo.md",
        "_recipes/accelerate_configs/cpu.yaml",
        "tiny/weights/model.safetensors",
    ):
        assert (site / "hf_lore" / inside).is_file(), inside
    # Only the wheel's own files: the checkout is not on the path of this process or its children.
    env = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import hf_lore; print(hf_lore.__file__)"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip().startswith(str(site))
    output = finish(start([*DEMO, str(tmp_path / "demo")], env=env, cwd=tmp_path))
    assert "| sft_compo |" in output
    shutil.rmtree(site)
