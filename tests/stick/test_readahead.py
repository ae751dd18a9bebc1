"""Reading ahead: order, errors of the thread, stopping early."""

from __future__ import annotations

import threading

import pytest

from b2ct.stick.blockio import CHUNK
from b2ct.stick.readahead import ReadAhead


def fill(view: memoryview, offset: int) -> int:
    view[:8] = offset.to_bytes(8, "big")
    return offset


def test_order_and_length() -> None:
    end = 3 * CHUNK + 512
    with ReadAhead(fill, 0, end) as chunks:
        seen = [(at, len(view), int.from_bytes(view[:8], "big"), got) for at, view, got in chunks]
    assert [one[0] for one in seen] == [0, CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert [one[1] for one in seen] == [CHUNK, CHUNK, CHUNK, 512]
    assert all(at == stored == got for at, _, stored, got in seen)


def test_an_error_comes_out_where_the_buffers_are_used() -> None:
    def broken(view: memoryview, offset: int) -> None:
        if offset:
            raise OSError("broken")

    seen = []
    with pytest.raises(OSError, match="broken"), ReadAhead(broken, 0, 4 * CHUNK) as chunks:
        seen += [offset for offset, _, _ in chunks]
    assert seen in ([], [0])


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with ReadAhead(fill, 0, 100 * CHUNK) as chunks:
        next(iter(chunks))
    assert threading.active_count() == before


def test_nothing_to_read() -> None:
    with ReadAhead(fill, 0, 0) as chunks:
        assert list(chunks) == []
