"""The .rpm, made by rpmbuild from a spec that only lists what is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from b2ct.cli import completion
from b2ct.core.run import run
from packages import tree
from packages.about import DESCRIPTION, LICENCE, ROOT, SUMMARY, About, maintainer

_SPEC = """\
%global debug_package %{{nil}}
%global __os_install_post %{{nil}}
%global _build_id_links none
%global _binary_payload w9.zstdio
%global _buildhost localhost
%global source_date_epoch_from_changelog 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1

Name: b2ct
Version: {version}
Release: {revision}
Summary: {summary}
License: {licence}
Group: Applications/System
Packager: {maintainer}
BuildArch: x86_64
AutoReqProv: no
# By its path: the package has another name from release to release.
Requires: /usr/bin/python{python}
# What the compiled parts link.
Requires: libc.so.6(GLIBC_2.28)(64bit)
Requires: libgcc_s.so.1()(64bit)
Requires: libstdc++.so.6()(64bit)
Recommends: ca-certificates

%description
{description}
%install
mkdir -p %{{buildroot}}
cp -al '{root}/.' %{{buildroot}}/

%posttrans
/usr/lib/b2ct/libexec/installed.sh

%preun
if [ "$1" = 0 ]; then /usr/lib/b2ct/libexec/removing.sh; fi

%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

%files
%defattr(-, root, root, -)
{files}
%changelog
* {day} {maintainer} - {version}-{revision}
- Made from commit {commit}.
"""
_OWN = (
    *("usr/lib/b2ct", "usr/share/doc/b2ct", "usr/share/licenses/b2ct"),
    *("usr/share/bash-completion", "usr/share/zsh", "usr/share/fish"),
)
"""Folders that B2CT has, some together with the shells; all others are the distribution's."""


def name(about: About) -> str:
    """The file's name."""
    return f"b2ct-{about.version}-{about.revision}.x86_64.rpm"


def build(files: Path, about: About, work: Path, out: Path) -> Path:
    """Pack the tree into a .rpm in the folder `out`. Raises B2ctError."""
    root = work / "rpm"
    tree.copy(files, root)
    tree.put(root / "usr/share/zsh/site-functions/_b2ct", completion.script("zsh"))
    tree.put(root / "usr/share/licenses/b2ct/LICENSE", (ROOT / "LICENSE").read_bytes())
    tree.settle(root, about.epoch)
    spec = work / "b2ct.spec"
    day = datetime.fromtimestamp(about.epoch, UTC)
    spec.write_text(
        _SPEC.format(
            version=about.version, revision=about.revision, python=about.python, licence=LICENCE,
            root=root, summary=SUMMARY[0].upper() + SUMMARY[1:], description=DESCRIPTION,
            files="\n".join(_listed(root)), day=f"{day:%a %b %d %Y}", maintainer=maintainer(),
            commit=about.commit or "unknown",
        )
    )  # fmt: skip
    words = ["rpmbuild", "-bb", "--quiet", "--target", "x86_64-linux"]
    words += ["--define", f"_topdir {work / 'top'}", "--define", f"_rpmdir {out}"]
    words += ["--define", "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"]
    run([*words, spec], timeout=600, env={"SOURCE_DATE_EPOCH": str(about.epoch)})
    return out / name(about)


def _listed(root: Path) -> Iterator[str]:
    """Lines of %files. Names with a blank would need quotes; the spec's own signs are doubled."""
    for path in sorted(root.rglob("*")):
        inside = str(path.relative_to(root))
        shown = '"/' + inside.replace("%", "%%") + '"'
        if path.is_dir() and not path.is_symlink():
            if inside.startswith(_OWN):
                yield f"%dir {shown}"
        elif inside.startswith("usr/share/licenses"):
            yield f"%license {shown}"
        else:
            yield shown
