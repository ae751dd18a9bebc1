"""What a front-end says of its own services, asked on the machine itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate import expect
from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

_VERSION = (
    "<?xml version='1.0'?><methodCall><methodName>system.version</methodName><params>"
    "<param><value><string>nobody:nothing</string></value></param></params></methodCall>"
)
_FETCH = "curl -s --noproxy '*' --max-time 10"
_STATUS = f"{_FETCH} -o /dev/null -w '%{{http_code}}'"
_ONED = "/etc/one/oned.conf"
# Of oned.conf only what is no secret is ever printed.
_QUESTIONS = {
    # Nobody logs in here: that the server refuses `nobody` is an answer, too.
    "oned": f"{_FETCH} -H 'Content-Type: text/xml' -d \"{_VERSION}\" http://127.0.0.1:2633/RPC2"
    " | head -c 300",
    "flow": f"{_STATUS} http://127.0.0.1:2474/service",
    "gate": f"{_STATUS} http://127.0.0.1:5030/",
    "backend": f"sed -n '/^ *DB *=/,/]/p' {_ONED} | grep -io 'backend *= *\"[a-z]*\"' | head -n 1",
    "endpoint": f"sed -n 's/^ *ONEGATE_ENDPOINT *= *//p' {_ONED} | tr -d '\"' | tail -n 1",
    "isolation": "grep -rhi '^ *transaction.isolation' /etc/my.cnf /etc/my.cnf.d /etc/mysql"
    " | tail -n 1",
    "registered": "cat /var/lib/b2ct/register.state",
    "authfiles": "find /var/lib/one/.one -maxdepth 1 -name '*_auth' -size -2c",
    "certificate": "for c in /var/lib/one/.ssh/id_*-cert.pub; do ssh-keygen -L -f $c; done",
    "now": "date +%Y-%m-%dT%H:%M:%S",
    "readonly": "timeout 10 mysql -NB -e 'SELECT @@global.read_only'",
    "hostkeys": "for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -l -f $k; done",
    "wpad": f"{_FETCH} -i -H 'Host: wpad' http://127.0.0.1/wpad.dat | head -c 4000",
    "reaped": "systemctl show -p Result,ExecMainStatus b2ct-reaper.service",
    "program": "cat /opt/b2ct/about",
    "version": "cat /var/lib/one/remotes/VERSION",
    "log": "tail -c 20000 /var/log/one/oned.log | grep -c '\\[E\\]'",
}


@dataclass(frozen=True)
class Frontend:
    """The answers."""

    said: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The answer to one question; empty where there was none."""
        return self.said[name]

    @property
    def oned_answers(self) -> bool:
        """The XML-RPC interface is there."""
        return "methodResponse" in self.said["oned"]


def of(host: Host, site: Site) -> Frontend:
    """Ask the control node."""
    gui = {
        "gui": f"{_STATUS} -L http://127.0.0.1:{expect.one_of(site).gui_port}{expect.gui(site)[1]}"
    }
    return Frontend(sections.ask(host, {**_QUESTIONS, **gui}))


def oned_answers(host: Host, site: Site, node: Node) -> bool:
    """For checks that need it."""
    return expect.is_control(node) and of(host, site).oned_answers
