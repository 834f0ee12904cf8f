"""`record_labels.py` with a file for each process: OUT.jsonl becomes OUT.jsonl.RANK."""

import os
import sys

from record_labels import main

if __name__ == "__main__":
    sys.argv[1] += "." + os.environ.get("RANK", "0")
    main()
