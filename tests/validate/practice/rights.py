"""Whether a practice site can stand on this machine."""

from __future__ import annotations

import pytest

from b2ct.core.errors import B2ctError
from b2ct.validate.practice import state


def _missing() -> str:
    try:
        state.need_namespaces()
    except B2ctError as error:
        return error.message
    return ""


_WHY = _missing()
needs_namespaces = pytest.mark.skipif(bool(_WHY), reason=_WHY or "-")
