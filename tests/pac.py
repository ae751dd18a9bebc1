"""A PAC file judged by pacparser, the library that CVMFS links."""

from __future__ import annotations

import json
import subprocess
import sys

_CODE = """
import json, sys
import pacparser
text, urls = json.load(sys.stdin)
pacparser.init()
pacparser.parse_pac_string(text)
print(json.dumps([pacparser.find_proxy(url) for url in urls]))
"""


def ask(text: str, *urls: str) -> str:
    """What FindProxyForURL says, for several URLs line by line.

    In a process of its own: the parser has one global state, and a broken file ends it.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        input=json.dumps([text, urls]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(json.loads(done.stdout))
