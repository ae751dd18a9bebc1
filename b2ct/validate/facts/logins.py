"""Why oneadmin cannot log in: what ssh said, and the log of the sshd that refused, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.advice import HANDS
from b2ct.validate.facts import sections
from b2ct.validate.facts.paths import ONE
from b2ct.validate.given import fresh

if TYPE_CHECKING:
    from testinfra.host import Host

_QUESTIONS = {
    # What its sshd wrote about oneadmin since then: only there the reason is told.
    "log": "{ journalctl -u sshd --since @SINCE -o cat --no-pager || tail -n 20 /var/log/secure; }"
    " | grep -E 'oneadmin|/var/lib/one|Certificate invalid|error: .*(fork|session)' | tail -n 6",
    "nologin": "ls /etc/nologin /run/nologin",
}
_FILES = "/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf"


@dataclass(frozen=True)
class Cause:
    """A reason that ssh or sshd gives."""

    said: str
    """A pattern of their words."""
    words: str
    """The same for a person. `{0}` stands for the pattern's first group."""
    mends: str
    """A command on the hypervisor; with CONTROL before it: on the control node; or by hand."""


CONTROL = "control: "
_RELOAD = "systemctl reload sshd"


def _taken_off(option: str) -> str:
    """The command that takes oneadmin off a list of sshd's settings."""
    one = rf"s/^\( *{option}\b.*\)[[:space:]]oneadmin\b/\1/I"
    return f"sed -i '{one}; /^ *{option} *$/Id' {_FILES}; {_RELOAD}"


def _put_on(option: str) -> str:
    """The command that puts oneadmin on a list of sshd's settings."""
    return f"sed -i 's/^ *{option} .*/& oneadmin/I' {_FILES}; {_RELOAD}"


CAUSES = (
    Cause(r"listed in DenyUsers", "its sshd refuses oneadmin by name (DenyUsers)",
          _taken_off("DenyUsers")),
    Cause(r"not listed in AllowUsers", "its sshd lets in others by name (AllowUsers)",
          _put_on("AllowUsers")),
    Cause(r"groups? (?:is|are) listed in DenyGroups", "its sshd refuses oneadmin's group",
          _taken_off("DenyGroups")),
    Cause(r"groups are listed in AllowGroups|not in AllowGroups",
          "its sshd lets in others by group (AllowGroups)", _put_on("AllowGroups")),
    Cause(r"bad ownership or modes for (?:directory|file) (\S+)",
          "its sshd ignores oneadmin's keys, as others may change {0}",
          "chown oneadmin: {0}; chmod go-w {0}"),
    Cause(r"expired password for user|password.{0,40} expired|failed to change password|"
          r"password change", "oneadmin's password has expired there",
          "chage -M -1 -I -1 -d 20000 oneadmin"),
    Cause(r"account (?:oneadmin )?has expired", "oneadmin's account has expired there",
          "chage -E -1 oneadmin"),
    Cause(r"shell (\S+) (?:is not executable|does not exist)",
          "oneadmin's shell {0} cannot run there", "usermod -s /bin/bash oneadmin"),
    Cause(r"account is currently not available", "oneadmin's shell lets nobody in there",
          "usermod -s /bin/bash oneadmin"),
    Cause(r"Certificate invalid: expired", "the certificate of oneadmin's key has expired",
          f"{CONTROL}/usr/libexec/b2ct/sign-oneadmin"),
    Cause(r"Certificate invalid: not yet valid",
          "the certificate of oneadmin's key is not valid yet: is a clock wrong?",
          f"{CONTROL}/usr/libexec/b2ct/sign-oneadmin"),
    Cause(r"Host key verification failed|IDENTIFICATION HAS CHANGED",
          "it shows another host key than the one that oneadmin knows",
          CONTROL + "b2ct-register --forget {name}"),
    Cause(r"(/(?:etc|run)/nologin)|System is (?:booting up|going down)|pam_nologin",
          "it lets in nobody but root (a file nologin)", "rm -f /etc/nologin /run/nologin"),
    Cause(r"Read-only file system", "a file system is read-only ({whole})",
          f"{HANDS}`findmnt -O ro` there shows which"),
    Cause(r"No space left on device", "a file system is full ({whole})",
          f"{HANDS}`df -h; df -i` there shows which"),
    Cause(r"Resource temporarily unavailable|[Cc]annot fork|fork failed"
          r"|(?:exec|shell) request failed",
          "oneadmin may start no more processes there",
          f"{HANDS}`ps -u oneadmin` and the files of /etc/security/limits.d there show why"),
    Cause(r"timed out|lets nobody in", "nothing answers at its port 22",
          f"{HANDS}`nft list ruleset` there shows what drops it; else look at the network"),
    Cause(r"No route to host|Network is unreachable|Connection refused",
          "its port 22 is closed to the control node",
          f"{HANDS}`nft list ruleset` and `ss -lnt` there show why"),
    Cause(r"Could not resolve|Name or service not known|Temporary failure in name",
          "the control node does not know its name", f"{HANDS}see names-lead-to-nodes"),
    Cause(r"Permission denied", "it takes neither key nor certificate of oneadmin", "b2ct-trust"),
)  # fmt: skip
"""The first that fits is told: what is sure comes before what may have many reasons."""
_UNKNOWN = Cause("", "nobody says why", f"{CONTROL}b2ct-register")


@dataclass(frozen=True)
class Why:
    """The reason for which a log-in failed."""

    words: str
    mends: str
    """As in Cause."""


def now(host: Host) -> int:
    """The hypervisor's own time, in seconds since 1970; 0 where it does not tell."""
    said = fresh(host, "date +%s").stdout.strip()
    return int(said) if said.isdigit() else 0


def ask(host: Host, since: int) -> str:
    """What the hypervisor itself says of log-ins that were refused since a time of its own."""
    questions = {name: text.replace("SINCE", str(since)) for name, text in _QUESTIONS.items()}
    answers = sections.parse(fresh(host, sections.command(questions)).stdout)
    return "\n".join(answers.values())


def why(said: str, there: str, name: str) -> Why:
    """Of what ssh `said`, and what the hypervisor `name` itself says."""
    text = f"{there}\n{said}"
    for cause in CAUSES:
        if found := re.search(cause.said, text):
            first = (found.groups() or ("",))[0] or ""
            whole = next((line for line in text.splitlines() if found[0] in line), found[0])
            told = {"name": name, "whole": " ".join(whole.split())[:120]}
            return Why(cause.words.format(first, **told), _filled(cause.mends, first, name))
    return Why(_UNKNOWN.words, _UNKNOWN.mends)


def _filled(command: str, first: str, name: str) -> str:
    # A path that a log names is no command: what is odd is left to a person.
    if "{0}" in command and not re.fullmatch(rf"{ONE}[\w./-]*", first):
        return f"{HANDS}others may not change {first or 'its folders'} there"
    return command.replace("{0}", first).replace("{name}", name)
