"""The time that is written into images, as https://reproducible-builds.org defines it."""

from __future__ import annotations

import os
import re
import time

from b2ct.core.errors import B2ctError

LATEST = 2**32 - 1


def image_time(default: int | None = None) -> int:
    """Seconds since 1970: SOURCE_DATE_EPOCH if it is set, else `default`, else now.

    Raises B2ctError when it is set to something else than a number of seconds.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return int(time.time()) if default is None else default
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise B2ctError(
            f"SOURCE_DATE_EPOCH is {text!r}", hint="set it to seconds since 1970, or unset it"
        )
    return min(int(text), LATEST)
