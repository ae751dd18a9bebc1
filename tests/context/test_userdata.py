"""User data as cloud-init itself reads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from b2ct.context.model import OwnFiles, OwnText, VmContext
from b2ct.context.squid import for_squid
from b2ct.context.userdata import cloud_config, user_data
from b2ct.context.worker import for_worker
from tests.context.shells import cloud_init, needs_cloud_init, schema
from tests.context.sites import CLOUD_CONFIG, KEY, SCRIPT, site, whole

GOLDEN = Path(__file__).parent / "golden"

PARTS = """
import json, sys
from cloudinit import handlers, helpers
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.user_data import UserDataProcessor
paths = helpers.Paths({"cloud_dir": sys.argv[2], "run_dir": sys.argv[2]})
message = UserDataProcessor(paths).process(open(sys.argv[1], "rb").read())
handler = CloudConfigPartHandler(paths)
parts = []
def part(data, name, text, headers):
    kind = headers["Content-Type"]
    parts.append([kind, name, text if isinstance(text, str) else text.decode()])
    if kind == "text/cloud-config":
        handler.handle_part(None, kind, name, text, None, headers)
handlers.walk(message, part, None)
print(json.dumps({"parts": parts, "merged": handler.cloud_buf}))
"""
"""cloud-init's parts of a user data (type, file name, text), and its merged cloud-config."""


def read(text: str, folder: Path) -> tuple[list[list[str]], dict[str, object]]:
    file = folder / "raw"
    file.write_bytes(text.encode())
    found = cloud_init(PARTS, file, folder)
    return found["parts"], found["merged"]


def contexts(folder: Path) -> dict[str, VmContext]:
    return {"worker": for_worker(site()), "whole": whole(folder), "squid": for_squid(site())}


@pytest.mark.parametrize("name", ["worker", "whole", "squid"])
def test_golden(name: str, tmp_path: Path) -> None:
    made = user_data(contexts(tmp_path)[name])
    assert made == (GOLDEN / f"{name}.user-data").read_text()


@needs_cloud_init
@pytest.mark.parametrize("name", ["worker", "whole", "squid"])
def test_it_passes_cloud_inits_schema(name: str, tmp_path: Path) -> None:
    schema(cloud_config(contexts(tmp_path)[name]), tmp_path)


@needs_cloud_init
def test_the_schema_check_would_notice(tmp_path: Path) -> None:
    bad = cloud_config(for_worker(site())).replace("permissions: '0644'", "permissions: [1]")
    with pytest.raises(Exception, match="returned non-zero exit status 1"):
        schema(bad, tmp_path)


def test_a_worker_without_files_of_its_own_is_one_cloud_config() -> None:
    made = for_worker(site())
    assert user_data(made) == cloud_config(made)
    data = yaml.safe_load(user_data(made))
    assert data["ssh_authorized_keys"] == [KEY]
    assert (data["disable_root"], data["ssh_pwauth"]) == (False, False)
    written = {file["path"]: file for file in data["write_files"]}
    assert written.keys() == {file.path for file in made.files}
    assert {file["permissions"] for file in written.values()} == {"0644"}


@needs_cloud_init
def test_cloud_init_finds_every_part_and_the_sites_own_adds_to_ours(tmp_path: Path) -> None:
    made = whole(tmp_path)
    parts, merged = read(user_data(made), tmp_path)
    assert parts == [
        ["text/cloud-config", "b2ct.yaml", cloud_config(made)],
        ["text/cloud-config", "site-more.yaml", CLOUD_CONFIG],
        ["text/x-shellscript", "user-01-tune.sh", SCRIPT],
    ]
    files = merged["write_files"]
    assert isinstance(files, list)
    assert [file["path"] for file in files] == [*(f.path for f in made.files), "/etc/motd"]
    assert merged["disable_root"] is False, "what B2CT says stays"


@needs_cloud_init
@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\necho é\n",
        "#!/bin/sh\n" + "x" * 2000 + "\n",
        "#!/bin/sh\n--b2ct\n\nFrom here\n.\n\n",
        "#!/bin/sh\nno end of line",
    ],
)
def test_scripts_arrive_byte_for_byte(text: str, tmp_path: Path) -> None:
    own = OwnFiles(scripts=(OwnText("a b\"';é.sh", text), OwnText("x", SCRIPT)))
    made = dataclasses.replace(for_worker(site()), own=own)
    parts, _ = read(user_data(made), tmp_path)
    assert [part[2] for part in parts[1:]] == [text, SCRIPT]
    # cloud-init runs them sorted by name, beside its own `runcmd`, which must come first.
    names = [part[1] for part in parts[1:]]
    assert sorted(["runcmd", *names]) == ["runcmd", *names]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("#!/bin/sh\n", "x-shellscript"), ("## template: jinja\n#cloud-config\n", "jinja2")],
)
def test_user_data_of_other_kinds_is_marked_as_such(text: str, kind: str) -> None:
    own = OwnFiles(user_data=OwnText("mine", text))
    made = user_data(dataclasses.replace(for_worker(site()), own=own))
    assert f"Content-Type: text/{kind};" in made
    assert "Merge-Type" not in made


def test_the_same_site_gives_the_same_bytes(tmp_path: Path) -> None:
    assert user_data(whole(tmp_path)) == user_data(whole(tmp_path))
