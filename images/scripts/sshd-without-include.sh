#!/bin/sh
# OpenSSH before 8.2 knows no Include: what is in sshd_config.d goes to the top of sshd_config, where the
# first value of an option counts.
set -eu
config=${ROOT:-}/etc/ssh/sshd_config
begin='# B2CT: from sshd_config.d'
end='# B2CT: end'

{
    echo "$begin"
    cat "${ROOT:-}"/etc/ssh/sshd_config.d/*b2ct*.conf
    echo "$end"
    sed "/^$begin\$/,/^$end\$/d" "$config"
} >"$config.new"
chown --reference="$config" "$config.new"
chmod --reference="$config" "$config.new"
mv -f "$config.new" "$config"
