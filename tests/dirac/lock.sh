#!/bin/bash
# Writes tests/dirac/requirements.lock anew from requirements.in, with hashes. Needs uv.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
exec uv pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate \
    --custom-compile-command tests/dirac/lock.sh --output-file requirements.lock "$@" requirements.in
