#!/bin/bash
# Fuzzes one reader of foreign bytes with libFuzzer under ASan and UBSan.
#
#   tools/fuzz.sh TARGET [SECONDS]   run (600 s); what it learned is kept in build-fuzz/corpus
#   tools/fuzz.sh TARGET --keep      add to tests/fuzz/corpus what was learned and reaches new code
#   tools/fuzz.sh TARGET FILE        run one input, for example a finding
#
# TARGET is a folder of tests/fuzz/corpus. The first run installs clang and builds, which takes
# a while. A finding is written to build-fuzz/TARGET-*, shown, and makes the exit code 1. Mend it,
# then copy that file into tests/fuzz/corpus/TARGET, where ./test runs it from then on.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build-fuzz
target=${1:-}
what=${2:-600}
seeds=$root/tests/fuzz/corpus/$target
if [ -z "$target" ] || [ ! -d "$seeds" ]; then
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  echo "targets: $(ls "$root/tests/fuzz/corpus" | tr '\n' ' ')" >&2
  exit 2
fi
"$root/tools/packages.sh" build fuzz
"$root/tools/build.sh" "$build" "fuzz_$target" -- -DCMAKE_CXX_COMPILER=clang++ \
  -DNEPH_SANITIZE=fuzzer-no-link,address,undefined
program=$build/tests/fuzz_$target
learned=$build/corpus/$target
mkdir -p "$learned"
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# 64 KiB is more than any of the limits on small things that the readers keep.
options=(-max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
         "-artifact_prefix=$build/$target-")
[ ! -f "$root/tests/fuzz/$target.dict" ] || options+=("-dict=$root/tests/fuzz/$target.dict")

# A corpus in the tree is at most 100 files: those that somebody named, then what was learned, from
# the smallest to the largest. libFuzzer names a file by the SHA-1 of its bytes.
keep_learned() {
  local file room every found=$build/found
  rm -rf "$found"
  mkdir -p "$found"
  "$program" -merge=1 -max_len=2048 "$found" "$seeds" "$learned" 2>&1 | tail -n 1
  for file in $(sha1sum "$seeds"/* | cut -d' ' -f1); do rm -f "$found/$file"; done
  room=$((100 - $(ls "$seeds" | wc -l)))
  if [ "$room" -gt 0 ]; then
    every=$((($(ls "$found" | wc -l) + room - 1) / room))
    for file in $(ls -Sr "$found" | awk -v every="$every" 'NR % every == 0'); do
      cp "$found/$file" "$seeds/"
    done
  fi
  echo "$(ls "$seeds" | wc -l) files, $(du -sb "$seeds" | cut -f1) bytes in $seeds"
}

if [ -f "$what" ]; then
  exec "$program" "$what"
elif [ "$what" = --keep ]; then
  keep_learned
else
  "$program" "${options[@]}" "-max_total_time=$what" "$learned" "$seeds"
fi
