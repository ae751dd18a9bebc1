"""What a worker image is: the frozen model of images/*.yaml.

A definition extends others (`extends:`): mappings are merged key by key, lists add up (an entry
`-NAME` takes NAME out), and any other value replaces the one before it. What is below is a
definition as it is after that.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from b2ct.document.model import Model
from b2ct.document.types import (
    AbsolutePath,
    Fingerprint,
    Identifier,
    Line,
    LocalPath,
    OneOf,
    Package,
    Size,
    Url,
    text_schema,
)
from b2ct.site.types import CvmfsRepository

MIB = 2**20
GIB = 2**30

DISTRIBUTIONS = ("debian", "ubuntu", "almalinux", "rocky", "centos")


_MODE = re.compile("(?:0o?)?([0-7]{3,4})")


def _mode(value: Any) -> Any:
    """File modes are written in octal: 0644, 644 or 0o644; what is read from YAML is text."""
    if isinstance(value, str):
        if not (found := _MODE.fullmatch(value)):
            raise ValueError("a file mode in octal, such as 0644")
        return int(found[1], 8)
    return value


FileMode = Annotated[
    int,
    BeforeValidator(_mode),
    Field(ge=0, le=0o7777),
    PlainSerializer(lambda mode: f"{mode:04o}", return_type=str, when_used="json"),
    text_schema("^(0o?)?[0-7]{3,4}$", "0644"),
]


class System(Model):
    """The distribution that the image has."""

    distribution: Annotated[str, OneOf(DISTRIBUTIONS, "a distribution")] = Field(
        description="Which distribution."
    )
    release: Line = Field(description="Its release, such as 12, 24.04 or 9.")
    suite: Line | None = Field(None, description="APT suite, such as bookworm.")
    packaging: Literal["apt", "rpm"] = Field(description="How packages come: `apt` or `rpm`.")
    architecture: Literal["x86_64"] = Field("x86_64", description="Processor architecture.")
    end_of_life: date | None = Field(
        None, description="The day when its updates end; after it the image is historical."
    )


class Key(Model):
    """An OpenPGP key that signs a repository."""

    file: LocalPath | None = Field(
        None, description="File beside the definition, or absolute path of a keyring of this host."
    )
    url: Url | None = Field(None, description="Where it is fetched from.")
    fingerprint: Fingerprint | None = Field(
        None, description="Its fingerprint: a key with another one is refused. `url` needs it."
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("exactly one of `file` or `url`; `-KEY:` takes one out")
        if self.url is not None and self.fingerprint is None:
            raise ValueError("a key that is fetched needs its `fingerprint`")
        return self


class Repository(Model):
    """A package repository."""

    url: Url = Field(description="Its address: APT URI, or baseurl of a dnf repository.")
    mirrors: tuple[Url, ...] = Field((), description="Tried in this order when `url` fails.")
    suites: tuple[Line, ...] = Field((), description="APT suites; left out: the system's suite.")
    components: tuple[Line, ...] = Field(("main",), description="APT components.")
    keys: tuple[Key, ...] = Field((), description="Keys that may sign it.")
    base: bool = Field(False, description="The distribution's own: the base system comes from it.")
    packages: tuple[Line, ...] = Field(
        (), description="Only these packages (globs) are taken from it. Left out: any."
    )
    keep: bool = Field(True, description="It stays configured in the image.")


class File(Model):
    """A file in the image."""

    source: LocalPath | None = Field(None, description="File beside the definition.")
    text: str | None = Field(None, description="Its text instead.")
    mode: FileMode = Field(
        0o644, description="Its mode, in octal.", json_schema_extra={"default": "0644"}
    )
    owner: Identifier = Field("root", description="User that owns it.")
    group: Identifier = Field("root", description="Group that owns it.")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.source is None) == (self.text is None):
            raise ValueError("exactly one of `source` or `text`; `-KEY:` takes one out")
        return self


class User(Model):
    """A user beside the distribution's own; no user of an image has a password."""

    groups: tuple[Identifier, ...] = Field((), description="Further groups.")
    sudo: bool = Field(False, description="May run everything by sudo, without a password.")
    shell: AbsolutePath = Field("/bin/bash", description="Login shell.")
    uid: int | None = Field(None, ge=100, le=60000, description="User ID. Left out: the next.")
    system: bool = Field(False, description="A system user, without a home folder.")


class Layout(Model):
    """How the disk is divided: BIOS boot partition, EFI system partition, root (the last one)."""

    size: Size = Field(8 * GIB, ge=GIB, description="Virtual size; root grows with the disk.")
    esp: Size = Field(64 * MIB, ge=33 * MIB, description="EFI system partition (FAT32).")
    file_system: Literal["ext4"] = Field("ext4", description="Root file system.")
    label: Identifier = Field("root", description="Label of the root file system.")


class Qcow2(Model):
    """How the image is stored."""

    compression: Literal["zstd", "zlib", "none"] = Field(
        "zstd", description="`zlib` for QEMU before 5.1 (EL7)."
    )
    cluster: Size = Field(128 * 1024, description="Cluster size.")


class Boot(Model):
    """How the image boots."""

    kernel: Package = Field(description="Kernel package; it must drive virtio, AHCI and IDE.")
    arguments: tuple[Line, ...] = Field(
        ("quiet", "console=tty0", "console=ttyS0,115200"),
        description="Kernel arguments. `quiet`: consoles show failures, the journal all.",
    )
    timeout: int = Field(
        0, ge=0, le=60, description="Seconds that GRUB shows its menu; 0: it starts at once."
    )


SYSPREP = (
    "machine-id", "host-keys", "logs", "package-cache", "cloud-init", "random-seed", "temporary",
    "resolv-conf", "history",
)  # fmt: skip
"""What is removed at the end, in this order; each name is one small function or script."""


class Cvmfs(Model):
    """What of CVMFS the image brings; the proxies come with the context."""

    repositories: tuple[CvmfsRepository, ...] = Field(
        (), description="Repositories that the image mounts when no context says otherwise."
    )
    quota: Size = Field(4 * GIB, description="Cache when no context says otherwise.")


class Definition(Model):
    """The whole of images/NAME.yaml."""

    title: Line = Field(description="What it is, in a few words.")
    system: System = Field(description="The distribution.")
    repositories: dict[Identifier, Repository] = Field(
        default_factory=dict, description="Package repositories by name."
    )
    packages: tuple[Package, ...] = Field((), description="Packages besides the base system.")
    exclude: tuple[AbsolutePath, ...] = Field(
        (), description="Paths (globs) of packages that are never unpacked: documentation, ..."
    )
    files: dict[AbsolutePath, File] = Field(default_factory=dict, description="Files by path.")
    scripts: tuple[LocalPath, ...] = Field(
        (), description="Scripts beside the definition, run in the image as root, in this order."
    )
    services: dict[Line, Literal["enabled", "disabled", "masked"]] = Field(
        default_factory=dict, description="systemd units by name."
    )
    users: dict[Identifier, User] = Field(default_factory=dict, description="Users by name.")
    cvmfs: Cvmfs = Field(Cvmfs(), description="CVMFS.")
    disk: Layout = Field(Layout(), description="How the disk is divided.")
    qcow2: Qcow2 = Field(Qcow2(), description="How the image is stored.")
    boot: Boot = Field(description="How it boots.")
    sysprep: tuple[Annotated[str, OneOf(SYSPREP, "a thing to remove")], ...] = Field(
        SYSPREP, description="What is removed at the end."
    )
