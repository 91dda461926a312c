# Runs in the root of the freshly unpacked system, before it is put into guests: what is the same in all of them.
set -e
mkdir -p /boot/grub
systemctl --quiet enable boot-matrix-answers.service
# they take long under emulation, and tell nothing here
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
	fstrim.timer xfs_scrub_all.timer systemd-tmpfiles-clean.timer lvm2-monitor.service lvm2-lvmpolld.socket \
	systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-timesyncd.service ifupdown-pre.service \
	systemd-binfmt.service proc-sys-fs-binfmt_misc.automount getty-static.service getty@tty1.service \
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
	sys-kernel-config.mount modprobe@.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
	systemd-journal-catalog-update.service systemd-hwdb-update.service
if [ -e /etc/network/interfaces ] || [ -x /sbin/ifup ]; then
	printf '%s\n' 'auto lo eth0' 'iface lo inet loopback' 'iface eth0 inet dhcp' >/etc/network/interfaces
else
	printf '%s\n' '[Match]' 'Name=eth0' '[Network]' 'DHCP=ipv4' >/etc/systemd/network/50-wired.network
	systemctl --quiet enable systemd-networkd.service
	systemctl --quiet mask systemd-networkd-wait-online.service
fi
# a machine with much else to do is given time: devices are waited for, too
mkdir -p /etc/systemd/system.conf.d
printf '%s\n' '[Manager]' 'DefaultTimeoutStartSec=15min' 'DefaultDeviceTimeoutSec=15min' >/etc/systemd/system.conf.d/patience.conf
useradd --create-home --shell /bin/sh tess
install -d -o tess -g tess -m 700 /home/tess/.ssh
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old
