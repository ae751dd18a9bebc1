from __future__ import annotations

import subprocess
from pathlib import Path

from b2ct.validate.facts import accounts, paths
from b2ct.validate.facts.paths import ONE, Entry


def entry(path: str, mode: int, user: str = "oneadmin") -> Entry:
    return Entry(path, mode, user, "oneadmin", 1)


def test_real_files_by_the_real_stat(tmp_path: Path) -> None:
    secret, odd = tmp_path / "secret", tmp_path / "a|b c"
    for path, mode in ((secret, 0o640), (odd, 0o604)):
        path.write_text("x")
        path.chmod(mode)
    names = [str(secret), str(odd), str(tmp_path / "missing")]
    text = subprocess.run(
        ["stat", "-L", "-c", "%a|%U|%G|%s|%n", "--", *names],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found = paths.parse(text)
    assert (found[str(secret)].mode, found[str(secret)].open) == (0o640, False)
    assert (found[str(odd)].mode, found[str(odd)].open) == (0o604, True)
    assert str(tmp_path / "missing") not in found
    assert str(found[str(secret)]).endswith("mode 0640")


def test_keys_that_sshd_would_ignore_or_that_others_may_read() -> None:
    folder = entry(f"{ONE}/.ssh", 0o700)
    keys = entry(f"{ONE}/.ssh/authorized_keys", 0o600)
    private = entry(f"{ONE}/.ssh/id_ed25519", 0o600)
    public = entry(f"{ONE}/.ssh/id_ed25519.pub", 0o644)
    good = {one.path: one for one in (folder, keys, private, public)}
    assert accounts.loose(good) is None
    assert accounts.loose({}) == (f"{ONE}/.ssh", "missing")
    for bad in (
        entry(folder.path, 0o755), entry(folder.path, 0o700, "root"),
        entry(keys.path, 0o620), entry(private.path, 0o640), entry(public.path, 0o644, "root"),
    ):  # fmt: skip
        found = accounts.loose({**good, bad.path: bad})
        assert found is not None
        assert found[0] == bad.path
