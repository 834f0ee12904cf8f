"""Composites of the bigger patient's world, as a lore-compo folder that `hf-lore sample` asks.

    python recipes/tiny_reasoner/composites.py --limit 600 --seed 1 --out runs/tiny_reasoner/compo

Questions are drawn with lengths from 1 to the world's longest; another seed gives others, but short
questions are few, so some of them come again.
"""

import argparse
from pathlib import Path

from hf_lore.tiny.settings import read_recipe

SETTINGS = Path(__file__).with_name("patient.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=SETTINGS, help="whose world")
    parser.add_argument("--limit", type=int, default=600, help="composites")
    parser.add_argument("--num-parts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    from datasets import Dataset

    from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row
    from hf_lore.compo import build_composites
    from hf_lore.hub_layout import write_dataset_folder
    from hf_lore.tiny import tiny_questions

    world = read_recipe(options.config).world
    # Twice what is needed: pairing by subject leaves some over.
    count = 2 * options.num_parts * options.limit
    questions = tiny_questions(count, options.seed, world=world)
    composites = build_composites(
        questions, num_parts=options.num_parts, limit=options.limit, seed=options.seed
    )
    table = Dataset.from_list(
        [composite_to_row(c) for c in composites], features=LORE_COMPO_FEATURES
    )
    write_dataset_folder(
        options.out,
        {"default": table},
        split="test",
        body=f"# Composites of {len(world.families)} machines, chains of 1 to {world.max_steps}\n",
    )
    print(f"{len(composites)} composites of {options.num_parts} parts in {options.out}")


if __name__ == "__main__":
    main()
