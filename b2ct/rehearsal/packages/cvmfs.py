"""The CVMFS client as practice packages: its files, configuration and dependencies, no file system.

File lists and dependencies follow packaging/ of github.com/cvmfs/cvmfs (2.11 and later).
"""

from __future__ import annotations

from .package import (
    SUFFIX,
    Item,
    PracticePackage,
    config,
    folder,
    link,
    script,
    stub,
    text,
)

VERSION = f"2.13.3{SUFFIX}"
CONFIG_VERSION = f"2.2{SUFFIX}"
DOMAINS = ("cern.ch", "egi.eu", "opensciencegrid.org")
_LICENSE = "BSD-3-Clause"

_DEFAULT_CONF = """\
# Practice: the parameters that the client starts from. Do not edit; use default.local.
CVMFS_CLIENT_PROFILE=
CVMFS_CACHE_BASE=/var/lib/cvmfs
CVMFS_QUOTA_LIMIT=4000
CVMFS_MOUNT_DIR=/cvmfs
CVMFS_RELOAD_SOCKETS=/var/run/cvmfs
CVMFS_STRICT_MOUNT=no
CVMFS_SHARED_CACHE=yes
CVMFS_TIMEOUT=5
CVMFS_TIMEOUT_DIRECT=10
CVMFS_USER=cvmfs
CVMFS_CONFIG_REPOSITORY=cvmfs-config.cern.ch
CVMFS_DEFAULT_DOMAIN=cern.ch
"""

# What the real program does first: default.conf, default.d, default.local, domain.d, config.d.
_CONFIG_SH = """\
. /etc/cvmfs/default.conf
cvmfs_mkfqrn() { case $1 in *.*) echo "$1" ;; *) echo "$1.$CVMFS_DEFAULT_DOMAIN" ;; esac; }
cvmfs_readconfig() { # FQRN
    for file in /etc/cvmfs/default.conf /etc/cvmfs/default.d/*.conf /etc/cvmfs/default.local \\
        "/etc/cvmfs/domain.d/${1#*.}.conf" "/etc/cvmfs/domain.d/${1#*.}.local" \\
        "/etc/cvmfs/config.d/$1.conf" "/etc/cvmfs/config.d/$1.local"; do
        # shellcheck source=/dev/null
        [ ! -f "$file" ] || . "$file"
    done
}
"""

_CVMFS_CONFIG = """\
. /etc/cvmfs/config.sh
case ${1:-} in
setup)
    mkdir -p /cvmfs /etc/auto.master.d
    [ -f /etc/auto.master.d/cvmfs.autofs ] ||
        echo '/cvmfs /etc/auto.cvmfs' >/etc/auto.master.d/cvmfs.autofs
    ;;
showconfig)
    fqrn=$(cvmfs_mkfqrn "${2:-cern.ch}")
    cvmfs_readconfig "$fqrn"
    set | sed -n '/^CVMFS_/p'
    ;;
reload | status) ;;
*)
    echo "cvmfs_config ${1:-}: a practice package is installed: it mounts nothing" >&2
    exit 1
    ;;
esac
"""

_AUTO_CVMFS = """\
. /etc/cvmfs/config.sh
. /etc/cvmfs/default.conf
echo "-fstype=cvmfs :$(cvmfs_mkfqrn "$1")"
"""


def _client_items(library_folder: str) -> tuple[Item, ...]:
    return (
        stub("/usr/bin/cvmfs2"),
        stub("/usr/bin/cvmfs_talk"),
        stub("/usr/bin/cvmfs_fsck"),
        stub("/usr/sbin/mount.cvmfs", code=32),  # mount(8): 32 is a mount failure
        script("/usr/bin/cvmfs_config", _CVMFS_CONFIG),
        script("/usr/libexec/cvmfs/auto.cvmfs", _AUTO_CVMFS),
        link("/etc/auto.cvmfs", "/usr/libexec/cvmfs/auto.cvmfs"),
        text(f"{library_folder}/libcvmfs_fuse.so", "practice\n", 0o755),
        config("/etc/cvmfs/default.conf", _DEFAULT_CONF),
        text("/etc/cvmfs/config.sh", _CONFIG_SH),
        text("/etc/cvmfs/default.d/README", "Files of packages; they are read in their order.\n"),
        config("/etc/bash_completion.d/cvmfs", "# practice\n"),
        # The real package brings it against autofs units that kill the client's mounts.
        text(
            "/usr/lib/systemd/system/autofs.service.d/50-cvmfs.conf",
            "[Service]\nKillMode=process\n",
        ),
        folder("/cvmfs"),
        folder("/etc/cvmfs/config.d"),
        folder("/etc/cvmfs/domain.d"),
        folder("/etc/cvmfs/keys"),
    )


def _config_items() -> tuple[Item, ...]:
    servers = {
        "cern.ch": "http://cvmfs-stratum-one.cern.ch/cvmfs/@fqrn@",
        "egi.eu": "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/@fqrn@",
        "opensciencegrid.org": "http://cvmfs-s1bnl.opensciencegrid.org:8000/cvmfs/@fqrn@",
    }
    items: list[Item] = []
    for domain in DOMAINS:
        lines = (
            "# practice",
            f'CVMFS_SERVER_URL="{servers[domain]}"',
            f"CVMFS_KEYS_DIR=/etc/cvmfs/keys/{domain}",
            "CVMFS_USE_GEOAPI=yes",
        )
        items += [
            config(f"/etc/cvmfs/domain.d/{domain}.conf", "\n".join(lines) + "\n"),
            folder(f"/etc/cvmfs/keys/{domain}"),
        ]
    names = ("cern-it1.cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch")
    no_key = "practice: no key\n"
    return (
        *items,
        *(text(f"/etc/cvmfs/keys/cern.ch/{name}.pub", no_key, 0o444) for name in names),
        text("/etc/cvmfs/keys/egi.eu/egi.eu.pub", no_key, 0o444),
        text("/etc/cvmfs/keys/opensciencegrid.org/opensciencegrid.org.pub", no_key, 0o444),
        config(
            "/etc/cvmfs/default.d/50-cern.conf",
            "CVMFS_CONFIG_REPOSITORY=cvmfs-config.cern.ch\nCVMFS_DEFAULT_DOMAIN=cern.ch\n"
            'CVMFS_PAC_URLS="http://grid-wpad/wpad.dat;http://wpad/wpad.dat"\n'
            'CVMFS_HTTP_PROXY="auto;DIRECT"\n',
        ),
        config(
            "/etc/cvmfs/config.d/cvmfs-config.cern.ch.conf",
            "CVMFS_KEYS_DIR=/etc/cvmfs/keys/cern.ch\n",
        ),
    )


_DEB_POSTINST = """\
set -e
[ "$1" = configure ] || exit 0
getent passwd cvmfs >/dev/null ||
    adduser --system --group --no-create-home --home /var/lib/cvmfs cvmfs
install -d -m 0700 -o cvmfs -g cvmfs /var/lib/cvmfs
"""

_RPM_PRE = """\
getent passwd cvmfs >/dev/null ||
    useradd -r -d /var/lib/cvmfs -s /sbin/nologin -c "CernVM-FS service account" cvmfs
:
"""


def debs() -> tuple[PracticePackage, ...]:
    """The packages as the APT repository has them."""
    return (
        PracticePackage(
            "cvmfs",
            "CernVM File System (practice)",
            VERSION,
            _client_items("/usr/lib"),
            requires=(
                *("cvmfs-config-default | cvmfs-config", f"cvmfs-libs (= {VERSION})", "adduser"),
                *("gawk", "psmisc", "lsof", "autofs", "fuse", "curl", "attr", "libfuse2"),
                *("zlib1g", "gdb", "uuid-dev", "uuid"),
            ),
            scripts={"postinst": _DEB_POSTINST},
            license=_LICENSE,
        ),
        _fuse3("/usr/lib", "fuse3", "libfuse3-3"),
        *_common(f"cvmfs-config (= {CONFIG_VERSION})", "/usr/lib"),
    )


def rpms() -> tuple[PracticePackage, ...]:
    """The packages as the dnf repository has them."""
    state = folder("/var/lib/cvmfs", 0o700, "cvmfs")
    return (
        PracticePackage(
            "cvmfs",
            "CernVM File System (practice)",
            VERSION,
            (*_client_items("/usr/lib64"), state),
            requires=(
                *("cvmfs-config", f"cvmfs-libs = {VERSION}", "bash", "coreutils", "grep", "gawk"),
                *("sed", "psmisc", "lsof", "autofs", "fuse", "fuse-libs", "curl", "attr", "gdb"),
                *("zlib", "which", "shadow-utils", "util-linux", "glibc-common"),
            ),
            scripts={"pre": _RPM_PRE, "post": "[ ! -d /run/cvmfs ] || cvmfs_config reload\n:\n"},
            license=_LICENSE,
        ),
        _fuse3("/usr/lib64", "fuse3", "fuse3-libs"),
        *_common(f"cvmfs-config = {CONFIG_VERSION}", "/usr/lib64"),
    )


def _fuse3(library_folder: str, *requires: str) -> PracticePackage:
    """The client's module for libfuse3; the client itself brings that for libfuse 2."""
    return PracticePackage(
        "cvmfs-fuse3",
        "CernVM File System module for libfuse3 (practice)",
        VERSION,
        (text(f"{library_folder}/libcvmfs_fuse3.so", "practice\n", 0o755),),
        requires=requires,
        license=_LICENSE,
    )


def _common(provided: str, library_folder: str) -> tuple[PracticePackage, ...]:
    return (
        PracticePackage(
            "cvmfs-config-default",
            "CernVM File System default configuration and public keys (practice)",
            CONFIG_VERSION,
            _config_items(),
            provides=(provided,),
            license=_LICENSE,
        ),
        PracticePackage(
            "cvmfs-libs",
            "CernVM File System libraries (practice)",
            VERSION,
            (text(f"{library_folder}/libcvmfs_client.so", "practice\n", 0o755),),
            license=_LICENSE,
        ),
    )
