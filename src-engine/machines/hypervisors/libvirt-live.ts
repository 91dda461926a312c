/**
 * The disks of a running machine of libvirt as they were at one moment: a backup in pull mode. Source: libvirt, "Backup XML format" and
 * "Checkpoint XML format", of version 9.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Element } from '@xmldom/xmldom';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, find, parseXml, textOf, writeXml, type XmlNode } from '../../core/xml.ts';
import { hardDisksOf } from '../../contract/vm.contract.ts';
import { domainOf, GUEST_AGENT, machineOf } from './libvirt-domain.ts';
import type { Live, LiveDisk, PlannedMoment, Traces } from './live.port.ts';
import { inFiles, isListed, type Virsh } from './virsh.ts';

/** All that is ours begins with it. */
const OURS = 'diskpress-';
/** How long libvirt may take to clear up behind itself. */
const CLEAR_UP_MS = 10_000;
const LOOK_AGAIN_MS = 100;
/** A machine overwrites some of its disks while they are read; never more than all of them. */
const SCRATCH_SHARE = 0.1;
const MIN_SCRATCH_BYTES = 64 * 1024 * 1024;
const SECTORS = [512, 4096];
const MAX_CHECKPOINTS = 10_000;

export function libvirtLive(ask: Virsh): Live {
  const notPossible = (id: string, error: unknown) => {
    const { code, data } = toEngineError(error);
    return code === 'TOOL_FAILED' ? new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: data.said }) : error;
  };

  /** What libvirt says of the backup under way; null: there is none. */
  const underWay = async (id: string, signal: AbortSignal): Promise<Element | null> => {
    if (!(await isListed(ask, id, signal))) return null;
    const xml = await ask(signal, 'backup-dumpxml', '--domain', id).catch((error: unknown) => {
      if (toEngineError(error).code === 'TOOL_FAILED') return null;
      throw error;
    });
    return xml === null ? null : parseXml(xml, 'libvirt backup', 'domainbackup');
  };
  const isOurs = (backup: Element | null, { socketPath }: Traces) =>
    attribute(childNamed(backup, 'server'), 'socket') === socketPath;

  const hasCheckpoint = async (id: string, checkpoint: string, signal: AbortSignal) => {
    if (!(await isListed(ask, id, signal, '--all'))) return false;
    const names = (await ask(signal, 'checkpoint-list', '--name', '--domain', id)).split('\n');
    return names.some((name) => name.trim() === checkpoint);
  };

  return {
    async plan(id, tracking, signal) {
      const domain = domainOf(await ask(signal, 'dumpxml', '--domain', id));
      const number = attribute(domain, 'id');
      if (!/^\d{1,10}$/.test(number))
        throw new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: 'it does not run' });
      // who asks for one while another job is under way waits for it until nobody waits any more
      const job = await ask(signal, 'domjobinfo', '--domain', id);
      if (!/^Job type:\s+None/m.test(job))
        throw new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: 'another job is under way' });
      const folder = await ownFolder(number);
      const name = OURS + randomUUID();
      const disks = hardDisksOf(machineOf(domain)).map((disk, i): LiveDisk => {
        const isTracked = tracking.since !== null && disk.format === 'qcow2';
        return {
          ...disk,
          exportName: `disk${i + 1}`,
          changesContext: isTracked ? `qemu:dirty-bitmap:changes${i + 1}` : null,
          sectorBytes: sectorOf(domain, disk.name),
        };
      });
      const scratch = await scratchFolder(disks, folder, await capacityOf(ask, id, disks, signal));
      return {
        id,
        disks,
        tracking: disks.some(({ format }) => format === 'qcow2') ? tracking : { checkpoint: null, since: null },
        canFreeze: [...find(domain, 'channel')].some((channel) => {
          const target = childNamed(channel, 'target');
          return attribute(target, 'name') === GUEST_AGENT && attribute(target, 'state') === 'connected';
        }),
        socketPath: join(folder, name),
        scratchPaths: disks.map((_, i) => join(scratch, `${name}-${i + 1}`)),
      };
    },

    async begin(moment) {
      const isTracked = moment.tracking.checkpoint !== null;
      const texts = [backupXml(moment), ...(isTracked ? [checkpointXml(moment)] : [])];
      await inFiles(texts, async ([backup, ...checkpoint]) => {
        const options = ['--backupxml', backup, ...checkpoint.flatMap((path) => ['--checkpointxml', path])];
        // whoever gives up in between would not know whether it began
        const never = new AbortController().signal;
        await ask(never, 'backup-begin', '--domain', moment.id, ...options).catch((error) => {
          throw notPossible(moment.id, error);
        });
      });
    },

    async isGoingOn(id, traces, signal) {
      return isOurs(await underWay(id, signal), traces);
    },

    async end(id, traces, signal) {
      const isThere = async () => isOurs(await underWay(id, signal), traces);
      if (await isThere()) {
        await ask(signal, 'domjobabort', '--domain', id).catch(async (error: unknown) => {
          // it may have ended by itself just now
          if (await isThere()) throw error;
        });
        for (let left = CLEAR_UP_MS; (await isThere()) && left > 0; left -= LOOK_AGAIN_MS) await sleep(LOOK_AGAIN_MS);
        if (await isThere()) throw new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: 'the backup does not end' });
      }
      for (const path of [traces.socketPath, ...traces.scratchPaths]) {
        if (basename(path).startsWith(OURS)) await rm(path, { force: true });
      }
    },

    async freeze(id, signal) {
      const said = await ask(signal, 'domfsfreeze', '--domain', id);
      return Number(/\d+/.exec(said)?.[0] ?? 0);
    },

    async thaw(id, signal) {
      if (await isListed(ask, id, signal)) await ask(signal, 'domfsthaw', '--domain', id);
    },

    async checkpointMadeAt(id, checkpoint, signal) {
      if (!(await hasCheckpoint(id, checkpoint, signal))) return null;
      const asked = ['checkpoint-dumpxml', '--no-domain', '--domain', id, '--checkpointname', checkpoint];
      const about = parseXml(await ask(signal, ...asked), 'libvirt checkpoint', 'domaincheckpoint');
      return textOf(about, 'creationTime') || null;
    },

    async checkpointsAfter(id, checkpoint, signal) {
      const asked = ['checkpoint-list', '--name', '--descendants', '--domain', id, '--from', checkpoint];
      const names = (await ask(signal, ...asked)).split('\n').map((name) => name.trim());
      return names.filter((name) => name !== '').slice(0, MAX_CHECKPOINTS);
    },

    async dropCheckpoint(id, checkpoint, signal) {
      if (!checkpoint.startsWith(OURS) || !(await hasCheckpoint(id, checkpoint, signal))) return;
      const drop = (...more: string[]) =>
        ask(signal, 'checkpoint-delete', '--domain', id, '--checkpointname', checkpoint, ...more);
      await drop().catch((error: unknown) => {
        if (toEngineError(error).code !== 'TOOL_FAILED') throw error;
        // what kept account is broken, as after a crash: the name is all that is left
        return drop('--metadata');
      });
    },
  };
}

/** The folder that QEMU and its security module give to this machine: nobody else's socket could be made there, and only root looks in. */
async function ownFolder(number: string): Promise<string> {
  const own = process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config');
  for (const parent of ['/var/lib/libvirt/qemu', join(own, 'libvirt/qemu/lib')]) {
    const names = await readdir(parent).catch(() => []);
    const name = names.find((one) => one.startsWith(`domain-${number}-`));
    if (name !== undefined) return join(parent, name);
  }
  throw new EngineError('PERMISSION_DENIED', { path: '/var/lib/libvirt/qemu' });
}

/** Bytes of its disks, by what libvirt says of them. */
async function capacityOf(ask: Virsh, id: string, disks: readonly LiveDisk[], signal: AbortSignal): Promise<number> {
  let sum = 0;
  for (const { name } of disks) {
    const said = await ask(signal, 'domblkinfo', '--domain', id, '--device', name);
    sum += Number(/^Capacity:\s+(\d+)/m.exec(said)?.[1] ?? 0);
  }
  return sum;
}

/** The roomiest of the folders that the machine uses anyway: QEMU may be let in nowhere else. */
async function scratchFolder(disks: readonly LiveDisk[], own: string, capacityBytes: number): Promise<string> {
  const folders = disks.flatMap(({ placed, path }) => (placed === 'file' && path !== null ? [dirname(path)] : []));
  const rooms: { path: string; freeBytes: number }[] = [];
  for (const path of new Set([...folders, own])) {
    const stats = await statfs(path).catch(() => null);
    if (stats) rooms.push({ path, freeBytes: stats.bavail * stats.bsize });
  }
  const [best] = rooms.sort((a, b) => b.freeBytes - a.freeBytes);
  const needed = Math.min(capacityBytes, Math.max(MIN_SCRATCH_BYTES, capacityBytes * SCRATCH_SHARE));
  if (!best || best.freeBytes < needed) throw new EngineError('DISK_FULL', { ...(best ?? { path: own }) });
  return best.path;
}

function sectorOf(domain: Element, name: string): number {
  for (const disk of find(domain, 'disk')) {
    if (attribute(childNamed(disk, 'target'), 'dev') !== name) continue;
    const said = Number(attribute(childNamed(disk, 'blockio'), 'logical_block_size') || 512);
    return SECTORS.includes(said) ? said : 512;
  }
  return 512;
}

function backupXml({ disks, socketPath, scratchPaths, tracking }: PlannedMoment): string {
  const each = disks.map(({ name, exportName, changesContext }, i): XmlNode => {
    const about: Record<string, string> = { name, backup: 'yes', type: 'file', exportname: exportName };
    if (tracking.since !== null) about.backupmode = changesContext === null ? 'full' : 'incremental';
    if (changesContext !== null) Object.assign(about, { incremental: tracking.since, exportbitmap: `changes${i + 1}` });
    return ['disk', about, ['scratch', { file: scratchPaths[i] }]];
  });
  return writeXml([
    'domainbackup',
    { mode: 'pull' },
    ['server', { transport: 'unix', socket: socketPath }],
    ['disks', {}, ...each],
  ]);
}

/** Only qcow2 keeps what was written since. */
function checkpointXml({ disks, tracking }: PlannedMoment): string {
  const each = disks.map(({ name, format }): XmlNode => [
    'disk',
    { name, checkpoint: format === 'qcow2' ? 'bitmap' : 'no' },
  ]);
  return writeXml(['domaincheckpoint', {}, ['name', {}, tracking.checkpoint!], ['disks', {}, ...each]]);
}
