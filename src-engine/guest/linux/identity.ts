/** What makes an installed Linux one machine and no other: machine-id(5), SSH host keys, its name. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import { parseAssignments } from './assignments.ts';

export async function readIdentity(files: GuestFiles) {
  const failedBefore = files.failedReads;
  const idPath = '/etc/machine-id';
  const id = (await files.text(idPath))?.trim() ?? null;
  const keys = (await files.names('/etc/ssh')).filter((name) => /^ssh_host_\w{1,40}_key$|^ssh_host_key$/.test(name));
  const isRead = files.failedReads === failedBefore;
  const isCleared = id === null || id === '' || id === 'uninitialized';
  return {
    machineId: id !== null && /^[0-9a-f]{32}$/.test(id) ? known(id, idPath) : unknown(idPath),
    sshHostKeys: isRead ? known(keys, '/etc/ssh') : unknown('/etc/ssh'),
    isGeneralized: isRead
      ? known(isCleared && keys.length === 0, `${idPath}, /etc/ssh`)
      : unknown(`${idPath}, /etc/ssh`),
    hostname: await readHostname(files),
  };
}

async function readHostname(files: GuestFiles) {
  for (const path of ['/etc/hostname', '/etc/HOSTNAME']) {
    const name = (await files.text(path))?.split('\n').find((line) => line.trim() !== '' && !line.startsWith('#'));
    if (name && name.trim().length <= 255) return known(name.trim(), path);
  }
  const path = '/etc/sysconfig/network';
  const name = parseAssignments((await files.text(path)) ?? '').get('HOSTNAME');
  return name && name.length <= 255 ? known(name, path) : unknown('/etc/hostname');
}
