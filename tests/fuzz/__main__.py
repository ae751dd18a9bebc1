"""Feed all parsers for as long as one likes.

    .venv/bin/python -m tests.fuzz [--minutes 60] [--only "ISO 9660"]

Ends with 1 at the first input that a parser does not stand; Hypothesis prints it, made as small as
possible, and keeps it in .hypothesis, from where the next run of tests/fuzz begins.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.fuzz.targets import TARGETS
from tests.fuzz.test_fuzz import tried

EXAMPLES = 500
"""In a row, before the next parser has its turn."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", choices=[target.name for target in TARGETS])
    options = parser.parse_args()
    end = time.monotonic() + options.minutes * 60
    done: Counter[str] = Counter()
    chosen = [target for target in TARGETS if options.only in (None, target.name)]
    while time.monotonic() < end:
        for target in chosen:
            tried(target, EXAMPLES)
            done[target.name] += EXAMPLES
            if time.monotonic() > end:
                break
    for name, count in done.items():
        print(f"{name:24}{count:>9} inputs")


if __name__ == "__main__":
    main()
