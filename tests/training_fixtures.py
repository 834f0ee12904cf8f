"""A small SFT dataset in Hub layout, with the schema of lore-sft-compo, and a model to train."""

import random
from pathlib import Path

from datasets import Dataset

from hf_lore.hub_layout import write_dataset_folder
from hf_lore.sft import SFT_FEATURES
from model_fixtures import make_llama, make_tokenizer


def make_rows(tokenizer, *, composites=6, seed=0, opens_with_newline=False):
    """Rows whose completions are ids as a model could emit them, not re-tokenised text.

    Every third completion spells "12" as the ids of "1" and "2": text that would come back as one
    merged id if it were tokenised again.
    """
    rng = random.Random(seed)
    rows = []
    for c in range(composites):
        for role in ("x1", "x2", "composed"):
            question = f"Question {c} {role}: what is {rng.randrange(90)}+{rng.randrange(9)}?"
            prompt = f"<|user|>{question}<|assistant|><think>\n"
            prompt_ids = tokenizer(prompt)["input_ids"]
            thought = "".join(rng.choice("abc dth\n\n") for _ in range(rng.randrange(5, 40)))
            start = "\n" if opens_with_newline else "so "
            text = f"{start}{thought}</think>\n\\boxed{{{rng.randrange(100)}}}<|eos|>"
            completion_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(rows) % 3 == 2:
                one, two = tokenizer.convert_tokens_to_ids(["1", "2"])
                completion_ids[:0] = [one, two]
            rows.append(
                {
                    "prompt": prompt,
                    "completion": tokenizer.decode(completion_ids, skip_special_tokens=False),
                    "prompt_ids": prompt_ids,
                    "completion_ids": completion_ids,
                    "ids_source": "sampled",
                    "composite_id": f"c-{c}",
                    "role": role,
                    "question_id": f"q-{c}-{role}",
                    "sample_key": f"s-{c}-{role}",
                    "reasoning_tokens": len(completion_ids) // 2,
                    "teacher": "teacher",
                    "teacher_revision": "main",
                }
            )
    return rows


def write_sft_folder(folder: Path, rows) -> Path:
    dataset = Dataset.from_list(rows, features=SFT_FEATURES)
    configs = dict.fromkeys(("sft_compo", "sft_control", "sft_anti"), dataset)
    write_dataset_folder(folder, configs, split="train", body="# rows", default="sft_compo")
    return folder


def save_student(folder: Path, *, context=512, eos_bias=0.0, **tokenizer_options) -> Path:
    tokenizer = make_tokenizer(**tokenizer_options)
    model = make_llama(tokenizer, context=context, eos_bias=eos_bias)
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.7
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
