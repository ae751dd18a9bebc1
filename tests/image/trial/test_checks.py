"""The judges on outputs as VMs printed them; that they see what is wrong."""

from __future__ import annotations

import pytest

from b2ct.context.worker import for_worker
from b2ct.image.trial import checks, told
from b2ct.image.trial.checks import Trial
from b2ct.image.trial.scenario import Source

TOLD = told.for_trial(for_worker(told.practice_site()), "ecdsa-sha2-nistp256 AAAA b2ct-image-test")
TRIAL = Trial(TOLD, Source.OPENNEBULA, 10 * 2**30)
BY_NAME = {check.name: check for check in checks.CHECKS}
SUMS = "\n".join(f"{digest}  {path}" for path, digest in checks.sums(TRIAL).items())

GOOD = {
    "cloud-init": "status: done\nboot_status_code: enabled\ndetail:\nDataSourceOpenNebula [net]",
    "host name": "b2ct-worker-42",
    "user script": told.WORD,
    "root grows": str(int(9.8 * 2**30)),
    "context's files": SUMS,
    "CVMFS proxy": "http://10.0.2.2:3128",
    "services": "",
    "host keys": "",
    "passwords": "root:!*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nuser:!:1::::::",
}


def test_all_is_well() -> None:
    assert set(GOOD) == set(BY_NAME)
    for name, text in GOOD.items():
        finding = BY_NAME[name].finding(TRIAL, 0, text)
        assert not finding.failed, finding


@pytest.mark.parametrize(
    ("name", "code", "text", "found"),
    [
        ("cloud-init", 0, "status: done\nDataSourceNone", "DataSourceNone"),
        ("cloud-init", 1, "status: error\nDataSourceOpenNebula", "status: error"),
        ("host name", 0, "localhost", "localhost"),
        ("user script", 1, "cat: /run/b2ct-image-test: No such file or directory", "No such file"),
        ("user script", 0, told.WORD.replace("$5", ""), "costs"),
        ("root grows", 0, str(8 * 2**30), "8.00 GiB"),
        ("root grows", 1, "df: failed", "0.00 GiB"),
        ("context's files", 1, "", "/etc/cvmfs/default.local"),
        ("context's files", 0, SUMS.replace("0", "1"), "missing or different"),
        ("CVMFS proxy", 0, "DIRECT", "DIRECT"),
        ("services", 0, "autofs.service: inactive", "autofs.service: inactive"),
        ("services", 127, "", "exit code 127"),
        ("host keys", 0, "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa_key"),
        ("host keys", 2, "", "exit code 2"),
        ("passwords", 0, "root::1::::::\nuser:$6$x:1::::::", "open: root, user"),
        ("passwords", 1, "", "could not be read"),
    ],
)
def test_what_is_wrong_is_seen(name: str, code: int, text: str, found: str) -> None:
    finding = BY_NAME[name].finding(TRIAL, code, text)
    assert finding.failed
    assert found in finding.text
    assert "expected: " in finding.text


def test_every_check_is_made_in_the_vm() -> None:
    asked: list[str] = []

    def run(command: str) -> tuple[int, str]:
        asked.append(command)
        return 1, "nothing of the kind"

    findings = list(checks.all_of(TRIAL, run))
    assert not any(not finding.failed for finding in findings)
    assert len(asked) == len(checks.CHECKS)


def test_the_word_survives_only_good_quoting() -> None:
    """It holds each character at which a context, a shell or a YAML file breaks."""
    assert {"'", '"', "$", "`"} <= set(told.WORD)
