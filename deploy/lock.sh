#!/bin/bash
# Renews the three lock files from pyproject.toml: exact versions with hashes, no addresses.
# `uv` comes from the development packages. Run it, look at the difference, run `make test`, commit.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS UV_FIND_LINKS
export UV_CUSTOM_COMPILE_COMMAND="deploy/lock.sh"
compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
compile --group node -o requirements-node.lock
