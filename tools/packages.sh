#!/bin/bash
# Installs the Debian packages that this project needs and that are not installed yet.
#
#   tools/packages.sh GROUP...          install what is missing of build run demo test full fuzz
#   tools/packages.sh --list GROUP...   print the names, one a line
#   tools/packages.sh --missing GROUP... print the names that are not installed
#
# This is the only list of packages in the tree. With nothing missing it asks dpkg once and
# touches neither the network nor apt's lock.
set -euo pipefail

packages_of() {
  case $1 in
    build) # to compile nephd and neph
      echo g++ cmake ninja-build ccache pkg-config
      echo libboost1.81-dev libboost-json1.81-dev libfmt-dev libspdlog-dev libexpected-dev
      echo libsqlite3-dev libpugixml-dev libsodium-dev libssl-dev libcli11-dev libsystemd-dev
      echo libvirt-dev libxmlrpc-core-c3-dev libxmlrpc-c++8-dev
      # The top CMakeLists.txt looks for GoogleTest whether or not tests are built.
      echo libgtest-dev libgmock-dev ;;
    run) # to run guests in the embedded host
      # libvirt-daemon brings no service, only programs; the driver needs its libvirt_iohelper to
      # save a guest's memory.
      echo libvirt-daemon-driver-qemu libvirt-daemon dmidecode passwd
      echo qemu-system-x86 qemu-utils seabios genisoimage ;;
    demo) # to make the demo image: the guest's own programs, and what writes disks without mounting
      echo busybox-static cpio kmod syslinux syslinux-common mtools dosfstools fdisk e2fsprogs
      echo qemu-utils gcc libc6-dev
      # qemu-ga of the guest is linked against these; they are copied into the image.
      echo libglib2.0-0 libnuma1 libudev1 liburing2 libpcre2-8-0 ;;
    test) # to run libvirtd in network namespaces and to look into images from outside
      echo libvirt-daemon-system libvirt-clients iproute2 gnutls-bin xfsprogs
      echo libxml2-utils clang-format procps util-linux mount python3 ;;
    full | fuzz) # the sanitizers of ./test --full, and libFuzzer of tools/fuzz.sh
      echo clang libclang-rt-14-dev ;;
    *)
      echo "packages.sh: unknown group '$1' (build, run, demo, test, full, fuzz)" >&2
      return 2 ;;
  esac
}

names_of() {
  local group
  for group in "$@"; do packages_of "$group"; done | tr ' ' '\n' | sort -u
}

# dpkg-query fails when it does not know one of the names, so its status says nothing here.
missing_of() {
  local installed
  # shellcheck disable=SC2046
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $(names_of "$@") 2>/dev/null |
              sed -n 's/^installed //p' | sort -u) || true
  comm -23 <(names_of "$@") <(printf '%s\n' "$installed")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "packages.sh: be root, or install sudo" >&2
    return 1
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# libvirt's QEMU driver does not start in a root process where these accounts are missing. In
# Debian the package of the system daemon makes them, which nothing here needs; they are made
# as it would make them, with the ids that Debian keeps for them.
ensure_qemu_accounts() {
  getent passwd libvirt-qemu >/dev/null && getent group libvirt-qemu >/dev/null && return
  getent group kvm >/dev/null || as_root groupadd --system kvm
  getent group libvirt-qemu >/dev/null || as_root groupadd --gid 64055 libvirt-qemu
  getent passwd libvirt-qemu >/dev/null ||
    as_root useradd --uid 64055 --gid kvm --groups libvirt-qemu --home-dir /var/lib/libvirt \
      --no-create-home --shell /usr/sbin/nologin --comment 'Libvirt Qemu' libvirt-qemu
}

# The lists may be absent (a new machine) or older than what the mirror still serves, so a failed
# install is tried once more after an update.
install_missing() {
  local names log
  mapfile -t names < <(missing_of "$@")
  [ ${#names[@]} -gt 0 ] || return 0
  log=$(mktemp "${TMPDIR:-/tmp}/neph-apt.XXXXXX")
  echo "installing ${#names[@]} Debian packages: ${names[*]}" >&2
  local install=(install -y --no-install-recommends "${names[@]}")
  if ! apt "${install[@]}" >"$log" 2>&1 &&
     ! { apt update && apt "${install[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "packages.sh: apt-get failed; its output is in $log" >&2
    return 1
  fi
  rm -f "$log"
}

for group in "${@:2}"; do packages_of "$group" >/dev/null; done
case ${1:-} in
  --list) names_of "${@:2}" ;;
  --missing) missing_of "${@:2}" ;;
  ''|-*) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  *)
    packages_of "$1" >/dev/null
    install_missing "$@"
    case " $* " in *' run '*) ensure_qemu_accounts ;; esac ;;
esac
