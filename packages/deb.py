"""The .deb, made by dpkg-deb; deb-control(5) says what its fields mean."""

from __future__ import annotations

import gzip
from pathlib import Path

from b2ct.cli import completion
from b2ct.core import hosttools
from b2ct.core.run import run
from packages import tree
from packages.about import DESCRIPTION, LICENCE, ROOT, SUMMARY, About, maintainer

_DOC = "usr/share/doc/b2ct"
_LIBRARIES = ("libc6 (>= 2.28)", "libgcc-s1", "libstdc++6")
"""What the compiled parts link; a test compares."""
_ALWAYS_THERE = {"dpkg", "util-linux"}
"""Essential packages, which none may name."""
_SCRIPTS = {
    "postinst": 'if [ "$1" = configure ]; then /usr/lib/b2ct/libexec/installed.sh; fi',
    # Before an upgrade the byte code goes, so that dpkg can remove folders; the services stay.
    "prerm": 'if [ "$1" = remove ]; then /usr/lib/b2ct/libexec/removing.sh; fi\n'
    "find /usr/lib/b2ct/lib -depth -name __pycache__ -exec rm -rf {} +",
    "postrm": "if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi",
}


def name(about: About) -> str:
    """The file's name."""
    return f"b2ct_{about.version}-{about.revision}_amd64.deb"


def build(files: Path, about: About, work: Path, out: Path) -> Path:
    """Pack the tree into a .deb in the folder `out`. Raises B2ctError."""
    root = work / "deb"
    tree.copy(files, root)
    tree.put(root / "usr/share/zsh/vendor-completions/_b2ct", completion.script("zsh"))
    tree.put(root / _DOC / "copyright", _copyright())
    tree.put(root / _DOC / "changelog.Debian.gz", gzip.compress(_changelog(about), mtime=0))
    overrides = (ROOT / "packages" / "files" / "lintian-overrides").read_text()
    tree.put(root / "usr/share/lintian/overrides/b2ct", overrides)
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())
    tree.put(root / "DEBIAN/control", _control(about, size // 1024 + 1))
    for script, text in _SCRIPTS.items():
        tree.put(root / "DEBIAN" / script, f"#!/bin/sh\nset -e\n{text}\n")
    tree.settle(root, about.epoch)
    made = out / name(about)
    words = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--threads-max=2", "--build"]
    run([*words, root, made], timeout=600, env={"SOURCE_DATE_EPOCH": str(about.epoch)})
    return made


def _control(about: About, kibibytes: int) -> str:
    major, minor = about.python.split(".")
    depends = [f"python3 (>= {about.python}~)", f"python3 (<< {major}.{int(minor) + 1}~)"]
    fields = {
        "Package": "b2ct",
        "Version": f"{about.version}-{about.revision}",
        "Architecture": "amd64",
        "Maintainer": maintainer(),
        "Installed-Size": kibibytes,
        "Depends": ", ".join([*depends, f"python{about.python}", *_LIBRARIES]),
        "Recommends": ", ".join(["ca-certificates", "python3-pip", *_tools(essential=True)]),
        "Suggests": ", ".join(_tools(essential=False)),
        "Section": "admin",
        "Priority": "optional",
        "Description": SUMMARY + "".join(f"\n {line}" for line in DESCRIPTION.splitlines()),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def _tools(*, essential: bool) -> list[str]:
    """Debian's packages with the host tools of the verbs, those of the main job or all others."""
    main: set[str] = set()
    further: set[str] = set()
    for tool in hosttools.tools():
        if tool.use != "test" and tool.packages["debian"] != "-":
            (main if tool.use in hosttools.ESSENTIAL else further).add(tool.packages["debian"])
    return sorted((main if essential else further - main) - _ALWAYS_THERE)


def _copyright() -> str:
    """In the form of Debian's DEP-5; the libraries have their own licences beside them."""
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: B2CT
Comment: The libraries in /usr/lib/b2ct/lib/python*/site-packages have licences of their own, which
 lie beside each in its .dist-info folder.

Files: *
Copyright: 2026 the B2CT project
License: {LICENCE}
 On Debian systems the text of the Apache License 2.0 is /usr/share/common-licenses/Apache-2.0.
"""


def _changelog(about: About) -> bytes:
    return f"""\
b2ct ({about.version}-{about.revision}) unstable; urgency=medium

  * Made from commit {about.commit or "unknown"}.

 -- {maintainer()}  {about.day}
""".encode()
