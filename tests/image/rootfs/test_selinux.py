"""Labels of trees that are to be enforcing, by the real setfiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image.rootfs import selinux
from b2ct.image.rootfs.userns import Namespace
from b2ct.image.rootfs.workspace import Workspace

CONTEXTS = """\
/.*\tsystem_u:object_r:default_t:s0
/usr/bin(/.*)?\tsystem_u:object_r:bin_t:s0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    policy = tree / "etc/selinux/targeted/contexts/files"
    policy.mkdir(parents=True)
    (policy / "file_contexts").write_text(CONTEXTS)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/program").touch()
    configure(tree, "enforcing")
    return tree


def configure(tree: Path, mode: str, policy: str = "targeted") -> None:
    text = f"# SELINUX=disabled\nSELINUX={mode}\nSELINUXTYPE={policy}\n"
    (tree / "etc/selinux/config").write_text(text)


def labelled(tree: Path) -> list[str]:
    notes: list[str] = []
    work = Workspace(tree.parent, 0, Namespace(as_root=True), tree.parent, note=notes.append)
    selinux.label(tree, work)
    return notes


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write labels")
def test_an_enforcing_tree_is_labelled_from_its_own_policy(tree: Path) -> None:
    (tree / ".autorelabel").touch()
    assert labelled(tree) == []
    program = os.getxattr(tree / "usr/bin/program", "security.selinux")
    assert program.rstrip(b"\0") == b"system_u:object_r:bin_t:s0"
    assert os.getxattr(tree, "security.selinux").startswith(b"system_u:object_r:default_t:s0")
    assert not (tree / ".autorelabel").exists()


def test_where_labels_are_refused_the_first_boot_makes_them(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selinux, "may_label", lambda _tree: False)
    (note,) = labelled(tree)
    assert "boots once more" in note
    assert (tree / ".autorelabel").exists()


@pytest.mark.parametrize("mode", ["permissive", "disabled"])
def test_a_tree_that_enforces_nothing_is_left_alone(tree: Path, mode: str) -> None:
    configure(tree, mode)
    assert labelled(tree) == []
    assert "security.selinux" not in os.listxattr(tree / "usr/bin/program")
    assert not (tree / ".autorelabel").exists()


def test_enforcing_without_a_policy_is_refused(tree: Path) -> None:
    configure(tree, "enforcing", "mls")
    with pytest.raises(B2ctError, match="policy 'mls' is not installed"):
        labelled(tree)
