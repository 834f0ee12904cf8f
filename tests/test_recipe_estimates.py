"""Memory and time in the recipes' READMEs: each section is what the arithmetic here gives. And the
figures to expect, which are the paper's.

    python tests/test_recipe_estimates.py    # write the sections anew

They are estimates. What can be counted without a GPU is counted: weights, and the bytes that one
layer keeps for its backward pass.
"""

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
HEADING = "## Memory and time: estimates, not measured\n"
# Longest row: the sampling budget of 10,240 and a prompt. Mean row: assumed.
LONGEST, MEAN, ROWS, EPOCHS, SHARE = 11_000, 4_000, 3_900, 5, 0.4
# Dense bf16 TFLOP/s; NVIDIA's data sheets, nvidia.com/en-us/data-center/{h100,a100}.
GPUS = {"H100 80 GB": 989, "A100 80 GB": 312}
GPU_BYTES = 80e9


@dataclass(frozen=True)
class Model:
    """A published config.json (huggingface.co/OWNER/NAME/blob/main/config.json) and our counts.

    Args:
        kind (`str`): transformers' configuration class.
        config (`dict`): the sizes in it.
        gpus (`int`): that the README's command uses.
        layer_bytes (`int`): kept for the backward pass of one layer, bytes a token.
    """

    kind: str
    config: dict[str, object]
    gpus: int
    layer_bytes: int

    def make(self, **changes):
        import transformers

        tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        return getattr(transformers, self.kind)(**{**self.config, **tokens, **changes})


def sizes(hidden, intermediate, layers, heads, kv_heads, vocab, tied, **more):
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "tie_word_embeddings": tied,
        **more,
    }


MODELS = {
    "DeepSeek-R1-Distill-Qwen-1.5B": Model(
        "Qwen2Config", sizes(1536, 8960, 28, 12, 2, 151936, False), 1, 119_864
    ),
    "DeepSeek-R1-Distill-Qwen-7B": Model(
        "Qwen2Config", sizes(3584, 18944, 28, 28, 4, 152064, False), 8, 262_264
    ),
    "DeepSeek-R1-Distill-Llama-8B": Model(
        "LlamaConfig", sizes(4096, 14336, 32, 32, 8, 128256, False), 8, 242_824
    ),
    "Phi-4-mini-reasoning": Model(
        "Phi3Config", sizes(3072, 8192, 32, 24, 8, 200064, True), 8, 158_824
    ),
    "Qwen3-4B": Model(
        "Qwen3Config", sizes(2560, 9728, 36, 32, 8, 151936, True, head_dim=128), 8, 196_904
    ),
}


@dataclass(frozen=True)
class Counts:
    weights: int
    layer: int
    vocabulary: int  # embeddings, and the output matrix where it is another
    matrices: int  # weights that every token is multiplied by
    channels: int  # heads x head size


def counts(model):
    import torch
    from transformers import AutoModelForCausalLM

    config = model.make()
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(config)
    linear = {id(m.weight): m.weight for m in made.modules() if isinstance(m, torch.nn.Linear)}
    embeddings = made.get_input_embeddings().weight.numel()
    head_size = (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    return Counts(
        weights=sum(p.numel() for p in made.parameters()),
        layer=sum(p.numel() for p in made.model.layers[0].parameters()),
        vocabulary=embeddings * (1 if config.tie_word_embeddings else 2),
        matrices=sum(w.numel() for w in linear.values()),
        channels=config.num_attention_heads * head_size,
    )


def memory(model, c):
    """(what, arithmetic, bytes) on each GPU."""
    layers, hidden = model.config["num_hidden_layers"], model.config["hidden_size"]
    shared = f" / {model.gpus} GPUs" if model.gpus > 1 else ""
    if model.gpus == 1:
        copies = ("bfloat16 copies of the weights, which autocast keeps for a forward pass",)
        copies += (f"2 bytes x {c.weights / 1e9:.3f} B", 2 * c.weights)
    else:
        copies = ("gathered in bfloat16: vocabulary matrices, and a layer with the next one",)
        copies += (
            f"2 bytes x ({c.vocabulary / 1e9:.3f} B + 2 x {c.layer / 1e9:.3f} B)",
            2 * (c.vocabulary + 2 * c.layer),
        )
    return [
        (
            "weights, gradients and Adam's two moments, float32",
            f"(4 + 4 + 8) bytes x {c.weights / 1e9:.3f} B{shared}",
            16 * c.weights / model.gpus,
        ),
        copies,
        (
            "the input of each layer, float32 at most: what gradient checkpointing keeps",
            f"4 bytes x {layers} layers x {hidden:,} x {LONGEST:,} tokens",
            4 * layers * hidden * LONGEST,
        ),
        (
            "one layer, computed again for its backward pass",
            f"{model.layer_bytes:,} bytes x {LONGEST:,} tokens",
            model.layer_bytes * LONGEST,
        ),
    ]


def section(model, c):
    """The README's section, from its heading to the end."""
    on = "one GPU" if model.gpus == 1 else f"{model.gpus} GPUs"
    table = memory(model, c)
    layers = model.config["num_hidden_layers"]
    pairs = (MEAN + 1) / 2
    flop = 8 * c.matrices + 16 * layers * c.channels * pairs
    tokens = ROWS * MEAN * EPOCHS
    how_much = [
        "| on each GPU | arithmetic | GB |",
        "|---|---|---|",
        *(f"| {what} | {how} | {size / 1e9:.1f} |" for what, how, size in table),
        f"| together | | {sum(size for *_, size in table) / 1e9:.1f} |",
    ]
    how_long = [
        f"| GPU | peak, dense bf16 | at {SHARE:.0%} of it (assumed) |",
        "|---|---|---|",
    ]
    for name, tflops in GPUS.items():
        hours = tokens * flop / (SHARE * tflops * 1e12) / 3600
        each = f", {60 * hours / model.gpus:.0f} minutes on {model.gpus}" if model.gpus > 1 else ""
        how_long.append(f"| {name} | {tflops} TFLOP/s | {hours:.1f} GPU-hours{each} |")
    blocks = [
        HEADING.strip(),
        f"Memory with `sft_compo.yaml` on {on}, one row of {LONGEST:,} tokens at a time (the "
        "sampling budget and a prompt):",
        "\n".join(how_much),
        "The logits, which trl never builds whole, and what the allocator wastes come on top: a "
        "GPU of 80 GB has room. Bytes of a layer are counted on CPU under bfloat16 autocast, with "
        "attention that keeps no matrix of scores.",
        f"Time: {ROWS:,} rows of {MEAN:,} tokens (assumed), {EPOCHS} epochs: {tokens / 1e6:.0f} M "
        "tokens. A token costs 8 FLOP a weight in a matrix (forward 2, backward 4, and 2 for the "
        "forward pass that gradient checkpointing repeats) and 16 a layer, attention channel and "
        f"token that it sees: 8 x {c.matrices / 1e9:.3f} B + 16 x {layers} x {c.channels:,} x "
        f"{pairs:,} = {flop / 1e9:.1f} GFLOP.",
        "\n".join(how_long),
        "LoRA (`--use_peft --lora_r 32`) needs gradients and moments of its adapters only, and the "
        f"weights once: 2 bytes x {c.weights / 1e9:.3f} B = {2 * c.weights / 1e9:.1f} GB with "
        "`--dtype bfloat16`.",
    ]
    return "\n\n".join(b if b[0] in "#|" else textwrap.fill(b, 104) for b in blocks) + "\n"


@pytest.mark.parametrize("name", MODELS)
def test_the_readme_says_what_the_arithmetic_gives(name):
    pytest.importorskip("transformers")
    model = MODELS[name]
    c = counts(model)
    text = (RECIPES / name / "README.md").read_text(encoding="utf-8")
    assert text[text.index(HEADING) :] == section(model, c)
    assert sum(size for *_, size in memory(model, c)) < GPU_BYTES
    # What the arithmetic takes for granted.
    settings = yaml.safe_load((RECIPES / name / "sft_compo.yaml").read_text())
    assert settings["per_device_train_batch_size"] == 1
    assert settings["gradient_checkpointing"] is True
    assert "dtype" not in settings  # so float32, as training/student.py chooses
    assert settings["num_train_epochs"] == EPOCHS
    assert settings["gradient_accumulation_steps"] * model.gpus == 16
    sample = yaml.safe_load((RECIPES / name / "sample.yaml").read_text())
    assert sample["max_new_tokens"] < LONGEST
    kind = "single_gpu" if model.gpus == 1 else "fsdp2"
    assert f"accelerate_configs/{kind}.yaml" in text
    processes = yaml.safe_load((RECIPES / "accelerate_configs" / f"{kind}.yaml").read_text())
    assert processes["num_processes"] == model.gpus


def test_figures_by_hand():
    """R1-Distill-Qwen-1.5B, without the code above."""
    pytest.importorskip("transformers")
    model = MODELS["DeepSeek-R1-Distill-Qwen-1.5B"]
    c = counts(model)
    layer = 2 * 1536**2 + 2 * 1536 * 256 + 3 * 1536 * 8960
    assert c.matrices == 28 * layer + 1536 * 151936 == 1_543_569_408
    # Biases of queries, keys and values 1536 + 2 x 256; two norms a layer and a last one.
    small = 28 * (1536 + 512 + 2 * 1536) + 1536
    assert c.weights == c.matrices + 1536 * 151936 + small == 1_777_088_000
    assert [round(size / 1e9, 1) for *_, size in memory(model, c)] == [28.4, 3.6, 1.9, 1.3]
    # 12.35 GFLOP of matrices and 1.38 of attention; x 78e6 / (0.4 x 989e12) / 3600 = 0.75 hours.
    assert "= 13.7 GFLOP" in " ".join(section(model, c).split())
    assert "| H100 80 GB | 989 TFLOP/s | 0.8 GPU-hours |" in section(model, c)


@pytest.mark.parametrize(
    "name",
    [n if "1.5B" in n else pytest.param(n, marks=pytest.mark.slow) for n in MODELS],
)
def test_the_bytes_that_a_layer_keeps(name):
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    model = MODELS[name]
    tokens = 32
    made = AutoModelForCausalLM.from_config(model.make(num_hidden_layers=1, vocab_size=100)).train()
    (layer,) = made.model.layers
    weights = {p.untyped_storage().data_ptr() for p in made.parameters()}
    # Copies of the weights have their shapes, or those turned round; they are counted elsewhere.
    shapes = {tuple(p.shape) for p in layer.parameters() if p.dim() == 2}
    shapes |= {shape[::-1] for shape in shapes}
    inside, kept = [], {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if inside and storage.data_ptr() not in weights and tuple(tensor.shape) not in shapes:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so no address comes again
        return tensor

    def enter(_module, args):
        assert args[0].dtype == torch.float32  # between layers, also under autocast
        inside.append(True)

    layer.register_forward_pre_hook(enter)
    layer.register_forward_hook(lambda *_: inside.clear())
    with (
        torch.autocast("cpu", torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        made(input_ids=torch.arange(tokens)[None], use_cache=False)
    assert sum(size for size, _ in kept.values()) == model.layer_bytes * tokens


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_to_expect_are_the_papers(name):
    from hf_lore.paper import NUM_SAMPLES, PAPER_MODELS

    text = (RECIPES / name / "README.md").read_text(encoding="utf-8")
    said = text[text.index("## What the paper reports") : text.index(HEADING)]
    found = [m for m in PAPER_MODELS if m.name == name.removeprefix("DeepSeek-")]
    if not found:
        assert name == "Qwen3-4B"
        assert "trains no model of this family" in said
        return

    def row(what, decimals, base, trained, control=None):
        control = f" (SFT control {control})" if control else ""
        after = "not published" if trained is None else f"{trained:.{decimals}f}"
        return f"| {what} | {base:.{decimals}f}{control} | {after} |"

    (m,) = found
    assert row("nMAD_C", 3, m.nmad_compute, m.nmad_compute_sft) in said
    assert row("nMAD_logA", 3, m.nmad_log_accuracy, m.nmad_log_accuracy_sft) in said
    passed = (m.pass_at_1, m.pass_at_1_sft, m.pass_at_1_control)
    assert row("mean pass@1 of six benchmarks", 1, *passed) in said
    assert f"K = {NUM_SAMPLES}, temperature {0.8 if 'Phi' in name else 0.6}," in said


def write():
    for name, model in MODELS.items():
        path = RECIPES / name / "README.md"
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index(HEADING)] + section(model, counts(model)))
        print(re.findall(r"together \| \| ([\d.]+)", path.read_text()), path)


if __name__ == "__main__":
    sys.exit(write())
