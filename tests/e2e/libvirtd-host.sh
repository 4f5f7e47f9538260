#!/bin/bash
# libvirtd-host.sh FOLDER NAME ADDRESS: becomes the libvirtd of a host of its own.
#
# Run it in the network namespace that has ADDRESS. Everything a libvirtd owns on a machine (its
# sockets, definitions, guests' sockets, caches) is in FOLDER, and it believes that the machine is
# called NAME; the file system is the machine's otherwise, so that hosts share directories. It
# listens on qemu+tcp://ADDRESS/system without asking who calls.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare -m -u --propagation private "$0" --inside "$@"
fi
folder=$2
name=$3
address=$4

mkdir -p "$folder"/{run,lib/qemu,cache,log/qemu,etc/qemu}
[ -s "$folder/uuid" ] || cat /proc/sys/kernel/random/uuid >"$folder/uuid"
cat >"$folder/etc/libvirtd.conf" <<END
unix_sock_dir = "$folder/run"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
listen_addr = "$address"
auth_tcp = "none"
host_uuid = "$(cat "$folder/uuid")"
log_outputs = "3:file:$folder/log/libvirtd.log"
END
# No service of the system takes part: no cgroups, no security labels, no virtlogd.
cat >"$folder/etc/qemu.conf" <<END
security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = []
namespaces = []
seccomp_sandbox = 0
stdio_handler = "file"
END
# Without its own name libvirtd asks the network who it is when a guest starts.
echo "127.0.0.1 localhost $name" >"$folder/hosts"

hostname "$name"
mkdir -p /run/libvirt /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
mount --bind "$folder/run" /run/libvirt
mount --bind "$folder/etc" /etc/libvirt
mount --bind "$folder/lib" /var/lib/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mount --bind "$folder/log" /var/log/libvirt
mount --bind "$folder/hosts" /etc/hosts
exec /usr/sbin/libvirtd --listen -f "$folder/etc/libvirtd.conf" -p "$folder/run/libvirtd.pid"
