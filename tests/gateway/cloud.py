"""A cloud for DIRAC: its user, a template whose CONTEXT must not be lost, others' objects."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from b2ct.rehearsal.oned import OnedDouble
from tests.gateway.process import PASSWORD, SESSION, USER

SITE_DATA = """\
#cloud-config
write_files:
- path: /etc/cvmfs/default.local
  content: CVMFS_HTTP_PROXY="http://squid:3128"
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1oWJ2tYe0n2m4j4Yb2yQy7Yw0o0n8h2b1c3d4e5f6g admin"
TEMPLATE = f"""\
NAME = "b2ct-worker"
CPU = "0.5"
MEMORY = "512"
DISK = [ IMAGE = "worker", IMAGE_UNAME = "oneadmin" ]
CONTEXT = [
  NETWORK = "YES", SET_HOSTNAME = "$NAME", SSH_PUBLIC_KEY = "{KEY}",
  B2CT_SITE = "torino", USERDATA_ENCODING = "base64",
  USERDATA = "{base64.b64encode(SITE_DATA.encode()).decode()}" ]
"""


@dataclass
class Cloud:
    double: OnedDouble
    template: int
    image: int
    user: int

    def context(self, vm: int) -> dict[str, str]:
        """What the double would put on the CONTEXT CD."""
        with self.double.cloud.lock:
            return dict(self.double.cloud.vms[vm].template.vectors("CONTEXT")[0])

    def vm(self, name: str) -> int:
        """A VM of oneadmin's."""
        return int(self.double.rpc("one.template.instantiate", self.template, name))

    def mine(self, name: str) -> int:
        """A VM of the user's, made without the gateway."""
        return int(
            self.double.rpc("one.template.instantiate", self.template, name, session=SESSION)
        )

    def state(self, vm: int) -> str:
        with self.double.cloud.lock:
            return self.double.cloud.vms[vm].state_name

    def forget_calls(self) -> None:
        self.double.calls.clear()


def cloud(double: OnedDouble) -> Cloud:
    double.add_host("node01", cores=64, memory_gb=256)
    user = double.rpc("one.user.allocate", USER, PASSWORD, "")
    image: Any = double.rpc("one.image.allocate", 'NAME="worker"\nTYPE="DATABLOCK"\nSIZE="10"', 1)
    double.until(lambda: double.cloud.images[image].state.name == "READY")
    double.rpc("one.image.chmod", image, 1, 1, 0, 1, 0, 0, 1, 0, 0)
    template = double.rpc("one.template.allocate", TEMPLATE)
    double.rpc("one.template.chmod", template, 1, 1, 0, 1, 0, 0, 1, 0, 0)
    double.calls.clear()
    return Cloud(double, template, image, user)
