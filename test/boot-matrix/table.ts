/** docs/BOOT.md, from rows: what was deployed and started, and what the machines said of themselves. */
import { GUEST_BYTES } from './guests.ts';
import { COMBINATIONS, LENGTHS } from './combinations.ts';
import { untold, type Twins } from './twins.ts';
import type { Row } from './try-combination.ts';
import { MIB } from '../support/workbench.ts';

/** Where and when rows were made. */
export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly processors: number;
  readonly qemu: string;
  readonly kernel: string;
  /** of the last run, guests that it made included */
  readonly minutes: number;
  readonly combinations: number;
  /** of one minute, as it began and as it ended */
  readonly load: readonly [number, number];
}

export interface Matrix {
  readonly circumstances: Circumstances | null;
  readonly rows: readonly Row[];
  readonly twins: readonly Twins[];
}

/** Systems that cannot be had where the tests run: made up file by file, and not started. */
const BY_FILES = [
  ['CentOS 5, CentOS 7 on LVM, RHEL 8, Fedora, openSUSE Leap, Alpine', 'test/integ/deploy-inside-guests.test.ts'],
  ['CentOS 5, 6 and 7, RHEL 5 to 9, Ubuntu 16.04 to 24.04, all Windows', 'test/integ/guest/customise-phony.test.ts'],
  ['Windows 10', 'test/integ/deploy-inside-guests.test.ts: windows-10'],
  ['Windows 7 to 11 that get drivers of virtio', 'test/integ/deploy-virtio-drivers.long.test.ts'],
] as const;

const HEADS = [
  ...[
    '#',
    'Guest',
    'Starts by',
    'Target',
    'Identity',
    'Name',
    'Address',
    'Machine id',
    'Host keys',
    'UUIDs',
    'Disk ids',
  ],
  ...['Root', 'Swap', 'Failed units', 'Found sound by', 'Logs in', 'Deploy', 'Boot', 'Of it CPU', 'Verdict'],
];

const seconds = (value: number | undefined) => (value === undefined ? '' : `${value} s`);
const mib = (bytes: number | undefined) => (bytes === undefined ? '' : `${Math.round(bytes / MIB)} MiB`);
const cell = (text: unknown) =>
  String(text ?? '')
    .replaceAll('|', '\\|')
    .replaceAll(/[<>*_`]/g, '\\$&');
const line = (cells: readonly unknown[]) => `| ${cells.map(cell).join(' | ')} |`;

function lineOf(row: Row): string {
  const { combination, faults } = row;
  const { number, guest, firmware, sectorBytes, length, identity, isExact } = combination;
  const system = `Debian ${row.release ?? { bookworm: '12', trixie: '13' }[guest.suite]}`;
  const from = guest.sectorBytes === 512 ? '' : `, sectors of ${guest.sectorBytes}`;
  return line([
    number,
    `${system}, ${NAMES[guest.layout]}${from}`,
    `${firmware.toUpperCase()}, ${sectorBytes}`,
    `${length}, ${mib(row.targetBytes)}`,
    isExact ? 'kept, exact' : identity,
    ...[row.hostName, row.address, row.machineId, row.hostKeys, row.uuids, row.diskIds],
    ...[mib(row.rootBytes), row.swaps, row.failedUnits, row.judges?.join(', '), row.login],
    ...[row.deploySeconds, row.bootSeconds, row.processorSeconds].map(seconds),
    faults.length === 0 ? 'good' : `FAILED: ${faults.join('; ')}`,
  ]);
}

const NAMES = {
  ext4: 'ext4, swap behind it',
  xfs: 'XFS, no fallback loader',
  btrfs: 'btrfs with subvolumes',
  lvm: 'LVM with ext4',
  logical: 'MBR, root and swap logical',
} as const;

export function documentOf({ rows, twins, circumstances }: Matrix): string {
  const failed = rows.filter(({ faults }) => faults.length > 0);
  const by = circumstances;
  return [
    '# What was deployed, and came up',
    '',
    'Made by `npm run boot-matrix`. Each row is a template that the command line captured and deployed, and that QEMU started from the deployed file without acceleration; the cells are what the',
    'running system answered on its second serial line, what other programs said of the deployed disk before it was started, and who could log in through its network with their SSH key.',
    '',
    `Templates are disks of ${mib(GUEST_BYTES)}; a larger target has ${mib(LENGTHS.larger)}, a smaller one ${mib(LENGTHS.smaller)}. A fresh identity has to be the machine’s own, a kept one the template’s;`,
    'where the plan says that something of the template’s stays, it may. *exact*: the bytes as captured, so name, address and user are the template’s. What is wrong stands in the last column.',
    '',
    ...(by
      ? [
          `${by.date}: ${by.machine}, ${by.processors} processors, Linux ${by.kernel}, QEMU ${by.qemu}; ${by.combinations} combinations in ${by.minutes} minutes with a load of ${by.load[0]} as it began`,
          `and ${by.load[1]} as it ended. Seconds of the clock are of that load; *Of it CPU* is what QEMU took of a processor. With a load far above the`,
          'number of processors guests run into deadlines of their own; such rows say which, and are to be tried again.',
          '',
        ]
      : []),
    `**${rows.length} of ${COMBINATIONS.length} combinations were tried: ${rows.length - failed.length} good, ${failed.length} failed.**`,
    '',
    line(HEADS),
    `| ${HEADS.map(() => '---').join(' | ')} |`,
    ...rows.map(lineOf),
    '',
    '## Two of one template, side by side',
    '',
    'Deployed by one command with a fresh identity, and running at the same time.',
    '',
    line(['Template', 'Names', 'Shared', 'Of it not told by the plan', 'Until both were up']),
    '| --- | --- | --- | --- | --- |',
    ...twins.map((pair) =>
      line([
        pair.template,
        pair.hostNames.join(', '),
        Object.keys(pair.shared).join(', ') || 'nothing',
        untold(pair).join(', ') || 'nothing',
        seconds(pair.seconds),
      ]),
    ),
    '',
    '## What is not started here',
    '',
    'Systems that cannot be had where the tests run are made up file by file, deployed, and looked at by other programs; none of them was started.',
    '',
    line(['System', 'Proven by']),
    '| --- | --- |',
    ...BY_FILES.map(([system, test]) => line([system, test])),
    '',
  ].join('\n');
}
