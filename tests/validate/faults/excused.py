"""Checks that no fault of the table makes fail: why none can be made here, and what proves them."""

from __future__ import annotations

_ABSENT = "tests/validate/suites/test_absent.py"
_CLOUD = "tests/validate/suites/test_cloud.py"
_DIRAC = "tests/rehearsal/site/test_dirac.py"
_TRIAL = "tests/validate/trial/test_vms.py"
_NFS = "a practice site has no file server"
_LVM = "a practice site has no shared block storage"
_CEPH = "a practice site has no Ceph cluster"
_MODULES = "the kernel is this computer's, and nodes may load no modules"
_GRID = "only a site made with `--dirac` has it"
_VMS = "no VM can run on a practice site"

EXCUSED = {
    "bonds-are-whole": (_MODULES, _ABSENT),
    "vlans-are-right": (_MODULES, _ABSENT),
    "raid-is-whole": (_MODULES, _ABSENT),
    "datastores-are-in-fstab": (_NFS, _ABSENT),
    "nfs-version-is-right": (_NFS, _ABSENT),
    "datastores-are-labelled": ("this computer's kernel has no SELinux", _ABSENT),
    "shared-volumes-are-seen": (_LVM, _ABSENT),
    "oneadmin-may-use-volumes": (_LVM, _ABSENT),
    "ceph-key-is-known": (_CEPH, _ABSENT),
    "ceph-pool-answers": (_CEPH, _ABSENT),
    "release-is-maintained": ("practice nodes are of one release", _ABSENT),
    "all-stratum1s-answer": ("squid may still have what the silent one had given", _ABSENT),
    "cache-is-of-use": ("squid's counters have hits of all that was asked before", _ABSENT),
    "clusters-are-as-described": ("a practice site describes no clusters", _CLOUD),
    "networks-have-addresses-left": ("the double of oned is asked directly", _CLOUD),
    "opennebula-version-is-as-asked": ("the double of oned speaks one version", _CLOUD),
    "dirac-user-is-as-described": (_GRID, _DIRAC),
    "reaper-runs": (_GRID, _DIRAC),
    "program-is-current": (_GRID, _DIRAC),
    "reaper-works": (_GRID, _DIRAC),
    "test-vms-run": (_VMS, _TRIAL),
    "test-vms-are-contextualised": (_VMS, _TRIAL),
    "test-vms-have-software": (_VMS, _TRIAL),
    "test-vms-run-a-job": (_VMS, _TRIAL),
    "test-vms-are-removed": (_VMS, _TRIAL),
    "dirac-starts-and-ends-vms": (_VMS, _TRIAL),
}
"""Check -> (why none can be made, the file of the tests that prove it with what stands for it)."""
