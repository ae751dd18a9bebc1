"""Practice packages in rpm's format, in a signed dnf repository.

One spec file describes them all, so that rpmbuild starts once. rpmbuild(8), rpm-spec(7).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from b2ct.core.run import need_tool, run

from . import tree
from .key import Signer
from .package import Item, PracticePackage

# The dist tag is part of the file names only; dnf looks at the packages.
RELEASE = "1"
# What a package of the distribution may not depend on: the host that it was built on.
_SETTINGS = {
    "_build_id_links": "none",
    "_buildhost": "practice.example.org",
    "_binary_payload": "w1.gzdio",  # every rpm reads it, and it is quick to write
    "__os_install_post": "%{nil}",
    "__check_files": "%{nil}",
    "debug_package": "%{nil}",
    "_enable_debug_packages": "0",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    "optflags": "-O2",
    "_build_cpu": "x86_64",
    "_arch": "x86_64",
}


def repository(
    folder: Path,
    packages: Iterable[PracticePackage],
    *,
    signer: Signer,
    epoch: int,
    work: Path,
) -> None:
    """Write a dnf repository (baseurl) of the packages.

    `folder` is made; `work` is scratch space. Raises CommandError when rpmbuild, rpmsign or
    createrepo_c fails.
    """
    made = tuple(packages)
    source = work / "tree"
    source.mkdir(parents=True)
    # The modes in the packages are those of the spec file.
    items = [item for package in made for item in package.items]
    tree.write(items, source, epoch, at_least=0o700)
    (work / "practice.spec").write_text(spec(made, source))
    folder.mkdir(parents=True)
    defines = [
        word for name, value in _SETTINGS.items() for word in ("--define", f"{name} {value}")
    ]
    places = {"_topdir": work, "_rpmdir": folder, "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"}  # fmt: skip # noqa: E501
    for name, value in places.items():
        defines += ["--define", f"{name} {value}"]
    environment = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    argv = ["rpmbuild", "--quiet", "-bb", "--target", "x86_64-linux", "--nodeps", *defines]
    run([*argv, work / "practice.spec"], env=environment)
    sign(folder, signer)
    run(
        [
            *("createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz"),
            *("--set-timestamp-to-revision", f"--revision={epoch}", "--workers=2", folder),
        ],
        env=environment,
    )


def sign(folder: Path, signer: Signer) -> None:
    """Sign every package of a folder. Raises CommandError."""
    macros = {
        "__gpg": need_tool("gpg"),
        "_gpg_name": signer.fingerprint,
        "_gpg_path": signer.home,
        "_gpg_digest_algo": "sha256",
    }
    defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    run(["rpmsign", *defines, "--addsign", *sorted(folder.glob("*.rpm"))])


def spec(packages: Iterable[PracticePackage], source: Path) -> str:
    """The spec file of all packages; the main package is a carrier without files."""
    head = (
        f"Name: b2ct-practice\nVersion: 1\nRelease: {RELEASE}\nSummary: Practice packages\n"
        "License: Apache-2.0\nURL: https://example.org/\nAutoReqProv: no\n\n"
        "%description\nPractice packages.\n"
    )
    install = f"%install\ncp -a '{source}/.' %{{buildroot}}/\n"
    return "\n".join([head, *(_package(one) for one in packages), install,
                      *(_files(one) for one in packages)])  # fmt: skip


def _package(package: PracticePackage) -> str:
    lines = [
        f"%package -n {package.name}",
        f"Version: {package.version}",
        f"Release: {RELEASE}",
        f"Summary: {package.summary}",
        f"License: {package.license}",
        "AutoReqProv: no",
        *(f"Requires: {one}" for one in package.requires),
        *(f"Provides: {one}" for one in package.provides),
        f"%description -n {package.name}",
        "A practice package of b2ct, which stands for the real one and does nothing.",
    ]
    return "\n".join(lines) + "\n"


def _files(package: PracticePackage) -> str:
    # rpm expands macros in scripts too.
    scripts = [
        f"%{kind} -n {package.name}\n{text.replace('%', '%%')}"
        for kind, text in package.scripts.items()
    ]
    lines = [f"%files -n {package.name}", *map(_line, package.items)]
    return "\n".join([*scripts, *lines]) + "\n"


def _line(item: Item) -> str:
    group = item.owner
    words = [f"%attr({item.mode:04o},{item.owner},{group})"]
    if item.kind == "link":
        words = [f"%attr(-,{item.owner},{group})"]
    if item.kind == "folder":
        words.append("%dir")
    if item.config:
        words.append("%config(noreplace)")
    return " ".join([*words, f'"{item.path}"'])
