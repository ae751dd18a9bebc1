"""The pilot's user data beside the site's, as cloud-init itself reads it."""

from __future__ import annotations

import base64
import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
import yaml

from b2ct.context import limits
from b2ct.context.userdata import MERGE
from b2ct.core.errors import B2ctError
from b2ct.dirac import userdata
from tests.context.shells import cloud_init, needs_cloud_init
from tests.context.test_userdata import PARTS

SITE = """\
#cloud-config
timezone: Europe/Rome
write_files:
  - {path: /etc/cvmfs/default.local, content: "CVMFS_HTTP_PROXY=http://squid:3128\\n"}
  - {path: /etc/b2ct/site, content: "Torino\\n"}
runcmd:
  - [site, one]
"""
PILOT = """\
timezone: UTC
packages: [cvmfs]
write_files:
  - {path: /root/run_pilot.sh, content: "#!/bin/bash\\necho \u00e9\\n"}
  - {path: /etc/cvmfs/default.local, content: "auto;DIRECT\\n"}
runcmd:
  - [pilot, two]
"""


def pilots(text: str = PILOT, **headers: str) -> str:
    """As CloudComputingElement makes it."""
    whole = MIMEMultipart()
    part = MIMEText(text, "cloud-config", "utf-8")
    part.add_header("Content-Disposition", 'attachment; filename="pilotconfig"')
    for name, value in headers.items():
        part[name.replace("_", "-")] = value
    whole.attach(part)
    return str(whole)


def read(data: bytes, folder: Path) -> tuple[list[list[str]], dict[str, object]]:
    (folder / "raw").write_bytes(data)
    found = cloud_init(PARTS, folder / "raw", folder)
    return found["parts"], found["merged"]


def test_constants_are_those_of_contexts() -> None:
    assert (userdata.LARGEST, userdata.MERGE) == (limits.CONTEXT, MERGE)


@needs_cloud_init
@pytest.mark.parametrize("packed", [False, True])
def test_nothing_of_either_is_lost_and_the_site_comes_first(tmp_path: Path, packed: bool) -> None:
    made = userdata.merged(SITE.encode(), pilots()).encode()
    parts, merged = read(gzip.compress(made) if packed else made, tmp_path)
    assert parts[0][2] == SITE
    files = {file["path"]: file["content"] for file in merged["write_files"]}  # type: ignore[attr-defined]
    assert files == {
        "/etc/cvmfs/default.local": "CVMFS_HTTP_PROXY=http://squid:3128\n",
        "/etc/b2ct/site": "Torino\n",
        "/root/run_pilot.sh": "#!/bin/bash\necho \u00e9\n",
    }
    assert merged["runcmd"] == [["site", "one"], ["pilot", "two"]]
    assert (merged["timezone"], merged["packages"]) == ("Europe/Rome", ["cvmfs"])


@needs_cloud_init
def test_cloud_init_would_lose_the_sites_without_it(tmp_path: Path) -> None:
    """The reason for all this: two cloud-configs beside each other are not added up."""
    whole = MIMEMultipart()
    for text in (SITE, PILOT):
        whole.attach(MIMEText(text, "cloud-config", "utf-8"))
    _, merged = read(str(whole).encode(), tmp_path)
    assert len(merged["runcmd"]) == 1  # type: ignore[arg-type]


@needs_cloud_init
def test_a_message_of_the_sites_keeps_all_its_parts(tmp_path: Path) -> None:
    site = MIMEMultipart()
    site.attach(MIMEText(SITE, "cloud-config", "utf-8"))
    site.attach(MIMEText("#!/bin/sh\necho script\n", "x-shellscript", "utf-8"))
    parts, merged = read(userdata.merged(str(site).encode(), pilots()).encode(), tmp_path)
    assert [part[0] for part in parts] == [
        *("text/cloud-config", "text/x-shellscript", "text/cloud-config"),
    ]
    assert merged["runcmd"] == [["site", "one"], ["pilot", "two"]]


@pytest.mark.parametrize("site", [b"", b" \n"])
def test_without_the_sites_there_is_the_pilots(site: bytes) -> None:
    assert userdata.merged(site, pilots()).count("Content-Disposition") == 1


def test_how_dirac_wants_to_be_merged_is_left() -> None:
    made = userdata.merged(SITE.encode(), pilots("a: 1\n", Merge_Type="dict(replace)"))
    assert MERGE not in made
    assert MERGE not in userdata.merged(b"", pilots("merge_how: dict(replace)\n"))


@pytest.mark.parametrize("bad", ["- [", "just text", "a: !!python/none x", "write_files: 3"])
def test_what_is_no_cloud_config_is_left_as_it_is(bad: str) -> None:
    made = userdata.merged(bad.encode(), pilots(bad))
    assert made.count(base64.b64encode(bad.encode()).decode()) == 2


def test_the_same_gives_the_same() -> None:
    site = SITE.encode()
    pilot = pilots()
    assert userdata.merged(site, pilot) == userdata.merged(site, pilot)


def test_it_is_read_back_in_every_form() -> None:
    coded = base64.b64encode(SITE.encode()).decode()
    packed = base64.b64encode(gzip.compress(SITE.encode())).decode()
    for context in (
        {"USERDATA": SITE},
        {"USER_DATA": SITE, "USERDATA_ENCODING": "none"},
        {"USERDATA": coded, "USERDATA_ENCODING": "base64"},
        {"USERDATA": packed, "USERDATA_ENCODING": "BASE64"},
    ):
        assert userdata.decode(context) == SITE.encode()
    assert userdata.decode({}) == b""


@pytest.mark.parametrize(
    "text",
    ["A", base64.b64encode(b"\x1f\x8bnot gzip").decode(),
     base64.b64encode(gzip.compress(bytes(userdata.UNPACKED + 1))).decode()],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(B2ctError, match="USERDATA_ENCODING"):
        userdata.decode({"USERDATA": text, "USERDATA_ENCODING": "base64"})


HEAD = "MIME-Version: 1.0\nContent-Type: multipart/mixed; "
COSTLY = {
    "parameters": f'{HEAD}a="{";" * 60_000}\n\nx',
    "folded": HEAD + "".join(f"\n a*{n}*=x;" for n in range(4000)) + "\n\nx",
    "nested": HEAD + "".join(
        f"boundary=b{n}\n\n--b{n}\nContent-Type: multipart/mixed; " for n in range(1000)
    ),
    "many": "#cloud-config\nl: [" + "a," * 20_000 + "]",
    "deep": "#cloud-config\nl: " + "[" * 20_000,
    "merged": "#cloud-config\na0: &a0 {b: c}\n" + "".join(
        f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(40)
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", COSTLY)
def test_what_is_made_to_cost_its_reader_is_refused(kind: str) -> None:
    with pytest.raises(B2ctError, match="more than"):
        userdata.merged(SITE.encode(), COSTLY[kind])


def test_aliases_alone_and_many_parts_are_taken() -> None:
    parts = "".join(
        f"--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n# {n}\n" for n in range(50)
    )
    message = f"{HEAD}boundary=b\n\n{parts}--b--\n"
    assert userdata.merged(SITE.encode(), message).count("#!/bin/sh") == 50
    aliases = "#cloud-config\na: &a [1, 2]\nb: *a\n"
    assert userdata.merged(SITE.encode(), aliases)


def test_it_is_packed_only_where_there_is_no_room() -> None:
    text = "a" * 3000
    plain, packed = userdata.encode(text, room=4000), userdata.encode(text, room=3999)
    assert base64.b64decode(plain) == text.encode()
    assert gzip.decompress(base64.b64decode(packed)) == text.encode()


def test_our_cloudinit_template_is_one_for_dirac() -> None:
    from b2ct.core.data import data_folder

    text = (data_folder("templates") / "dirac" / "cloudinit.template").read_text()
    template = yaml.safe_load(text)
    contents = [file["content"] for file in template["write_files"]]
    assert contents.count("EXECUTABLE_STR") == 1
    assert sum("STAMP_STR" in content for content in contents) == 1
    assert template["runcmd"] == [["/usr/local/libexec/dirac/run"]]
