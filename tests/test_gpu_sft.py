"""The GPU benchmark without a GPU: its FLOP by hand and torch's counter; all of it on CPU."""

import json
import os
import subprocess
import sys

import pytest

from hub_fixtures import ROOT

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
sys.path.insert(0, str(ROOT / "benchmarks"))
gpu_sft = pytest.importorskip("gpu_sft")


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "benchmarks/gpu_sft.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_flop_by_hand():
    shape = gpu_sft.Shape(body=288, head=40, layers=2, channels=4)
    # Rows of 3 and 2 tokens, 4 trained on. Matrices: 6 x (288 x 5 + 40 x 4) = 6 x 1,600 = 9,600.
    # Pairs: 3 x 4 / 2 + 2 x 3 / 2 = 9. Attention: 12 x 2 x 4 x 9 = 864.
    assert shape.flop([3, 2], 4) == 9_600 + 864
    # Two rows attend to nothing of each other: one row of 5 has 15 pairs.
    assert shape.flop([5], 4) == 9_600 + 12 * 2 * 4 * 15


def test_the_published_shape_by_hand():
    from transformers import Qwen2Config

    shape = gpu_sft.shape_of(Qwen2Config(**gpu_sft.SHAPE))
    # A layer: queries and output 1536 x 1536 each, keys and values 1536 x (2 heads x 128) each,
    # gate, up and down 1536 x 8960 each; 28 of them.
    layer = 2 * 1536 * 1536 + 2 * 1536 * 256 + 3 * 1536 * 8960
    assert shape == gpu_sft.Shape(28 * layer, 1536 * 151936, 28, 1536)
    # 6 x 1,543,569,408 = 9.26 GFLOP a token, and attention 12 x 28 x 1536 x 8,192.5.
    flop = shape.flop([16384], 16384) / 16384
    assert flop == 6 * 1_543_569_408 + 12 * 28 * 1536 * 8192.5
    assert 13.4e9 < flop < 13.5e9


def test_flop_agree_with_torchs_own_counter():
    """Which counts every pair of a row, as the matrices are multiplied in full without a kernel."""
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(**gpu_sft.TINY, attn_implementation="eager")
    model = Qwen2ForCausalLM(config)
    ids = torch.arange(48).view(1, 48)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids).logits.sum().backward()
    shape = gpu_sft.shape_of(config)
    pairs = 48 * 49 // 2
    every_pair = shape.flop([48], 48) + 12 * shape.layers * shape.channels * (48 * 48 - pairs)
    # The rotary angles are a matrix product too, of one column.
    assert counter.get_total_flops() == pytest.approx(every_pair, rel=1e-4)


def test_peaks_and_lengths():
    assert gpu_sft.peak_tflops("NVIDIA H100 80GB HBM3") == 989
    assert gpu_sft.peak_tflops("NVIDIA H100 PCIe") == 756
    assert gpu_sft.peak_tflops("NVIDIA A100-SXM4-80GB") == 312
    assert gpu_sft.peak_tflops("NVIDIA L40S") == 362
    assert gpu_sft.peak_tflops("Tesla T4") is None
    assert gpu_sft.lengths_from("positions", torch.tensor([0, 1, 2, 0, 0, 1])) == [3, 1, 2]
    assert gpu_sft.lengths_from("lengths", torch.tensor([4, 7])) == [4, 7]


def test_figures_are_over_the_steps_after_the_warm_up():
    shape = gpu_sft.Shape(body=288, head=40, layers=2, channels=4)
    step = {"seconds": 2.0, "lengths": [3, 2], "trained_tokens": 4}
    found = {"steps": [{**step, "seconds": 9.0}, step, step], "peak_gib": 1.5}
    figures = gpu_sft.measure(found, shape, warmup=1, peak=1e-8)
    # 10 tokens in 4 s; 2 x 10,464 FLOP in 4 s is 5,232 FLOP/s of 10,000.
    assert figures["tokens_per_s"] == 2.5
    assert figures["mfu"] == pytest.approx(0.5232)
    assert gpu_sft.measure(found, shape, warmup=1, peak=None)["mfu"] is None


def test_without_a_gpu_it_says_so_in_one_line():
    done = run(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no CUDA device")
    assert "fix:" in line
    assert done.stdout == ""


@pytest.mark.slow
def test_the_whole_script_on_cpu(tmp_path):
    out = tmp_path / "figures.json"
    done = run("--tiny", "--rows", "mixed", "--peak-tflops", "0.1", "--json", out)
    assert done.returncode == 0, done.stderr[-2000:]
    written = json.loads(out.read_text())
    shape = gpu_sft.Shape(**written["shape"])
    plain, packed = written["runs"]
    assert (plain["packing"], packed["packing"]) == (False, True)
    for line in (plain, packed):
        steps = line["run"]["steps"]
        assert len(steps) == 4  # 1 to warm up, 3 measured
        flop = sum(shape.flop(s["lengths"], s["trained_tokens"]) for s in steps[1:])
        seconds = sum(s["seconds"] for s in steps[1:])
        assert line["mfu"] == pytest.approx(flop / seconds / 0.1e12)
        assert line["tokens"] == sum(n for s in steps[1:] for n in s["lengths"])
        assert all(8 <= n <= 128 for s in steps for n in s["lengths"])
        assert len(line["run"]["loss"]) == 4
        # A quarter of a row at most is prompt.
        assert all(0.7 < s["trained_tokens"] / sum(s["lengths"]) < 1 for s in steps)
        assert f"| {line['tokens_per_s']:,.0f} |" in done.stdout
    # One row a micro-batch without packing, several with it, in no more than 128 tokens.
    assert all(len(s["lengths"]) == 2 for s in plain["run"]["steps"])
    assert packed["rows"] > plain["rows"]
    assert all(sum(s["lengths"]) <= 2 * 128 for s in packed["run"]["steps"])
