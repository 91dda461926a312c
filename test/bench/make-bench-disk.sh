#!/usr/bin/env bash
# Builds the disk of the benchmark: 12 GiB, GPT, one ext4 with at least 2.5 GB of real files of this machine (programs,
# libraries, documents, packages), and 1.5 GB of random data that was deleted again.
# usage: make-bench-disk.sh OUT.img     needs: root, gdisk e2fsprogs util-linux
set -euo pipefail
OUT=$1
MIN_MB=2600
rm -f "$OUT"; truncate -s 12G "$OUT"
sgdisk -n1:2048:0 -t1:8300 "$OUT" >/dev/null
START=$((2048 * 512)); LEN=$(( ($(stat -c %s "$OUT") - 34 * 512 - START) / 4096 * 4096 ))
MNT=$(mktemp -d)
LOOP=$(losetup -f --show -o $START --sizelimit $LEN "$OUT")
trap 'umount "$MNT" 2>/dev/null || true; losetup -d "$LOOP" 2>/dev/null || true; rmdir "$MNT"' EXIT
mkfs.ext4 -q "$LOOP"; mount "$LOOP" "$MNT"
mkdir "$MNT/deleted"; head -c 750M /dev/urandom > "$MNT/deleted/a"
for from in /usr/lib /usr/share /usr/bin /usr/sbin /opt /var/cache/apt /usr/include /usr/local /root/.pyenv /root/.cargo /root/.rustup; do
  [ -d "$from" ] || continue
  [ "$(du -sm --exclude=deleted "$MNT" | cut -f1)" -lt $MIN_MB ] || break
  mkdir -p "$MNT$from"; cp -a --one-file-system "$from/." "$MNT$from/" 2>/dev/null || true
  [ "$(du -sm --exclude=deleted "$MNT" | cut -f1)" -lt 1200 ] || [ -e "$MNT/deleted/b" ] || head -c 750M /dev/urandom > "$MNT/deleted/b"
done
sync; rm -r "$MNT/deleted"; sync
echo "$(du -sm "$MNT" | cut -f1) MB of files"
