"""Run a training script as it is, and write down every batch it trains on.

    python record_labels.py OUT.jsonl SCRIPT [ARGS…]

Only the collator is watched: input ids, labels and, where there is one, the attention mask.
"""

import json
import runpy
import sys


def watched(collate, out):
    def recording(self, examples):
        batch = collate(self, examples)
        seen = {k: v.tolist() for k, v in batch.items() if k.endswith(("ids", "labels", "mask"))}
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")
        return batch

    return recording


def main() -> None:
    out, script, *arguments = sys.argv[1:]
    from trl.trainer import dpo_trainer, sft_trainer

    for collator in (
        sft_trainer.DataCollatorForLanguageModeling,
        dpo_trainer.DataCollatorForPreference,
    ):
        collator.torch_call = watched(collator.torch_call, out)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
