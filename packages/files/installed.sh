#!/bin/sh
# What both kinds of package do once their files are there.
set -e

# Byte code is made here, by the Python that is here; the package carries none.
# What an older version left goes first.
find /usr/lib/b2ct/lib -depth -name __pycache__ -exec rm -rf {} +
find /usr/lib/b2ct/lib -depth -type d -empty -delete
/usr/lib/b2ct/bin/python3 -m compileall -q /usr/lib/b2ct/lib || :

if command -v systemd-sysusers > /dev/null; then
  systemd-sysusers b2ct.conf
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if [ ! -e /etc/systemd/system/b2ct-gateway.service ]; then
    systemctl try-restart b2ct-gateway.service
  fi
fi
