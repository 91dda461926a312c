# Puts an unpacked system onto a disk of its own, in one of five layouts: table, file systems, fstab, GRUB for BIOS and for UEFI. File
# systems are made by the system's own programs, on files, so no partition has to appear. unshare(1) runs it: what is mounted ends with it.
# make-guest.sh SYSTEM.tar LAYOUT DISK MIB SECTOR_BYTES KEY.pub RECORD
set -eu
system=$1 layout=$2 disk=$3 mib=$4 sector=$5 key=$6 record=$7

work=$(mktemp -d "${TMPDIR:-/tmp}/diskpress-boot-XXXXXX")
loop=
at_end() {
	umount -R "$work/root" "$work/tools" 2>/dev/null || true
	[ -z "$loop" ] || losetup -d "$loop"
	rm -rf --one-file-system "$work"
}
trap at_end EXIT
root=$work/root tools=$work/tools
mkdir "$root" "$tools" "$work/made"
mount --bind "$tools" "$tools"
tar -xpf "$system" -C "$tools"
mount --bind /dev "$tools/dev"
# programs look there for what is mounted
mount --bind /proc "$tools/proc"
mkdir "$tools/made"
mount --bind "$work/made" "$tools/made"
own() { chroot "$tools" "$@"; }
uuid_of() { blkid -p -s UUID -o value "$work/made/$1"; }
volume() { truncate -s "$2M" "$work/made/$1"; }
sectors() { echo $(($1 * 1048576 / sector)); }

# ── where each volume lies, in MiB: the root file system gets what the others leave
boot=0 swap=0 link=0
esp_at=2 esp=48
# FAT16 wants more than 4085 clusters, which are no smaller than a sector
[ "$sector" = 512 ] || esp=64
case $layout in
ext4) swap=64 ;;
lvm) boot=128 ;;
logical) esp_at=1 swap=64 link=1 ;;
esac
boot_at=$((esp_at + esp))
root_at=$((boot_at + boot + link))
root_mib=$((mib - 1 - root_at - swap - link))
swap_at=$((root_at + root_mib + link))

# ── table
entry() { echo "start=$(sectors "$1"), size=$(sectors "$2"), type=$3"; }
truncate -s "${mib}M" "$disk"
loop=$(losetup -f --show --sector-size "$sector" "$disk")
if [ "$layout" = logical ]; then
	{
		echo 'label: dos'
		echo "1: $(entry $esp_at $esp ef), bootable"
		echo "2: $(entry $((root_at - 1)) $((mib - root_at)) 5)"
		echo "5: $(entry $root_at $root_mib 83)"
		echo "6: $(entry $swap_at $swap 82)"
	}
else
	{
		echo 'label: gpt'
		entry 1 1 21686148-6449-6E6F-744E-656564454649
		entry $esp_at $esp uefi
		[ "$boot" = 0 ] || entry $boot_at $boot linux
		entry $root_at $root_mib "$([ "$layout" = lvm ] && echo lvm || echo linux)"
		[ "$swap" = 0 ] || entry $swap_at $swap swap
	}
fi | sfdisk --quiet --no-reread --no-tell-kernel "$loop"
sfdisk --dump "$loop" >"$work/table"
losetup -d "$loop"
loop=

# ── file systems
volume esp $esp
# all of its parts are whole blocks of 4 KiB: what is not cannot go to sectors of that size, and a deploy refuses it
own mkfs.vfat -F16 -S "$sector" -s $((4096 / sector)) -R $((4096 / sector)) -n ESP /made/esp >/dev/null
volume root $root_mib
case $layout in
# as on a disk whose sectors are physically of 4 KiB, whatever it tells: XFS that writes shorter ones cannot go to sectors of that size
xfs) own mkfs.xfs -q -s size=4096 -L root /made/root ;;
btrfs) own mkfs.btrfs -q -L root /made/root ;;
lvm)
	volume boot $boot
	# so small, it would get blocks of 1 KiB
	own mkfs.ext4 -q -b 4096 -L boot /made/boot
	volume pv $root_mib
	loop=$(losetup -f --show "$work/made/pv")
	# nothing is activated, for which the device mapper would be needed: extents lie where the metadata says
	lvm_of() { "$@" --driverloaded n --devices "$loop" --config 'backup { backup=0 archive=0 }' 2>"$work/lvm.err" || { cat "$work/lvm.err" >&2 && false; }; }
	lvm_of pvcreate --quiet "$loop"
	lvm_of vgcreate --quiet golden-vg "$loop"
	lvm_of lvcreate --quiet -an -Zn -Wn -y -l 90%FREE -n root golden-vg
	lvm_of lvcreate --quiet -an -Zn -Wn -y -l 12 -n swap_1 golden-vg
	segments=$(lvm_of pvs --noheadings --segments --units b --nosuffix \
		-o lv_name,pe_start,vg_extent_size,seg_size,seg_pe_ranges "$loop")
	losetup -d "$loop"
	loop=
	# ranges are DEVICE:FIRST-LAST
	place() {
		echo "$segments" | awk -v name="$1" -v what="$2" \
			'$1 == name { sub(/.*:/, "", $5); sub(/-.*/, "", $5); printf "%d", what == "at" ? $2 + $5 * $3 : $4 }'
	}
	truncate -s "$(place root bytes)" "$work/made/root"
	own mkfs.ext4 -q -L root /made/root
	truncate -s "$(place swap_1 bytes)" "$work/made/swap"
	;;
*) own mkfs.ext4 -q -L root /made/root ;;
esac
[ "$swap" = 0 ] || volume swap $swap
[ ! -e "$work/made/swap" ] || own mkswap -q /made/swap

# ── the system in them
subvolume=
mount -o loop "$work/made/root" "$root"
if [ "$layout" = btrfs ]; then
	subvolume=/@rootfs
	btrfs -q subvolume create "$root/@rootfs"
	btrfs -q subvolume create "$root/@home"
	umount "$root"
	mount -o loop,subvol=@rootfs "$work/made/root" "$root"
	mkdir "$root/home"
	mount -o loop,subvol=@home "$work/made/root" "$root/home"
fi
if [ "$boot" != 0 ]; then
	mkdir "$root/boot"
	mount -o loop "$work/made/boot" "$root/boot"
fi
tar -xpf "$system" -C "$root"
root_uuid=$(uuid_of root)
boot_uuid=$root_uuid
[ "$boot" = 0 ] || boot_uuid=$(uuid_of boot)
root_device=UUID=$root_uuid swap_device=
[ ! -e "$work/made/swap" ] || swap_device=UUID=$(uuid_of swap)
if [ "$layout" = lvm ]; then
	root_device=/dev/mapper/golden--vg-root swap_device=/dev/mapper/golden--vg-swap_1
fi
{
	echo '# <file system> <mount point> <type> <options> <dump> <pass>'
	case $layout in
	xfs) echo "$root_device / xfs defaults 0 0" ;;
	btrfs)
		echo "$root_device / btrfs defaults,subvol=@rootfs 0 0"
		echo "$root_device /home btrfs defaults,subvol=@home 0 0"
		;;
	*) echo "$root_device / ext4 errors=remount-ro 0 1" ;;
	esac
	[ "$boot" = 0 ] || echo "UUID=$boot_uuid /boot ext4 defaults 0 2"
	echo "UUID=$(uuid_of esp) /boot/efi vfat umask=0077 0 1"
	[ -z "$swap_device" ] || echo "$swap_device none swap sw 0 0"
} >"$root/etc/fstab"
echo golden >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 golden\n' >"$root/etc/hosts"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
mkdir -p "$root/boot/efi" "$root/boot/grub"
install -o "$(stat -c %u "$root/home/tess")" -g "$(stat -c %g "$root/home/tess")" -m 600 "$key" "$root/home/tess/.ssh/authorized_keys"
# the initramfs of a machine that can hibernate names its swap
if [ -n "$swap_device" ]; then
	echo "RESUME=$swap_device" >"$root/etc/initramfs-tools/conf.d/resume"
	chroot "$root" update-initramfs -u >/dev/null
fi

# ── GRUB, as grub-install and grub-mkconfig leave it
on_boot=$subvolume/boot
[ "$boot" = 0 ] || on_boot=
prefix=$on_boot/grub
flags=
[ -z "$subvolume" ] || flags=" rootflags=subvol=@rootfs"
kernel=$(cd "$root/boot" && ls vmlinuz-*)
# mitigations take time; the timer is measured against a clock that an emulated processor may be late for
cat >"$root/etc/default/grub" <<END
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0 net.ifnames=0 mitigations=off no_timer_check$flags"
GRUB_TERMINAL=serial
END
cat >"$root/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
search --no-floppy --fs-uuid --set=root $boot_uuid
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux \$menuentry_id_option 'gnulinux-simple-$root_uuid' {
	search --no-floppy --fs-uuid --set=root $boot_uuid
	linux $on_boot/$kernel root=$root_device ro console=ttyS0 net.ifnames=0 mitigations=off no_timer_check$flags quiet
	initrd $on_boot/initrd.img-${kernel#vmlinuz-}
}
END
printf "search.fs_uuid %s root \nset prefix=(\$root)'%s'\nconfigfile \$prefix/grub.cfg\n" "$boot_uuid" "$prefix" >"$work/made/load.cfg"
cp "$work/made/load.cfg" "$work/made/stub.cfg"
: >"$work/made/empty.cfg"
modules='boot configfile echo gzio linux normal part_gpt part_msdos search search_fs_uuid serial terminal test ext2 xfs btrfs'
number=$([ "$layout" = logical ] && echo msdos5 || echo gpt3)
own grub-mkimage -O i386-pc -p "(,$number)$prefix" -o /made/core.img biosdisk $modules
# Debian 13's is like the one that is signed: it reads where to look from a file beside itself
if [ "$(cut -d. -f1 "$root/etc/debian_version")" -ge 13 ]; then
	own grub-mkimage -O x86_64-efi -p /EFI/debian -o /made/grubx64.efi fat $modules
else
	own grub-mkimage -O x86_64-efi -c /made/load.cfg -p "$prefix" -o /made/grubx64.efi fat $modules
fi
for kind in i386-pc x86_64-efi; do
	mkdir "$root/boot/grub/$kind"
	cp "$root/usr/lib/grub/$kind"/*.mod "$root/usr/lib/grub/$kind"/*.lst "$root/boot/grub/$kind"
done
cp "$work/made/core.img" "$root/boot/grub/i386-pc"
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/i386-pc"
cp "$work/made/grubx64.efi" "$root/boot/grub/x86_64-efi/core.efi"
cp "$root/usr/lib/grub/i386-pc/boot.img" "$work/made"
mmd -i "$work/made/esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i "$work/made/esp" "$work/made/grubx64.efi" ::/EFI/debian/grubx64.efi
# Debian's installer copies no loader to where firmware without an entry looks: one of the layouts is as it leaves them
[ "$layout" = xfs ] || mcopy -i "$work/made/esp" "$work/made/grubx64.efi" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$work/made/esp" "$work/made/stub.cfg" ::/EFI/debian/grub.cfg

# ── what it is known by, as other programs say it
{
	echo '=== machine-id' && cat "$root/etc/machine-id"
	echo '=== host-keys' && cat "$root"/etc/ssh/ssh_host_*_key.pub
	echo '=== fstab' && grep -v '^#' "$root/etc/fstab"
	echo '=== blocks'
	for name in esp boot pv root swap; do
		[ ! -e "$work/made/$name" ] || blkid -p -o full "$work/made/$name"
	done
	echo '=== disk-ids' && sed -n 's/^label-id: *\(0x\)\?//p; s/.* uuid=\([^,]*\).*/\1/p' "$work/table"
	echo '=== kernel' && echo "${kernel#vmlinuz-}"
	echo '=== release' && cat "$root/etc/debian_version"
} >"$record"
umount -R "$root"

# ── onto the disk
put() { dd "if=$work/made/$1" "of=$2" bs=1M "seek=$3" oflag=seek_bytes conv=notrunc,sparse status=none; }
if [ "$layout" = lvm ]; then
	put root "$work/made/pv" "$(place root at)"
	put swap "$work/made/pv" "$(place swap_1 at)"
	mv "$work/made/pv" "$work/made/root"
elif [ "$swap" != 0 ]; then
	put swap "$disk" $((swap_at * 1048576))
fi
put esp "$disk" $((esp_at * 1048576))
[ "$boot" = 0 ] || put boot "$disk" $((boot_at * 1048576))
put root "$disk" $((root_at * 1048576))
cp "$work/made/boot.img" "$disk.boot.img"
cp "$work/made/core.img" "$disk.core.img"
