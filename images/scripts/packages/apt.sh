#!/bin/sh
# Repositories and packages, where the system is there already (a cloud image under Packer). The
# definition's repositories take the place of those that the system came with.
set -eu

for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    case $file in
    */b2ct-*) ;;
    *) rm -f "$file" ;;
    esac
done
/bin/sh "$B2CT_BUNDLE/put-files.sh" packages
apt-get --quiet --option Acquire::Retries=3 --error-on=any update
xargs apt-get --quiet --yes --no-install-recommends --option Dpkg::Options::=--force-confold install \
    <"$B2CT_BUNDLE/packages.names"
xargs rm -f <"$B2CT_BUNDLE/packages.passing"
