"""The files that both kinds of package have, laid out as they will be installed.

B2CT and what it needs lie in /usr/lib/b2ct, a virtual environment: only B2CT sees them, and nothing
of the distribution's Python but its standard library is seen by B2CT.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from b2ct.cli import completion, manual
from b2ct.core.archives import unpack
from b2ct.core.run import run
from b2ct.supply import program
from packages import services
from packages.about import ROOT, About

HOME = "usr/lib/b2ct"
_COMPLETION = {
    "bash": "usr/share/bash-completion/completions/b2ct",
    "fish": "usr/share/fish/vendor_completions.d/b2ct.fish",
}
_START = """\
#!/{home}/bin/python3
from b2ct.cli.main import main

main()
"""


def make(root: Path, about: About) -> None:
    """Fill the folder, which does not exist yet. Raises B2ctError."""
    around(root, about)
    _wheels(root / HOME / "lib" / f"python{about.python}" / "site-packages", about.python)


def around(root: Path, about: About) -> None:
    """All but the wheels."""
    _environment(root / HOME, about.python)
    link(root / "usr/bin/b2ct", "../lib/b2ct/bin/b2ct")
    for shell, target in _COMPLETION.items():
        put(root / target, completion.script(shell))
    for name, page in manual.pages().items():
        put(root / f"usr/share/man/man1/{name}.gz", gzip.compress(page.encode(), mtime=0))
    for target, text in services.files().items():
        put(root / target, text)
    for name in ("installed.sh", "removing.sh"):
        put(root / HOME / "libexec" / name, (ROOT / "packages" / "files" / name).read_text())


def copy(source: Path, target: Path) -> None:
    """The same tree once more; files are shared until one is replaced."""
    shutil.copytree(source, target, symlinks=True, copy_function=_linked)


def put(path: Path, content: str | bytes) -> None:
    """A file with its folder; executable if it starts with `#!`."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o755 if data.startswith(b"#!") else 0o644)


def link(path: Path, target: str) -> None:
    """A symbolic link with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def settle(root: Path, epoch: int) -> None:
    """Nothing tells who made it, where and when: modes, and the one time."""
    for path in (*_below(root), root):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _below(folder: Path) -> Iterator[Path]:
    """All that is in it, what is in a folder before the folder."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        yield path


def _environment(home: Path, python: str) -> None:
    """What `venv` makes, for an interpreter that need not be here."""
    version = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
    put(home / "pyvenv.cfg", version)
    link(home / "bin/python3", f"../../../bin/python{python}")
    link(home / "bin/python", "python3")
    put(home / "bin/b2ct", _START.format(home=HOME))


def _wheels(site: Path, python: str) -> None:
    """Unpack what `b2ct self deploy` sends to a control node: the same wheels, hashes compared."""
    with TemporaryDirectory(prefix="b2ct-") as work:
        with tarfile.open(fileobj=BytesIO(program.obtain(python).tar)) as archive:
            unpack(archive, Path(work))
        held = Path(work, program.FOLDER)
        words = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        words += ["--no-deps", "--no-index", "--no-compile", f"--find-links={held / 'wheels'}"]
        words += ["--require-hashes", f"--requirement={held / 'requirements.txt'}"]
        words += [f"--target={site}", *program.target(python)]
        run(words, timeout=600)
    for name in ("bin", "share"):  # programs of the libraries, which nobody asked for
        shutil.rmtree(site / name, ignore_errors=True)
    for path in _below(site):
        if path.is_file():
            path.chmod(0o644)
    for record in site.glob("*.dist-info/RECORD"):  # they name what was taken out
        kept = [line for line in record.read_text().splitlines() if not line.startswith("../")]
        record.write_text("\n".join(sorted(kept)) + "\n")


def _linked(source: str, target: str) -> str:
    os.link(source, target, follow_symlinks=False)
    return target
