"""What is looked at inside a test VM: CVMFS through the site's squid, and a job."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from b2ct.context import proxies
from b2ct.core.errors import B2ctError
from b2ct.validate.trial.stages import Stage, Trial

if TYPE_CHECKING:
    from b2ct.site.model import Site
    from b2ct.ssh.fresh import Shell

MOUNT_SECONDS = 40
_PROXY = re.compile(r"through proxy (\S+)")
JOB = (
    "d=$(mktemp -d) && cd $d && seq 1000 | awk '{s += $1} END {print s}' > out && cat out;"
    " cd / && rm -rf $d"
)
ANSWER = "500500"


def look(shell: Shell, site: Site, trial: Trial) -> None:
    """Add the stages CVMFS and JOB. Raises B2ctError when the connection breaks."""
    _cvmfs(shell, site, trial)
    code, said = shell.run(f"cd /; runuser -u nobody -- sh -c {shlex.quote(JOB)}")
    if code == 0 and said.splitlines()[-1:] == [ANSWER]:
        trial.passed(Stage.JOB)
    else:
        last = (said.splitlines() or ["nothing"])[-1]
        trial.failed(Stage.JOB, f"a job as user nobody gave {last[:100]!r}, not {ANSWER}")


def _cvmfs(shell: Shell, site: Site, trial: Trial) -> None:
    worker = site.described_workers[trial.worker]
    names = worker.cvmfs.repositories or site.cvmfs.repositories
    code, _ = shell.run("command -v cvmfs2 cvmfs_config")
    if code:
        trial.failed(
            Stage.CVMFS, "its image has no CVMFS client", f"b2ct image build {worker.image}"
        )
        return
    try:
        groups = proxies.of(site, site.networks_of(worker)).groups
    except B2ctError:
        groups = ()
    wanted = {url.split("//")[-1].rstrip("/") for group in groups for url in group}
    for name in names:
        code, said = shell.run(
            f"timeout {MOUNT_SECONDS} ls /cvmfs/{name} > /dev/null && cvmfs_config stat -v {name}",
            MOUNT_SECONDS + 20,
        )
        if code:
            last = (said.splitlines() or [f"no answer within {MOUNT_SECONDS} s"])[-1]
            trial.failed(
                Stage.CVMFS, f"/cvmfs/{name} cannot be mounted: {last[:120]}",
                f"in a VM of it: cvmfs_config chksetup; cvmfs_config probe {name}",
            )  # fmt: skip
            return
        proxy = _PROXY.search(said)
        used = proxy[1].split("//")[-1].rstrip("/") if proxy else ""
        if used and wanted and used not in wanted:
            trial.failed(
                Stage.CVMFS, f"/cvmfs/{name} comes through {used}, not the site's squid",
                "is the squid running? see the group squid of this report",
            )  # fmt: skip
            return
    trial.passed(Stage.CVMFS)
