"""Three machines that nobody stops or changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ssh.sshds import Ground, ground


@pytest.fixture(scope="package")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("field"), "one", "hv1", "hv2") as made:
        yield made
