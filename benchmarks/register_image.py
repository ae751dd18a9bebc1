"""How long does `b2ct register-image` take when nothing is to do? Against a naive loop over pyone.

    .venv/bin/python benchmarks/register_image.py [--size-mb 500] [--objects 200] [--rounds 5]

A double of oned on loopback has the image, its VM template and so many other images and templates.
Ours checks the image against its manifest, asks what there is in a bounded number of calls and
compares all of the template. The naive way sums the file and asks for every image and template by
its ID, which is how scripts look for one by an attribute; it checks no manifest and no template.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from _timing import Way, alternate, once, table  # noqa: E402

from b2ct.core import files  # noqa: E402
from b2ct.papers.write import write  # noqa: E402
from b2ct.rehearsal.oned import OnedDouble  # noqa: E402
from tests.cli.cloud import SITE  # noqa: E402
from tests.image.images import about  # noqa: E402

NAIVE = """
import hashlib, sys, pyone
url, auth, image = sys.argv[1:]
with open(image, "rb") as file:
    found = hashlib.file_digest(file, "sha256").hexdigest()
one = pyone.OneServer(url, session=auth)
images = [one.image.info(i.ID) for i in one.imagepool.info(-3, -1, -1).IMAGE]
templates = [one.template.info(t.ID) for t in one.templatepool.info(-3, -1, -1).VMTEMPLATE]
assert any(i.TEMPLATE.get("B2CT_SHA256") == found for i in images)
"""


def main() -> None:
    """Parse the arguments, fill the double, run both, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, default=500)
    parser.add_argument("--objects", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-") as name, OnedDouble() as double:
        folder = Path(name)
        image = _image(folder, options.size_mb)
        double.mount("/var/tmp", folder)
        for number in range(options.objects):
            text = f'NAME="other-{number}"\nCPU="1"\nMEMORY="64"'
            double.rpc("one.template.allocate", text)
            text = f'NAME="other-{number}"\nTYPE="DATABLOCK"\nSIZE="1"'
            double.rpc("one.image.allocate", text, 1)
        (folder / "auth").write_text(double.auth)
        (folder / "auth").chmod(0o600)
        os.environ |= {"ONE_XMLRPC": double.url, "ONE_AUTH": str(folder / "auth")}
        (folder / "site.yaml").write_text(SITE)
        ours: list[str | Path] = [
            *(sys.executable, "-m", "b2ct", "register-image", image),
            *("--path", "/var/tmp/worker.qcow2", "--site", folder / "site.yaml"),
        ]
        once(ours)
        ways = [
            Way("b2ct register-image", ours),
            Way("a naive loop of pyone calls",
                [sys.executable, "-c", NAIVE, double.url, double.auth, image]),
        ]  # fmt: skip
        calls = {}
        for way in ways:
            double.calls.clear()
            once(way.command)
            calls[way.name] = len(double.calls)
        runs = alternate(ways, options.rounds)
        print(f"an image of {options.size_mb} MB, {options.objects} other images and templates, "
              f"{options.rounds} rounds")  # fmt: skip
        print("\n".join(table(runs, ways[0].name)))
        print("calls: " + ", ".join(f"{name} {count}" for name, count in calls.items()))


def _image(folder: Path, size_mb: int) -> Path:
    raw, image = folder / "raw", folder / "worker.qcow2"
    with raw.open("wb") as file:
        for _ in range(size_mb):
            file.write(os.urandom(1 << 20))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    raw.unlink()
    small = folder / "small"
    small.touch()
    told = about(
        small, name="worker", sha256=files.sha256(image), size=image.stat().st_size,
        virtual_size=size_mb << 20,
    )  # fmt: skip
    write(image, told)
    return image


if __name__ == "__main__":
    main()
