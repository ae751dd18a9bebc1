"""`b2ct image versions` and `b2ct image rollback`, as users run them."""

from __future__ import annotations

import json

from tests.cli.cloud import Cloud, an_image, assert_without_remarks, cloud, good
from tests.cli.program import assert_refused

__all__ = ["cloud"]
WAY = ("--path", "/var/tmp/worker.qcow2")


def test_versions_and_going_back(cloud: Cloud) -> None:
    cloud.site()
    an_image(cloud)
    good(cloud.b2ct("register-image", "worker.qcow2", *WAY))
    an_image(cloud, b"second")
    refused = cloud.b2ct("register-image", "worker.qcow2", *WAY)
    assert_without_remarks(refused, "taken by an image with other content", "--new-version")
    made = json.loads(
        good(cloud.b2ct("register-image", "worker.qcow2", *WAY, "--new-version", "--json"))
    )
    assert made["image"]["name"] == "worker.v2"
    assert made["image"]["version"] == 2
    assert made["template"]["action"] == "updated"
    assert made["changed"] is True

    lines = good(cloud.b2ct("image", "versions", "worker")).splitlines()
    assert [line[:11].rstrip() for line in lines] == ["  worker  i", "* worker.v2"]
    rows = json.loads(good(cloud.b2ct("image", "versions", "worker.v2", "--json")))
    assert [row["templates"] for row in rows] == [[], ["b2ct-worker"]]

    planned = good(cloud.b2ct("image", "rollback", "worker", "--dry-run"))
    assert "would start from worker, no longer from worker.v2" in planned
    assert "starts from worker," in good(cloud.b2ct("image", "rollback", "worker"))
    assert "nothing to do" in good(cloud.b2ct("image", "rollback", "worker", "--to", "1"))
    assert "starts from worker.v2" in good(cloud.b2ct("image", "rollback", "worker", "--to", "v2"))
    assert_refused(cloud.b2ct("image", "rollback", "worker", "--to", "7"), "no version '7'")
    assert_refused(cloud.b2ct("image", "versions", "none"), "no image 'none'")
    assert_refused(cloud.b2ct("image", "rollback", "none"), "no image 'none'")


def test_a_template_made_by_hand_is_named_and_left(cloud: Cloud) -> None:
    cloud.site()
    an_image(cloud)
    good(cloud.b2ct("register-image", "worker.qcow2", *WAY))
    hand = 'NAME="hand"\nCPU="1"\nMEMORY="64"\nDISK=[IMAGE="worker.v2"]'
    cloud.double.rpc("one.template.allocate", hand)
    an_image(cloud, b"second")
    good(cloud.b2ct("register-image", "worker.qcow2", *WAY, "--new-version"))
    done = cloud.b2ct("image", "rollback", "worker", "--to", "v1")
    assert "VM template 0 (b2ct-worker) starts from worker," in good(done)
    assert "(hand) was made by hand and still starts from worker.v2" in done.stderr
    lines = good(cloud.b2ct("image", "versions", "worker")).splitlines()
    assert "VM template b2ct-worker" in lines[0]
    assert "VM template hand" in lines[1]


def test_an_image_made_by_hand(cloud: Cloud) -> None:
    cloud.double.rpc("one.image.allocate", 'NAME="mine"\nTYPE="DATABLOCK"\nSIZE="1"', 1)
    assert "(by hand)" in good(cloud.b2ct("image", "versions", "mine"))
    (row,) = json.loads(good(cloud.b2ct("image", "versions", "mine", "--json")))
    assert (row["sha256"], row["made_by_b2ct"]) == ("", False)
    assert_refused(cloud.b2ct("image", "rollback", "mine"), "no VM template starts from", "--to")


def test_a_version_that_failed_is_not_gone_back_to(cloud: Cloud) -> None:
    cloud.site()
    an_image(cloud)
    good(cloud.b2ct("register-image", "worker.qcow2", *WAY))
    cloud.double.faults.fail_image("*", "Error copying image: No space left on device")
    an_image(cloud, b"second")
    failed = cloud.b2ct("register-image", "worker.qcow2", *WAY, "--new-version")
    assert failed.returncode == 1
    assert "ERROR" in good(cloud.b2ct("image", "versions", "worker"))
    done = cloud.b2ct("image", "rollback", "worker", "--to", "v2")
    assert_refused(done, "no VM can start from", "is ERROR")
