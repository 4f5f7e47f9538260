#!/bin/bash
# isolated.sh COMMAND...: runs a command so that nothing it starts can outlive it.
#
# As root the command gets its own process, mount and network namespaces (loopback only): when it
# ends, however it ends, the kernel ends every process that is left and takes back every mount and
# every network namespace. Its file system is the machine's. Where namespaces cannot be made the
# command runs as it is.
set -euo pipefail

if [ "${1:-}" = --inside ]; then
  shift
  # "ip netns" keeps its names as files here; a tmpfs takes them along when it goes.
  mkdir -p /run/netns
  mount -t tmpfs tmpfs /run/netns
  mount -t sysfs sysfs /sys 2>/dev/null || true
  ip link set lo up
  # This shell is process 1: it stays, to reap orphans.
  "$@" &
  wait $!
  exit
fi

if [ "$(id -u)" = 0 ] && unshare -m -p -n -f --kill-child --mount-proc true 2>/dev/null; then
  exec unshare -m -p -n -f --kill-child --mount-proc "$0" --inside "$@"
fi
exec "$@"
