"""Run a training script as it is, and write down every batch it trains on.

    python record_labels.py OUT.jsonl SCRIPT [ARGS…]

Only the collator is watched: input ids, labels and, where there is one, the attention mask.
"""

import json
import runpy
import sys


def main() -> None:
    out, script, *arguments = sys.argv[1:]
    from trl.trainer import sft_trainer

    collate = sft_trainer.DataCollatorForLanguageModeling.torch_call

    def watched(self, examples):
        batch = collate(self, examples)
        with open(out, "a", encoding="utf-8") as file:
            file.write(
                json.dumps({k: v.tolist() for k, v in batch.items() if "label" in k or "ids" in k})
                + "\n"
            )
        return batch

    sft_trainer.DataCollatorForLanguageModeling.torch_call = watched
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
