#!/bin/sh
# Runs in the guest once it is up: writes what the system knows of itself to the second serial line, a part for each question.
exec >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo

part() {
	echo "=== $1"
	shift
	"$@"
}

state=$(timeout 900 systemctl is-system-running --wait)
# keys of the SSH server that are made at the first start, and the server that needs them
for _ in $(seq 300); do
	systemctl --quiet is-active ssh && break
	sleep 1
done

# nobody waits for the network where systemd-networkd sets it up
for _ in $(seq 120); do
	[ -n "$(ip -o -4 address show scope global)" ] && break
	sleep 1
done

echo '=== begin'
part host-name hostname
part machine-id cat /etc/machine-id
part addresses ip -o -4 address show scope global
part host-keys sh -c 'cat /etc/ssh/ssh_host_*_key.pub'
part fstab grep -v '^#' /etc/fstab
part mounts findmnt --real --raw --noheadings -o TARGET,SOURCE,FSTYPE,UUID
part blocks blkid -o full
part disk lsblk --nodeps --noheadings --raw --bytes -o NAME,SIZE,LOG-SEC,PTUUID /dev/vda
part root-bytes sh -c "findmnt --noheadings --bytes -o SIZE /; df --block-size=1 --output=size / | tail -1"
part root-volume-bytes sh -c 'blockdev --getsize64 "$(findmnt --noheadings --nofsroot -o SOURCE /)"'
part swaps tail -n +2 /proc/swaps
part resume sh -c 'cat /sys/power/resume; cat /etc/initramfs-tools/conf.d/resume'
part lvm sh -c 'pvs --noheadings -o uuid; vgs --noheadings -o name,uuid; lvs --noheadings -o name,uuid'
part command-line cat /proc/cmdline
part failed-units systemctl --failed --no-legend --plain
part state echo "$state"
part complaints sh -c "dmesg --level=emerg,alert,crit,err,warn | grep -iE 'ext4|xfs|btrfs|fat-fs|gpt|i/o error|device-mapper'"
part release cat /etc/debian_version
part kernel uname -r
part uptime cat /proc/uptime
echo '=== end'
