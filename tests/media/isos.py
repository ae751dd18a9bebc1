"""Small installer-like ISOs in the layouts of EL6, EL7, EL9 and EL10, made with the real tools.

They do not boot (kernel and initrd are noise), but their file systems, boot records and partition
tables are written by the same programs with the same options as those of the distributions.
"""

from __future__ import annotations

import atexit
import functools
import os
import random
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

LAYOUTS = ("el6", "el7", "el9", "el10")
EPOCH = 1_700_000_000
_ENV = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class Shape:
    """What a layout has of its own."""

    volume_id: str
    described: str
    stage2: str
    bios: str
    efi: bool
    linux: str = "linuxefi"
    root: str = ""


SHAPES = {
    "el6": Shape("CentOS_6.10_Final", "CentOS 6.10", "images/install.img", "isolinux", False),
    "el7": Shape(
        "CentOS 7 x86_64", "7.9", "LiveOS/squashfs.img", "isolinux", True,
        root=r"inst.stage2=hd:LABEL=CentOS\x207\x20x86_64",
    ),
    "el9": Shape(
        "AlmaLinux-9-5-x86_64-dvd", "AlmaLinux 9.5", "images/install.img", "isolinux", True,
        root="inst.stage2=hd:LABEL=AlmaLinux-9-5-x86_64-dvd",
    ),
    "el10": Shape(
        "Rocky-10-0-x86_64-dvd", "10.0", "images/install.img", "grub", True, "linux",
        root="inst.stage2=hd:LABEL=Rocky-10-0-x86_64-dvd",
    ),
}  # fmt: skip


def run(*argv: str | Path, cwd: Path | None = None, check: bool = True) -> str:
    """Run a tool and return what it printed on both streams."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, env=_ENV, check=False, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0 or not check, f"{argv}: {done.stdout}"
    return done.stdout


@functools.cache
def sample(layout: str) -> Path:
    """An ISO of that layout, made once for this process."""
    folder = Path(tempfile.mkdtemp(prefix="b2ct-test-iso-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build(layout, folder)


def isolinux_menu(shape: Shape) -> str:
    """A menu as lorax and Anaconda write it: the media check is the default."""
    args = f" {shape.root}" if shape.root else ""
    return f"""default vesamenu.c32
timeout 600
display boot.msg
menu title {shape.volume_id}
menu separator
label linux
  menu label ^Install {shape.volume_id}
  kernel vmlinuz
  append initrd=initrd.img{args} quiet
label check
  menu label Test this ^media & install
  menu default
  kernel vmlinuz
  append initrd=initrd.img{args} rd.live.check quiet
menu begin ^Troubleshooting
label rescue
  menu label ^Rescue
  kernel vmlinuz
  append initrd=initrd.img{args} rescue quiet
menu end
"""


def grub_menu(shape: Shape) -> str:
    """The same for GRUB."""
    initrd = shape.linux.replace("linux", "initrd")
    return f"""set default="1"
function load_video {{
  insmod all_video
}}
load_video
set timeout=60
search --no-floppy --set=root -l '{shape.volume_id}'
menuentry 'Install {shape.volume_id}' --class gnu-linux --class os {{
\t{shape.linux} /images/pxeboot/vmlinuz {shape.root} quiet
\t{initrd} /images/pxeboot/initrd.img
}}
menuentry 'Test this media & install' --class gnu-linux --class os {{
\t{shape.linux} /images/pxeboot/vmlinuz {shape.root} rd.live.check quiet
\t{initrd} /images/pxeboot/initrd.img
}}
submenu 'Troubleshooting -->' {{
\tmenuentry 'Rescue' --class os {{
\t\t{shape.linux} /images/pxeboot/vmlinuz {shape.root} inst.rescue quiet
\t\t{initrd} /images/pxeboot/initrd.img
\t}}
}}
"""


def write_tree(layout: str, tree: Path, extra: dict[str, bytes], payload: int) -> Path | None:
    """Fill the tree; returns the EFI system partition's image, which is not in it yet."""
    shape = SHAPES[layout]
    noise = random.Random(layout)
    files: dict[str, bytes] = {
        "images/pxeboot/vmlinuz": noise.randbytes(150_000),
        "images/pxeboot/initrd.img": noise.randbytes(90_001),
        shape.stage2: noise.randbytes(payload),
        ".discinfo": f"1431.5\n{shape.described}\nx86_64\n".encode(),
    }
    if shape.bios == "isolinux":
        files["isolinux/isolinux.cfg"] = isolinux_menu(shape).encode()
        files["isolinux/isolinux.bin"] = Path("/usr/lib/ISOLINUX/isolinux.bin").read_bytes()
        files["isolinux/boot.msg"] = b"press a key\n"
    else:
        files["boot/grub2/grub.cfg"] = grub_menu(shape).encode()
    if shape.efi:
        files |= {
            "EFI/BOOT/BOOTX64.EFI": noise.randbytes(30_000),
            "EFI/BOOT/grubx64.efi": noise.randbytes(60_000),
            "EFI/BOOT/grub.cfg": grub_menu(shape).encode(),
            "EFI/BOOT/BOOT.conf": grub_menu(shape).encode(),
        }
    for path, data in {**files, **extra}.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return _esp(tree) if shape.efi else None


def _esp(tree: Path) -> Path:
    esp = tree.parent / "efiboot.img"
    with esp.open("wb") as file:
        file.truncate(2_048_000)
    run("mformat", "-i", esp, "-v", "ANACONDA", "-N", "12345678", "::")
    run("mcopy", "-s", "-i", esp, tree / "EFI", "::/")
    return esp


def build(
    layout: str,
    folder: Path,
    *,
    extra: dict[str, bytes] | None = None,
    payload: int = 1_500_000,
    options: tuple[str, ...] = (),
) -> Path:
    """Make an ISO of that layout in `folder`, with `extra` files; `payload` bytes of stage 2."""
    shape = SHAPES[layout]
    tree = folder / f"{layout}-tree"
    tree.mkdir(parents=True)
    esp = write_tree(layout, tree, extra or {}, payload)
    iso = folder / f"{layout}.iso"
    if esp and layout != "el10":
        (tree / "images").mkdir(exist_ok=True)
        shutil.copy(esp, tree / "images/efiboot.img")
        _treeinfo(tree)
    {"el6": _mkisofs, "el7": _mkisofs, "el9": _xorriso, "el10": _xorriso_grub}[layout](
        tree, iso, shape, esp, options
    )
    shutil.rmtree(tree)
    return iso


def _treeinfo(tree: Path) -> None:
    digest = run("sha256sum", tree / "images/efiboot.img").split()[0]
    (tree / ".treeinfo").write_text(
        f"[checksums]\nimages/efiboot.img = sha256:{digest}\n"
        f"images/pxeboot/vmlinuz = sha256:{'0' * 64}\n\n[tree]\narch = x86_64\n"
    )


_BIOS = (
    "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-boot-load-size", "4",
    "-boot-info-table", "-no-emul-boot",
)  # fmt: skip
_EFI = ("-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot")


def _mkisofs(
    tree: Path, iso: Path, shape: Shape, esp: Path | None, options: tuple[str, ...]
) -> None:
    run(
        "genisoimage", "-quiet", "-o", iso, *_BIOS, *(_EFI if esp else ()), "-R", "-J", "-T",
        "-V", shape.volume_id, *options, tree,
    )  # fmt: skip
    run("isohybrid", *(["--uefi"] if esp else []), iso)


def _xorriso(
    tree: Path, iso: Path, shape: Shape, esp: Path | None, options: tuple[str, ...]
) -> None:
    assert esp
    run(
        "xorriso", "-as", "mkisofs", "-quiet", "-o", iso,
        "-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin", *_BIOS, *_EFI, "-isohybrid-gpt-basdat",
        "-R", "-J", "-V", shape.volume_id, *options, tree,
    )  # fmt: skip


def _xorriso_grub(
    tree: Path, iso: Path, shape: Shape, esp: Path | None, options: tuple[str, ...]
) -> None:
    assert esp
    run(
        "grub-mkimage", "-O", "i386-pc-eltorito", "-o", tree / "images/eltorito.img",
        "-p", "/boot/grub2", "iso9660", "biosdisk",
    )  # fmt: skip
    run(
        "xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-R", "-J", "-V", shape.volume_id,
        "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img", "-partition_offset", "16",
        "-appended_part_as_gpt",
        "-append_partition", "2", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", esp,
        "-iso_mbr_part_type", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
        "-c", "boot.cat", "--boot-catalog-hide", "-b", "images/eltorito.img", "-no-emul-boot",
        "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info", "-eltorito-alt-boot",
        "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", *options, tree,
    )  # fmt: skip
