#!/bin/sh
# Repositories and packages, where the system is there already (a cloud image under Packer). The
# distribution's own repository files stay.
set -eu

/bin/sh "$B2CT_BUNDLE/put-files.sh" packages
if command -v dnf >/dev/null; then
    xargs dnf --assumeyes --setopt=install_weak_deps=False install <"$B2CT_BUNDLE/packages.names"
else
    xargs yum --assumeyes install <"$B2CT_BUNDLE/packages.names"
fi
xargs rm -f <"$B2CT_BUNDLE/packages.passing"
