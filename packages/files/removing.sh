#!/bin/sh
# What both kinds of package do before their files go.
set -e

if [ -d /run/systemd/system ]; then
  for unit in b2ct-gateway.service b2ct-gateway-key.path b2ct-reaper.timer; do
    # One that lies in /etc is a kickstart's: it runs another copy of B2CT.
    if [ ! -e "/etc/systemd/system/$unit" ]; then
      systemctl --quiet disable --now "$unit" || :
    fi
  done
fi
find /usr/lib/b2ct/lib -depth -name __pycache__ -exec rm -rf {} +
