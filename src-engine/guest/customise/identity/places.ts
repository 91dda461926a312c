/** Where systems keep what one machine should not share with another, thing by thing. */
import type { IdentityThing } from '../../../contract/deploy.contract.ts';

/** How what is found is cleared: `remove` the file or link, `empty` the file or what is in the folder, `files` of a folder, by name. */
interface Place {
  readonly remove?: readonly string[];
  readonly empty?: readonly string[];
  /** folders and the names in them that go; folders among those with all that is in them */
  readonly among?: readonly (readonly [folder: string, names: RegExp])[];
  /** in each home folder */
  readonly inHomes?: readonly string[];
}

const ANY = /./;

export const PLACES = {
  // systemd and init scripts make new ones when they are not there
  'random-seed': {
    remove: [
      '/var/lib/systemd/random-seed',
      '/var/lib/random-seed',
      '/var/lib/urandom/random-seed',
      '/var/lib/misc/random-seed',
      '/var/lib/seedrng/seed.credit',
      '/var/lib/seedrng/seed.no-credit',
      '/boot/loader/random-seed',
      '/boot/efi/loader/random-seed',
      '/efi/loader/random-seed',
    ],
  },
  'dhcp-leases': {
    remove: [
      '/etc/dhcpcd.duid',
      '/var/lib/dhcpv6/dhcp6c_duid',
      '/var/lib/dhcpv6/client6.leases',
      // of these NetworkManager makes addresses and the DUID
      '/var/lib/NetworkManager/secret_key',
      '/var/lib/NetworkManager/timestamps',
      '/var/lib/NetworkManager/seen-bssids',
    ],
    // a server of leases does not start without its file
    empty: [
      '/var/lib/dhcpd/dhcpd.leases',
      '/var/lib/dhcpd/dhcpd6.leases',
      '/var/lib/dhcp/dhcpd.leases',
      '/var/lib/dhcp/dhcpd6.leases',
    ],
    among: [
      ['/var/lib/dhclient', ANY],
      ['/var/lib/dhcp', /^dhclient/],
      ['/var/lib/dhcp3', /^dhclient/],
      ['/var/lib/dhcpd', /~$/],
      ['/var/lib/dhcpcd', ANY],
      ['/var/lib/dhcpcd5', ANY],
      ['/var/db/dhcpcd', ANY],
      ['/var/lib/NetworkManager', /(?:\.lease|\.leases|-lease\.conf)$|^dhclient-/],
      ['/var/lib/wicked', /^(?:duid|iaid|lease-).*\.xml$/],
      ['/var/lib/systemd/network', ANY],
      ['/etc/dhcp', /\.leases$|^duid/],
    ],
  },
  histories: {
    inHomes: [
      '.bash_history',
      '.zsh_history',
      '.histfile',
      '.sh_history',
      '.ash_history',
      '.ksh_history',
      '.history',
      '.python_history',
      '.mysql_history',
      '.mariadb_history',
      '.psql_history',
      '.sqlite_history',
      '.rediscli_history',
      '.mongosh/mongosh_repl_history',
      '.node_repl_history',
      '.irb_history',
      '.lesshst',
      '.viminfo',
      '.wget-hsts',
      '.local/share/fish/fish_history',
      '.local/state/bash/history',
      '.local/share/recently-used.xbel',
    ],
  },
  'crash-dumps': {
    empty: [
      '/var/crash',
      '/var/log/dump',
      '/var/lib/systemd/coredump',
      '/var/lib/systemd/pstore',
      '/var/lib/apport/coredump',
      '/var/spool/abrt',
      '/var/spool/abrt-upload',
      '/var/cache/abrt-di',
      '/var/lib/kdump/vmcore',
    ],
  },
  'package-caches': {
    remove: ['/var/cache/apt/pkgcache.bin', '/var/cache/apt/srcpkgcache.bin'],
    among: [
      // its folder `partial` and the lock stay
      ['/var/cache/apt/archives', /\.deb$/],
      ['/var/cache/apt/archives/partial', ANY],
    ],
    empty: [
      '/var/cache/yum',
      '/var/cache/dnf',
      '/var/cache/libdnf5',
      '/var/cache/PackageKit',
      '/var/cache/zypp',
      '/var/cache/pacman/pkg',
      '/var/cache/apk',
      '/var/cache/urpmi/rpms',
      '/var/cache/xbps',
    ],
  },
  mail: {
    // queues, too: every machine would send what waits in them
    empty: [
      '/var/spool/postfix/maildrop',
      '/var/spool/postfix/incoming',
      '/var/spool/postfix/active',
      '/var/spool/postfix/deferred',
      '/var/spool/postfix/defer',
      '/var/spool/postfix/bounce',
      '/var/spool/postfix/hold',
      '/var/spool/postfix/corrupt',
      '/var/spool/exim4/input',
      '/var/spool/exim4/msglog',
      '/var/spool/exim/input',
      '/var/spool/exim/msglog',
      '/var/spool/mqueue',
      '/var/spool/clientmqueue',
    ],
  },
  'cloud-init-state': {
    remove: ['/var/lib/cloud/instance', '/etc/netplan/50-cloud-init.yaml.dpkg-new'],
    empty: ['/var/lib/cloud/instances', '/var/lib/cloud/data', '/var/lib/cloud/sem'],
  },
  'temporary-files': {
    remove: [
      '/etc/passwd-',
      '/etc/shadow-',
      '/etc/group-',
      '/etc/gshadow-',
      '/etc/subuid-',
      '/etc/subgid-',
      '/etc/passwd.lock',
      '/etc/shadow.lock',
      '/etc/group.lock',
      '/etc/gshadow.lock',
      // what blkid found on disks of before
      '/etc/blkid/blkid.tab',
      '/etc/blkid/blkid.tab.old',
      '/etc/blkid.tab',
      '/etc/blkid.tab.old',
      '/run/blkid/blkid.tab',
      '/var/run/blkid.tab',
      // devices that LVM found on the machine of before: with this list it would not see others
      '/etc/lvm/devices/system.devices',
    ],
    empty: ['/tmp', '/var/tmp', '/var/spool/atjobs', '/var/spool/atspool'],
    among: [
      ['/var/spool/at', /^[a-z=][0-9a-f]{13}$/],
      ['/var/spool/cron/atjobs', /^[a-z=][0-9a-f]{13}$/],
      // of Berkeley DB: made anew, and wrong on another machine
      ['/var/lib/rpm', /^__db\.\d+$/],
    ],
  },
} as const satisfies Partial<Record<IdentityThing, Place>>;

export type PlacedThing = keyof typeof PLACES;
/** A place as all of them are read. */
export const placeOf = (thing: PlacedThing): Place => PLACES[thing];
