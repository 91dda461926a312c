#!/usr/bin/env bash
# Makes resources/sample-disk.img: a small GPT disk with an EFI partition, a Linux file system and swap, to try Diskpress with.
# The same bytes each time on the same versions of the tools. needs: gdisk dosfstools mtools e2fsprogs util-linux
set -euo pipefail
OUT=$(dirname "$0")/../resources/sample-disk.img
WORK=$(mktemp -d); trap 'rm -rf "$WORK"' EXIT
export SOURCE_DATE_EPOCH=1767225600 E2FSPROGS_FAKE_TIME=1767225600
rm -f "$OUT"; truncate -s 16M "$OUT"
sgdisk -U 5A3D1E00-0000-4000-8000-000000000001 \
  -n1:2048:+4M -t1:ef00 -c1:EFI -u1:5A3D1E00-0000-4000-8000-000000000002 \
  -n2:10240:+8M -t2:8300 -c2:system -u2:5A3D1E00-0000-4000-8000-000000000003 \
  -n3:26624:+2M -t3:8200 -c3:swap -u3:5A3D1E00-0000-4000-8000-000000000004 "$OUT" >/dev/null
mkfs.vfat -F12 -n EFI -i 5A3D1E01 --invariant --offset 2048 "$OUT" 4096 >/dev/null
mkdir -p "$WORK/root/etc" "$WORK/root/home/student"
echo 'NAME="Sample system"' > "$WORK/root/etc/os-release"
echo sample > "$WORK/root/etc/hostname"
for n in $(seq 1 200); do echo "Exercise $n: $(seq -s ' ' "$n" $((n + 400)))" > "$WORK/root/home/student/exercise-$n.txt"; done
mke2fs -q -t ext4 -L system -U 5a3d1e00-0000-4000-8000-000000000005 -E hash_seed=5a3d1e00-0000-4000-8000-000000000006,root_owner=0:0 \
  -d "$WORK/root" "$WORK/ext4" 8M
dd if="$WORK/ext4" of="$OUT" bs=512 seek=10240 conv=notrunc,sparse status=none
truncate -s 2M "$WORK/swap"; mkswap -q -L swap -U 5a3d1e00-0000-4000-8000-000000000007 "$WORK/swap"
dd if="$WORK/swap" of="$OUT" bs=512 seek=26624 conv=notrunc,sparse status=none
