"""docs/scale.md prints what benchmarks/scale.py computes; one column is worked by hand."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale_cost", ROOT / "benchmarks" / "scale.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_the_command_s(scale):
    printed = scale.cost_table(scale.Rates(), [3000, 6000, 8000])
    assert printed in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_a_column_by_hand(scale):
    """10 triplets, K = 2, parts of 100 tokens: 10 · 2 · (100 + 100 + 200) = 8,000 tokens. At 2
    tokens a second, 4,000 s or 1.1 hours. A store of 10 bytes a token, read at 1 MB/s: 0.08 s."""
    rates = scale.Rates(
        triplets=10, draws=2, server_tokens_s=2.0, store_bytes=10.0, read_mb_s=1.0, verify_s=60.0
    )
    assert (rates.samples, rates.tokens(100)) == (60, 8000)
    table = scale.cost_table(rates, [100])
    cells = dict(line.strip("| ").split(" | ") for line in table.splitlines()[2:])
    assert cells["hours on 1 server (GPU hours)"] == "1 (0 days)"
    assert scale.hours_on(rates, [100], 8) == [4000 / 8 / 3600]
    assert cells["verify, core hours"] == "1.0"  # 60 samples of 60 s


def test_its_rates_are_the_documented_ones(scale):
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    rates = scale.Rates()
    for figure in (
        f"{rates.server_tokens_s:,.1f}",
        f"{rates.store_bytes:g}",
        f"{rates.split_bytes:g}",
        f"{rates.read_mb_s:.0f} MB/s",
        f"{rates.client_answers_s:.0f} a second",
        f"{rates.verify_s * 1e3:g} ms",
        f"{rates.algebra_s * 1e3:g} ms",
    ):
        assert figure in text, figure
    verification = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    assert f"| {rates.verify_s * 1e3:g} |" in verification
    assert f"| {rates.algebra_s * 1e3:g} |" in verification
    assert f"some {rates.client_answers_s:.0f} a second" in (
        ROOT / "docs" / "sampling.md"
    ).read_text("utf-8")
