#!/usr/bin/env bash
# Installs lm_eval, MLflow and promptfoo, which slow tests of the plugs run as programs, into .venv/plugs: an environment
# that sees the packages of the tests, and npm's folder. Without them these tests are skipped and say so.
set -uo pipefail
cd "$(dirname "$0")/.."

home=.venv/plugs
log=$(mktemp)
if [ ! -x "$home/bin/lm_eval" ] || [ ! -x "$home/bin/mlflow" ]; then
  packages=$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')
  inside=${packages#*/.venv/}
  if .venv/bin/python -m venv "$home" >"$log" 2>&1 && 
    echo "import site; site.addsitedir('$packages')" >"$home/$inside/tests.pth" &&
    "$home/bin/pip" install --quiet lm_eval mlflow >>"$log" 2>&1; then
    :
  else
    echo "lm_eval and mlflow could not be installed (see $log); the tests that need them are skipped" >&2
  fi
fi
if [ ! -x "$home/node_modules/.bin/promptfoo" ] && command -v npm >/dev/null; then
  npm install --prefix "$home" --no-audit --no-fund --silent promptfoo >>"$log" 2>&1 ||
    echo "promptfoo could not be installed (see $log); the test that needs it is skipped" >&2
fi
exit 0
