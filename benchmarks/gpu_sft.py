"""SFT of a model of published size on one GPU by the recipe itself: tokens/s, MFU, peak memory.

    python benchmarks/gpu_sft.py           # one NVIDIA GPU of 80 GB; 15 GB of disk for --work-dir
    python benchmarks/gpu_sft.py --tiny    # a model of 2 layers on CPU: does the script work?

A random-weight model of DeepSeek-R1-Distill-Qwen-1.5B's shape is trained with

    accelerate launch --config_file recipes/accelerate_configs/single_gpu.yaml \
        recipes/sft_compo.py --config recipes/DeepSeek-R1-Distill-Qwen-1.5B/sft_compo.yaml

on rows of random ids, with packing and without, in two kinds: `full` rows of 15/16 to all of
--tokens (16,384), and `mixed` rows, log-uniform from 1/16 of it to all. The recipe runs as it is,
with one callback more: it notes when each step ends and which lengths the model was fed.

Speed is tokens fed (padding not counted) a second, from the end of the warm-up steps to the end of
the last step, optimizer and data loading included. MFU is the arithmetic that the loss needs,

    6 x (weights of the layers' matrices x tokens fed + weights of the head x tokens trained on)
    + 12 x layers x heads x head size x pairs,   pairs = sum over rows of length (length + 1) / 2,

over the time and the card's dense bf16 peak. Forward is 2 FLOP a weight and token, and 4 a pair and
channel (scores, then values; a token sees itself and those before it); backward is twice that.
What gradient checkpointing computes again is not counted.
"""

import argparse
import json
import math
import random
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, Qwen2Config

ROOT = Path(__file__).resolve().parents[1]
RECIPE = "recipes/sft_compo.py"
SETTINGS = "recipes/DeepSeek-R1-Distill-Qwen-1.5B/sft_compo.yaml"
LAUNCH = "recipes/accelerate_configs/single_gpu.yaml"
# https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B/blob/main/config.json
SHAPE = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
TINY = SHAPE | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
TINY |= {"num_attention_heads": 4, "vocab_size": 300, "max_position_embeddings": 512}
# Dense bf16 in TFLOP/s, by what the driver calls the card; the first name found counts. NVIDIA's
# data sheets, nvidia.com/en-us/data-center/{h200,h100,a100,l40s,l4}; where they give the figure
# with sparsity, half of it.
PEAK_TFLOPS = {
    "H200": 989,
    "H100 NVL": 835,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
}
PROMPT_TOKENS = 128
# Kind of row → the shortest one, as a share of the longest.
KINDS = {"full": 15 / 16, "mixed": 1 / 16}


@dataclass(frozen=True)
class Shape:
    """What the FLOP of a training step depend on.

    Args:
        body (`int`): weights in the layers' matrices.
        head (`int`): weights of the output matrix.
        layers (`int`): layers with attention.
        channels (`int`): heads x head size; the hidden size in this model.
    """

    body: int
    head: int
    layers: int
    channels: int

    def flop(self, lengths: Sequence[int], trained_tokens: int) -> int:
        """Forward and backward over rows of these lengths, in FLOP."""
        pairs = sum(n * (n + 1) // 2 for n in lengths)
        matrices = self.body * sum(lengths) + self.head * trained_tokens
        return 6 * matrices + 12 * self.layers * self.channels * pairs


def shape_of(config: "Qwen2Config") -> Shape:
    """Count the weights of a model that is never allocated."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    head = model.get_output_embeddings().weight.numel()
    return Shape(matrices - head, head, config.num_hidden_layers, config.hidden_size)


def peak_tflops(device: str) -> float | None:
    return next((peak for name, peak in PEAK_TFLOPS.items() if name in device), None)


def make_tokenizer(vocab_size: int) -> "PreTrainedTokenizerFast":
    """One made-up word an id, so that any ids decode to text and the recipe's checks hold.

    Byte-level, as the tokenizer class that transformers takes for this kind of model.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<eos>", "<pad>", *(f"w{i}" for i in range(vocab_size - 2))]
    backend = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(words)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>", pad_token="<pad>")


def row_lengths(kind: str, count: int, longest: int, rng: random.Random) -> list[int]:
    """Tokens a row, prompt included: log-uniform between the kind's share of `longest` and it."""
    low, high = math.log(KINDS[kind] * longest), math.log(longest)
    return [round(math.exp(rng.uniform(low, high))) for _ in range(count)]


def make_rows(
    tokenizer: "PreTrainedTokenizerFast", lengths: Sequence[int], rng: random.Random
) -> "Dataset":
    """Rows of random ids with the columns of lore-sft-compo."""
    from datasets import Dataset

    from hf_lore.sft import SFT_FEATURES

    rows = []
    for i, length in enumerate(lengths):
        prompt_tokens = min(PROMPT_TOKENS, length // 4)
        ids = [rng.randrange(2, len(tokenizer)) for _ in range(length - 1)]
        ids.append(tokenizer.eos_token_id)
        prompt, completion = ids[:prompt_tokens], ids[prompt_tokens:]
        rows.append(
            {
                "prompt": tokenizer.decode(prompt),
                "completion": tokenizer.decode(completion),
                "prompt_ids": prompt,
                "completion_ids": completion,
                "ids_source": "sampled",
                "composite_id": f"c{i}",
                "role": "x1",
                "question_id": f"q{i}",
                "sample_key": f"s{i}",
                "reasoning_tokens": len(completion) - 1,
                "teacher": "none: random ids",
                "teacher_revision": "none",
            }
        )
    return Dataset.from_list(rows, features=SFT_FEATURES)


def prepare(folder: Path, options: argparse.Namespace) -> Shape:
    """Write the model and both kinds of rows; tell the model's shape."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from hf_lore.hub_layout import write_dataset_folder

    settings = TINY if options.tiny else SHAPE
    tokenizer = make_tokenizer(settings["vocab_size"])
    config = Qwen2Config(**settings, eos_token_id=0, pad_token_id=1, bos_token_id=None)
    torch.manual_seed(0)
    # On disk in bfloat16; the recipe loads float32 weights from it.
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    needed = (options.warmup + options.steps) * options.accumulation
    for kind in options.rows:
        rng = random.Random(f"{kind} 0")
        # About three mixed rows fill one packed row.
        count = needed * (1 if kind == "full" else 3)
        rows = make_rows(tokenizer, row_lengths(kind, count, options.tokens, rng), rng)
        write_dataset_folder(folder / kind, {"sft_compo": rows}, split="train", body="# Random ids")
    return shape_of(config)


def make_meter(out: Path) -> Any:
    """A callback that writes, at the end, how long each step took and what the model was fed."""
    import torch
    from transformers import TrainerCallback

    class Meter(TrainerCallback):
        def on_train_begin(self, args: Any, *_args: Any, **more: Any) -> None:
            self.fed, self.steps, self.model = [], [], more["model"]
            self.cuda = args.device.type == "cuda"
            self.model.register_forward_pre_hook(self.note, with_kwargs=True)
            self.last = time.perf_counter()

        def note(self, _module: Any, _args: Any, batch: dict[str, Any]) -> None:
            """Keeps small tensors on the device: reading them here would make the GPU wait."""
            trained = (batch["labels"][:, 1:] != -100).sum()
            positions, mask = batch.get("position_ids"), batch.get("attention_mask")
            if positions is not None:
                self.fed.append(("positions", positions[0].clone(), trained))
            else:
                mask = torch.ones_like(batch["input_ids"]) if mask is None else mask
                self.fed.append(("lengths", mask.sum(-1), trained))

        def on_step_end(self, *_args: Any, **_more: Any) -> None:
            if self.cuda:
                torch.cuda.synchronize()
            now = time.perf_counter()
            self.steps.append((now - self.last, self.fed))
            self.fed, self.last = [], now

        def on_train_end(self, args: Any, state: Any, *_args: Any, **_more: Any) -> None:
            steps = [
                {
                    "seconds": seconds,
                    "lengths": [n for how, x, _ in fed for n in lengths_from(how, x)],
                    "trained_tokens": sum(int(trained) for _, _, trained in fed),
                }
                for seconds, fed in self.steps
            ]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 2**10  # Linux gives KiB
            if self.cuda:
                peak = torch.cuda.max_memory_allocated()
            found = {
                "steps": steps,
                "loss": [row["loss"] for row in state.log_history if "loss" in row],
                "device": torch.cuda.get_device_name() if self.cuda else "CPU",
                "how": f"attention {self.model.config._attn_implementation}, bf16 arithmetic "
                f"{args.bf16}, gradient checkpointing {args.gradient_checkpointing}",
                "peak_gib": peak / 2**30,
            }
            out.write_text(json.dumps(found))

    return Meter()


def lengths_from(how: str, values: "torch.Tensor") -> list[int]:
    """Lengths of the rows in one batch: given, or from positions that start again at 0."""
    if how == "lengths":
        return [int(n) for n in values]
    starts = [*(values == 0).nonzero().flatten().tolist(), len(values)]
    return [b - a for a, b in pairwise(starts)]


def run_metered(out: str, script: str, *arguments: str) -> None:
    """Run a recipe as `python script arguments` would, with the meter among its callbacks."""
    from transformers import trainer

    trainer.DEFAULT_CALLBACKS.append(make_meter(Path(out)))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


def train(folder: Path, kind: str, packing: bool, options: argparse.Namespace) -> dict[str, Any]:
    """One training by the recipe, in a process of its own; what the meter saw."""
    out, output = folder / "meter.json", folder / "out"
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", LAUNCH]
    command += [str(Path(__file__).resolve()), "--meter", str(out), RECIPE, "--config", SETTINGS]
    command += ["--model_name_or_path", str(folder / "model"), "--output_dir", str(output)]
    command += ["--dataset_name", str(folder / kind)]
    command += ["--max_steps", str(options.warmup + options.steps), "--logging_steps", "1"]
    command += ["--gradient_accumulation_steps", str(options.accumulation)]
    command += ["--save_strategy", "no", "--resume_from_checkpoint", "false"]
    if packing:
        command += ["--packing", "--max_length", str(options.tokens)]
    if options.attention:
        command += ["--attn_implementation", options.attention]
    if options.tiny:
        command += ["--use_cpu", "--dataloader_pin_memory", "false"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    shutil.rmtree(output, ignore_errors=True)  # the trained weights, 4 bytes each
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise SystemExit(f"error: the recipe failed on {kind} rows, packing {packing}; see above")
    return json.loads(out.read_text())


def measure(
    found: dict[str, Any], shape: Shape, warmup: int, peak: float | None
) -> dict[str, float | int | None]:
    """Figures of one training, over the steps after the warm-up. `peak` in TFLOP/s."""
    steps = found["steps"][warmup:]
    seconds = sum(s["seconds"] for s in steps)
    lengths = [n for s in steps for n in s["lengths"]]
    flop = shape.flop(lengths, sum(s["trained_tokens"] for s in steps))
    tflop_per_s = flop / seconds / 1e12
    return {
        "rows": len(lengths),
        "tokens": sum(lengths),
        "tokens_per_s": sum(lengths) / seconds,
        "tflop_per_s": tflop_per_s,
        "mfu": tflop_per_s / peak if peak else None,
        "peak_gib": found["peak_gib"],
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="2 layers, short rows, on CPU")
    parser.add_argument("--tokens", type=int, help="the longest row, and a packed one (16384)")
    parser.add_argument("--rows", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--steps", type=int, default=3, help="optimizer steps measured")
    parser.add_argument("--warmup", type=int, default=1, help="steps before them")
    parser.add_argument("--accumulation", type=int, help="rows a step; the recipe's 16")
    parser.add_argument("--attention", help="attn_implementation, for instance flash_attention_2")
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 peak of a card not listed")
    parser.add_argument("--work-dir", type=Path, help="for the model and the rows; kept")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    options.tokens = options.tokens or (128 if options.tiny else 16384)
    options.accumulation = options.accumulation or (2 if options.tiny else 16)
    limit = (TINY if options.tiny else SHAPE)["max_position_embeddings"]
    if not 64 <= options.tokens <= limit or min(options.steps, options.warmup) < 1:
        parser.error(f"--tokens from 64 to {limit}, --steps and --warmup at least 1")
    return options


def main() -> None:
    options = parse()
    import torch

    if not (options.tiny or torch.cuda.is_available()):
        refuse(
            "no CUDA device is visible, so there is no GPU to measure; fix: run this on a machine "
            "with an NVIDIA GPU, or try the script itself on CPU with --tiny"
        )
    device = "CPU" if options.tiny else torch.cuda.get_device_name()
    peak = options.peak_tflops or peak_tflops(device)
    if peak is None and not options.tiny:
        refuse(
            f"the peak of {device!r} is not in this script's table, so there is no MFU; fix: "
            "--peak-tflops with its dense bf16 figure"
        )
    folder = (options.work_dir or Path(tempfile.mkdtemp(prefix="gpu_sft_"))).resolve()
    table = []
    try:
        shape = prepare(folder, options)
        for kind, packing in product(options.rows, (False, True)):
            found = train(folder, kind, packing, options)
            figures = measure(found, shape, options.warmup, peak)
            table.append({"kind": kind, "packing": packing, **figures, "run": found})
    finally:
        if options.work_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
        if table:  # also what was measured before one failed, out of memory for instance
            report(table, shape, options, peak)
    if options.json:
        options.json.write_text(json.dumps({"shape": vars(shape), "runs": table}, indent=2))


def refuse(reason: str) -> NoReturn:
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(2)


def report(
    table: list[dict[str, Any]], shape: Shape, options: argparse.Namespace, peak: float | None
) -> None:
    run = table[0]["run"]
    print(
        f"{run['device']}: {shape.body + shape.head:,} weights in matrices, float32; {run['how']}; "
        f"{options.accumulation} rows of at most {options.tokens:,} tokens a step, {options.steps} "
        f"steps after {options.warmup}"
    )
    print(f"peak {peak:g} TFLOP/s" if peak else "peak not known: no MFU")
    print("\n| rows | packing | tokens a step | tokens/s | TFLOP/s | MFU | peak memory (GiB) |")
    print("|---|---|---|---|---|---|---|")
    for line in table:
        mfu = "–" if line["mfu"] is None else f"{line['mfu']:.1%}"
        print(
            f"| {line['kind']} | {'yes' if line['packing'] else 'no'} "
            f"| {line['tokens'] / options.steps:,.0f} | {line['tokens_per_s']:,.0f} "
            f"| {line['tflop_per_s']:.3g} | {mfu} | {line['peak_gib']:.2f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--meter"]:
        run_metered(*sys.argv[2:])
    else:
        main()
