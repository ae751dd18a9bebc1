#!/bin/sh
# Root is locked, and no account has a password: this is a check as well, which ends the build.
set -eu
root=${ROOT:-}
shadow=$root/etc/shadow

# The day of the last change differs from build to build; empty, passwords do not age.
awk -F: -v OFS=: '{ if ($1 == "root") $2 = "!*"; $3 = ""; print }' "$shadow" >"$shadow.new"
chown --reference="$shadow" "$shadow.new"
chmod --reference="$shadow" "$shadow.new"
mv -f "$shadow.new" "$shadow"

if grep -Ev '^[^:]+:[!*]' "$shadow" | cut -d: -f1 | sed 's/^/account with a password, or with none to ask for: /' | grep . >&2; then
    echo "an image may not have passwords: let the script that sets one use 'usermod -p !' or a key" >&2
    exit 1
fi
if grep -Ev '^[^:]*:x:' "$root/etc/passwd" >&2; then
    echo "/etc/passwd has passwords of its own in these lines: each needs 'x' there" >&2
    exit 1
fi
if [ -z "$root" ] && command -v visudo >/dev/null; then visudo -c -q; fi
