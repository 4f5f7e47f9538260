#!/bin/bash
# make-demo-image.sh OUTDIR: a small bootable guest made of Debian packages.
#
#   OUTDIR/demo.qcow2   2 GiB: MBR, FAT (syslinux, kernel, initrd), ext4 at byte 51380224 (/data)
#   OUTDIR/vmlinuz, initrd.gz, cmdline   the same guest for a direct kernel boot
#   OUTDIR/iowriter     the workload of the guest, which also judges copies (tests/support)
#
# Needs no root (but for missing packages), mounts nothing and uses no loop device. Nothing happens
# when OUTDIR was made from the same sources before. Callers at the same time wait for each other,
# and files appear whole, by rename.
#
# The guest logs root in on ttyS0 and tty1 without a password and answers the ACPI button and the
# guest agent (freeze, shutdown, ...). The kernel has no SATA and no e1000: use machine "pc" with
# virtio or IDE disks, an IDE cdrom, virtio NICs. It reads context.sh from an ISO 9660 volume
# labelled CONTEXT:
#   MARKER                  goes into /data/marker, and with the number of boots into /data/markers
#   HOSTNAME, SET_HOSTNAME  name of the guest
#   ETH0_IP, ETH0_MASK, ETH0_GATEWAY
#   FILL_MB=n               random bytes in /data/fill, once
#   WORKLOAD=yes            iowriter on /data/A and /data/B, WORKLOAD_PAUSE_US apart (5000)
#   WORKLOAD=span           iowriter on /data/A and, on the second disk, /data2/B
#   NOAGENT=yes             no guest agent
#   START_SCRIPT            shell text (START_SCRIPT_BASE64 the same, encoded), run before READY
#   ACTION=poweroff|reboot|panic|hang   after READY and ACTION_DELAY seconds; a guest that hangs
#                           hears neither the ACPI button nor the agent
# Lines on the serial console for programs to wait for:
#   NEPH READY marker=<text of /data/marker> boots=<n>
#   IOWRITER number=<n> rounds=<n> worst_ms=<of the last second> worst_ever_ms=<since its start>
#   NEPH DOWN poweroff|reboot, then NEPH BYE with everything unmounted
set -euo pipefail

out=${1:?usage: make-demo-image.sh OUTDIR}
here=$(cd "$(dirname "$0")" && pwd)
writer_source=$here/../tests/support/iowriter.c
mkdir -p "$out"
out=$(cd "$out" && pwd)

data_offset_mib=49
disk_mib=2048
kernel_options="console=tty0 console=ttyS0,115200 quiet panic=0 mitigations=off"
kernel_options+=" random.trust_cpu=on tsc=unstable net.ifnames=0 raid=noautodetect"
# Where the emulated machine gets no processor for a moment, the kernel takes its timer for broken
# and panics.
kernel_options+=" no_timer_check"
modules=(virtio_pci virtio_blk virtio_net virtio_console virtio_scsi virtio_balloon virtio_rng
         ata_piix sd_mod sr_mod isofs ext4 button evdev pvpanic-mmio pvpanic-pci)
applets_kept_ours=(poweroff reboot halt shutdown init)

sources_hash() {
  cat "$here/make-demo-image.sh" "$here"/demo-guest/* "$writer_source" | sha256sum | cut -d' ' -f1
}

is_up_to_date() {
  [ "$(cat "$out/stamp" 2>/dev/null)" = "$hash" ] && [ -s "$out/demo.qcow2" ] &&
    [ -s "$out/vmlinuz" ] && [ -s "$out/initrd.gz" ] && [ -x "$out/iowriter" ]
}

# Kernel and agent are for the guest: their packages are unpacked, never installed here.
fetch_packages() {
  local kernel
  mkdir -p "$out/packages"
  cd "$out/packages"
  if [ ! -e .complete ]; then
    rm -f ./*.deb
    kernel=$(kernel_package)
    if [ -z "$kernel" ] || ! download "$kernel" qemu-guest-agent; then
      update_lists
      rm -f ./*.deb
      kernel=$(kernel_package)
      download "$kernel" qemu-guest-agent || { cat "$work/download.log" >&2; return 1; }
    fi
    touch .complete
  fi
  dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C "$work/unpacked" ./boot ./lib
  dpkg-deb --fsys-tarfile qemu-guest-agent_*.deb | tar -x -C "$work/unpacked" ./usr/sbin
  cd "$work"
}

kernel_package() {
  apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
}

download() { apt-get -q download "$@" >"$work/download.log" 2>&1; }

update_lists() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=600 update >"$work/download.log" 2>&1
}

copy_modules() {
  local version from file relative
  version=$(basename "$work"/unpacked/lib/modules/*)
  from=$work/unpacked/lib/modules/$version
  depmod -b "$work/unpacked" "$version"
  for module in "${modules[@]}"; do
    # What is built in shows no file, which is as good.
    modprobe -d "$work/unpacked" -S "$version" --show-depends "$module" 2>/dev/null || true
  done | awk '$1 == "insmod" { print $2 }' | sort -u >"$work/module-files"
  while read -r file; do
    relative=${file#"$from"/}
    install -D -m 644 "$file" "$root/lib/modules/$version/$relative"
  done <"$work/module-files"
  cp "$from"/modules.order "$from"/modules.builtin "$from"/modules.builtin.modinfo \
     "$root/lib/modules/$version/"
  depmod -b "$root" "$version"
}

copy_agent() {
  local agent=$work/unpacked/usr/sbin/qemu-ga library
  install -D -m 755 "$agent" "$root/usr/sbin/qemu-ga"
  if ldd "$agent" | grep 'not found' >&2; then
    echo "make-demo-image: a library of qemu-ga is missing here" >&2
    return 1
  fi
  ldd "$agent" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' |
    while read -r library; do install -D -m 755 "$library" "$root$library"; done
}

copy_programs() {
  local applet
  install -D -m 755 "$(command -v busybox)" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  for applet in "${applets_kept_ours[@]}"; do rm -f "$root/bin/$applet"; done
  install -m 755 "$new/iowriter" "$root/bin/iowriter"
  install -D -m 755 "$here/demo-guest/init" "$root/init"
  install -D -m 755 "$here/demo-guest/power" "$root/sbin/power"
  install -D -m 755 "$here/demo-guest/shutdown" "$root/sbin/shutdown"
  printf '#!/bin/sh\nexec /sbin/power poweroff\n' >"$root/sbin/poweroff"
  printf '#!/bin/sh\nexec /sbin/power reboot\n' >"$root/sbin/reboot"
  mkdir -p "$root/etc/acpi/PWRF"
  printf '#!/bin/sh\nexec /sbin/power poweroff\n' >"$root/etc/acpi/PWRF/00000080"
  chmod 755 "$root/sbin/poweroff" "$root/sbin/reboot" "$root/etc/acpi/PWRF/00000080"
}

make_initrd() {
  root=$work/root
  mkdir -p "$root"/{proc,sys,dev,run,tmp,data,data2,mnt,root,var/run,var/log,etc/qemu}
  copy_programs
  copy_agent
  copy_modules
  echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  printf 'Nephograph demo guest \\n on \\l\n' >"$root/etc/issue"
  printf 'PRETTY_NAME="Nephograph demo guest"\nID=nephograph-demo\nVERSION_ID=1\n' \
    >"$root/etc/os-release"
  (cd "$root" && find . | cpio -o -H newc -R +0:+0 --quiet | gzip -6) >"$new/initrd.gz"
}

make_boot_partition() {
  local fat=$work/fat.img
  truncate -s "$((data_offset_mib - 1))M" "$fat"
  mkfs.vfat -n NEPHBOOT -h 2048 "$fat" >/dev/null
  printf '%s\n' 'DEFAULT demo' 'PROMPT 0' 'TIMEOUT 0' 'LABEL demo' ' KERNEL vmlinuz' \
    ' INITRD initrd.gz' " APPEND $kernel_options" >"$work/syslinux.cfg"
  mcopy -i "$fat" "$new/vmlinuz" "$new/initrd.gz" "$work/syslinux.cfg" ::/
  syslinux --install "$fat"
}

make_disk() {
  local raw=$work/disk.raw
  truncate -s "${disk_mib}M" "$raw"
  printf 'label: dos\nstart=1MiB, size=%sMiB, type=c, bootable\nstart=%sMiB, type=83\n' \
    "$((data_offset_mib - 1))" "$data_offset_mib" | sfdisk -q "$raw"
  dd if=/usr/lib/syslinux/mbr/mbr.bin of="$raw" bs=440 count=1 conv=notrunc status=none
  make_boot_partition
  dd if="$work/fat.img" of="$raw" bs=1M seek=1 conv=notrunc,sparse status=none
  # Nothing is left for the guest to initialise in the background: a test that looks at what a
  # guest wrote should find only that.
  mke2fs -q -F -t ext4 -L nephdata -i 65536 \
    -E "offset=$((data_offset_mib * 1048576)),lazy_itable_init=0,lazy_journal_init=0" \
    "$raw" "$(((disk_mib - data_offset_mib) * 1024))k" 2>"$work/mke2fs.log" ||
    { cat "$work/mke2fs.log" >&2; return 1; }
  qemu-img convert -f raw -O qcow2 -o compat=1.1 "$raw" "$new/demo.qcow2"
}

publish() {
  local file
  rm -f "$out/stamp"
  for file in vmlinuz initrd.gz cmdline iowriter demo.qcow2; do
    mv -f "$new/$file" "$out/$file"
  done
  echo "$hash" >"$new/stamp"
  mv -f "$new/stamp" "$out/stamp"
}

hash=$(sources_hash)
exec 9>"$out/.lock"
flock 9
if is_up_to_date; then exit 0; fi
PATH=$PATH:/usr/sbin:/sbin # where fdisk and e2fsprogs are, for users other than root
"$here/packages.sh" demo
echo "making the demo image in $out" >&2
rm -rf "$out"/.work.*
work=$(mktemp -d "$out/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
new=$work/new
mkdir -p "$new" "$work/unpacked"
fetch_packages
cp "$work"/unpacked/boot/vmlinuz-* "$new/vmlinuz"
echo "$kernel_options" >"$new/cmdline"
gcc -O2 -static -o "$new/iowriter" "$writer_source"
make_initrd
make_disk
publish
