"""The EFI system partition: a FAT32 with one boot loader where UEFI looks on any disk.

UEFI specification 13.3 and 3.5.1.1: EFI/BOOT/BOOTX64.EFI.
"""

from __future__ import annotations

import os
from pathlib import Path

from b2ct.core.files import explain
from b2ct.core.run import run
from b2ct.image.disk.partitions import DiskPlan

LABEL = "ESP"
LOADER = "EFI/BOOT/BOOTX64.EFI"
_TIMEOUT = 120.0


def write(raw: Path, plan: DiskPlan, loader: bytes, epoch: int, work: Path) -> None:
    """Write the partition into `raw`. `work` is a folder for temporary files.

    Raises B2ctError for what the tools or the operating system refuse.
    """
    env = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLSRC": os.devnull}
    # Short names in the folder itself: mtools would take an @@ in a path for an offset.
    fat, image = "esp.img", "loader.efi"
    try:
        (work / image).write_bytes(loader)
        with (work / fat).open("wb") as file:
            file.truncate(plan.esp.size)
    except OSError as err:
        raise explain(err, f"write into {work}") from err
    run(
        [
            *("mkfs.fat", "--invariant", "-F", "32", "-s", "1", "-n", LABEL),
            *("-i", f"{plan.esp_id:08x}", "-h", str(plan.esp.lba), fat),
        ],
        env=env,
        cwd=work,
        timeout=_TIMEOUT,
    )
    folders = [f"::/{parent}" for parent in reversed(Path(LOADER).parents[:-1])]
    run(["mmd", "-i", fat, *folders], env=env, cwd=work, timeout=_TIMEOUT)
    run(["mcopy", "-i", fat, image, f"::/{LOADER}"], env=env, cwd=work, timeout=_TIMEOUT)
    run(
        [
            *(
                "dd",
                f"if={fat}",
                f"of={raw.absolute()}",
                "bs=1M",
                "conv=notrunc,sparse",
                "status=none",
            ),
            f"seek={plan.esp.start // 2**20}",
        ],
        cwd=work,
        timeout=_TIMEOUT,
    )
