/** What a running guest said, against what it was to be. */
import type { Answers } from './answers.ts';
import { LENGTHS, type Combination } from './combinations.ts';
import { expectedOf, type Deployed } from './deploy.ts';
import { GUEST_BYTES, type Guest } from './guests.ts';
import type { Login } from './login.ts';
import { MIB } from '../support/workbench.ts';

/** What of a guest is its template's, and what is its own. */
export type Origin = 'own' | 'the template’s' | 'some are the template’s' | 'none';

export interface Verdict {
  readonly faults: readonly string[];
  readonly machineId: Origin;
  readonly hostKeys: Origin;
  readonly uuids: Origin;
  readonly diskIds: Origin;
  readonly rootBytes: number;
  readonly swaps: number;
}

/** Said by healthy guests, too. */
const HARMLESS = [/CONFIG_IMA_DISABLE_HTABLE/];

export function verdictOf(
  combination: Combination,
  { record }: Guest,
  deployed: Deployed,
  answers: Answers,
  login: Login,
): Verdict {
  const { identity, length, sectorBytes } = combination;
  const expected = expectedOf(combination);
  const faults: string[] = [];
  const expect = (isTrue: boolean, what: string) => void (isTrue || faults.push(what));
  const first = (part: string) => answers[part]?.[0] ?? '';

  expect(first('host-name') === expected.hostName, `its name is ${first('host-name')}, not ${expected.hostName}`);
  const addresses = answers.addresses.map((line) => /inet (\S+)\/\d+/.exec(line)?.[1] ?? line);
  expect(addresses.join() === expected.address, `its addresses are ${addresses.join(', ')}, not ${expected.address}`);

  const machineId = originOf(answers['machine-id'], record['machine-id']);
  const hostKeys = originOf(keysOf(answers), keysOf(record));
  const uuids = originOf(uuidsOf(answers), uuidsOf(record));
  const templateIds = record['disk-ids'].map((id) => id.toLowerCase());
  const diskIds = originOf(diskIdsOf(answers), templateIds);
  expect(/^[0-9a-f]{32}$/.test(first('machine-id')), `its machine id is ${first('machine-id')}`);
  const wanted = identity === 'fresh' ? 'own' : 'the template’s';
  expect(machineId === wanted, `its machine id is ${machineId}`);
  expect(hostKeys === wanted, `its host keys: ${hostKeys}`);
  // the plan says where UUIDs stay
  if (identity === 'kept' || !deployed.keptThings.includes('file-system-uuids')) {
    expect(uuids === wanted, `UUIDs: ${uuids}`);
  }
  if (identity === 'kept' || !deployed.keptThings.includes('disk-ids')) {
    expect(diskIds === wanted, `ids of the disk: ${diskIds}`);
  }
  faults.push(...fstabFaults(answers));

  const [diskBytes, diskSectorBytes] = first('disk').split(' ').slice(1).map(Number);
  expect(diskBytes === LENGTHS[length], `its disk has ${diskBytes} bytes`);
  expect(diskSectorBytes === sectorBytes, `its disk has sectors of ${diskSectorBytes} bytes`);
  const rootBytes = Number(answers['root-bytes'].at(-1));
  const volumeBytes = Number(first('root-volume-bytes'));
  expect(rootBytes > 0.85 * volumeBytes, `its root uses ${rootBytes} of the ${volumeBytes} bytes of its volume`);
  // beside the root there is little: what the disk gains or loses is the root's
  const others = LENGTHS[length] - volumeBytes;
  const may = combination.guest.layout === 'lvm' ? 400 * MIB : 200 * MIB;
  expect(others < may, `its root has ${volumeBytes} bytes of a disk of ${LENGTHS[length]}`);
  expect(length !== 'larger' || volumeBytes > GUEST_BYTES, `its root did not grow: ${volumeBytes} bytes`);

  expect(answers['failed-units'].length === 0, `failed units: ${answers['failed-units'].join('; ')}`);
  expect(first('state') === 'running', `systemd says ${first('state')}`);
  const complaints = answers.complaints.filter((line) => !HARMLESS.some((pattern) => pattern.test(line)));
  expect(complaints.length === 0, `its kernel says: ${complaints.join('; ')}`);

  const [user, host, groups = '', bySudo] = login.lines;
  expect(user === expected.user && host === expected.hostName, `logged in as ${user} on ${host}`);
  expect(combination.isExact || groups.split(' ').includes('sudo'), `${user} is of ${groups}`);
  expect(combination.isExact || bySudo === 'root', `${user} with their password is ${bySudo} by sudo`);
  expect(keysOf(answers).includes(login.hostKey), 'its SSH server has another key than its files');
  return { faults, machineId, hostKeys, uuids, diskIds, rootBytes, swaps: answers.swaps.length };
}

/** Type and base64, without the comment. */
export const keysOf = (answers: Answers): string[] =>
  (answers['host-keys'] ?? []).map((line) => line.split(' ').slice(0, 2).join(' '));

/** UUIDs of file systems, swap and physical volumes, as blkid tells them. */
export const uuidsOf = (answers: Answers): string[] =>
  answers.blocks.flatMap((line) => / UUID="([^"]+)"/.exec(line)?.[1] ?? []);

/** The disk's, and a GPT's of its partitions. */
export const diskIdsOf = (answers: Answers): string[] => [
  answers.disk[0].split(' ')[3],
  ...answers.blocks.flatMap((line) => / PARTUUID="([^"]{36})"/.exec(line)?.[1] ?? []),
];

export function originOf(own: readonly string[], templates: readonly string[]): Origin {
  const count = own.filter((one) => templates.includes(one)).length;
  if (own.length === 0) return 'none';
  return count === 0 ? 'own' : count === own.length ? 'the template’s' : 'some are the template’s';
}

/** Each line of fstab names something that is there, and it is mounted where the line says, or swapped to. */
function fstabFaults({ fstab, mounts, blocks, swaps }: Answers): string[] {
  const faults: string[] = [];
  for (const line of fstab) {
    const [what, where, kind] = line.split(/\s+/);
    const uuid = /^UUID=(.+)$/.exec(what)?.[1];
    if (uuid && !blocks.some((block) => block.includes(` UUID="${uuid}"`))) faults.push(`fstab: no ${what} is there`);
    if (kind === 'swap') continue;
    const mount = mounts.map((one) => one.split(' ')).find(([point]) => point === where);
    if (!mount) faults.push(`fstab: nothing is mounted at ${where}`);
    else if (uuid && mount[3] !== uuid) faults.push(`fstab: ${mount[3]} is mounted at ${where}, not ${uuid}`);
  }
  const wanted = fstab.filter((line) => line.split(/\s+/)[2] === 'swap').length;
  if (swaps.length !== wanted) faults.push(`fstab: ${wanted} swap areas, ${swaps.length} are on`);
  return faults;
}
