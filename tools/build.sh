#!/bin/bash
# build.sh DIR TARGET... [-- CMAKE_OPTION...]: configures DIR when needed and builds the targets.
#
# On a terminal ninja shows one moving line; elsewhere only what fails is shown. A build directory
# that was configured with other options is configured again.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:?usage: build.sh DIR TARGET... [-- CMAKE_OPTION...]}
shift
targets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
[ $# -eq 0 ] || shift
options=(-G Ninja -DCMAKE_BUILD_TYPE=Release "$@")

configure() {
  local log=$dir/configure.log
  if [ "$(cat "$dir/configured-with" 2>/dev/null)" = "${options[*]}" ] && [ -f "$dir/build.ninja" ]
  then
    return
  fi
  echo "configuring $dir" >&2
  cmake -S "$root" -B "$dir" "${options[@]}" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  printf '%s\n' "${options[*]}" >"$dir/configured-with"
}

mkdir -p "$dir"
# Two builds in one directory would fight over its files.
exec 8>"$dir/.lock"
flock 8
configure
log=$dir/build.log
if [ -t 1 ] && [ -z "${CI:-}" ]; then
  NINJA_STATUS='building [%f/%t] ' ninja -C "$dir" "${targets[@]}" 8>&-
else
  started=$SECONDS
  NINJA_STATUS='[%f/%t] ' ninja -C "$dir" "${targets[@]}" >"$log" 2>&1 8>&- ||
    { grep -n -m 1 -A 60 '^FAILED' "$log" >&2 || tail -n 60 "$log" >&2; exit 1; }
  grep -q 'no work to do' "$log" || echo "built $dir in $((SECONDS - started)) s" >&2
fi
