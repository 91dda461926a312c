/**
 * The disks of a running machine of libvirt as they were at one moment: a backup in pull mode. Source: libvirt, "Backup XML format" and
 * "Checkpoint XML format", of version 9.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOMImplementation, XMLSerializer, type Element } from '@xmldom/xmldom';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, find, parseXml, textOf } from '../../core/xml.ts';
import { hardDisksOf } from '../../contract/vm.contract.ts';
import { parseDomain } from './libvirt-domain.ts';
import type { Live, LiveDisk, PlannedMoment, Traces } from './live.port.ts';
import type { Virsh } from './virsh.ts';

const FIELD = 'libvirt domain';
/** All that is ours begins with it. */
const OURS = 'diskpress-';
const AGENT = 'org.qemu.guest_agent.0';
/** How long libvirt may take to clear up behind itself. */
const CLEAR_UP_MS = 10_000;
const LOOK_AGAIN_MS = 100;
/** A machine overwrites some of its disks while they are read; never more than all of them. */
const SCRATCH_SHARE = 0.1;
const MIN_SCRATCH_BYTES = 64 * 1024 * 1024;
const SECTORS = [512, 4096];

export function libvirtLive(ask: Virsh): Live {
  const notPossible = (id: string, error: unknown) => {
    const { code, data } = toEngineError(error);
    return code === 'TOOL_FAILED' ? new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: data.said }) : error;
  };

  /** What libvirt says of the backup under way; null: there is none. */
  const underWay = async (id: string, signal: AbortSignal): Promise<Element | null> => {
    const known = await ask(signal, 'list', '--uuid');
    if (!known.includes(id)) return null;
    const xml = await ask(signal, 'backup-dumpxml', '--domain', id).catch((error: unknown) => {
      if (toEngineError(error).code === 'TOOL_FAILED') return null;
      throw error;
    });
    return xml === null ? null : parseXml(xml, 'libvirt backup', 'domainbackup');
  };
  const isOurs = (backup: Element | null, { socketPath }: Traces) =>
    attribute(childNamed(backup, 'server'), 'socket') === socketPath;

  const hasCheckpoint = async (id: string, checkpoint: string, signal: AbortSignal) => {
    const known = await ask(signal, 'list', '--all', '--uuid');
    if (!known.includes(id)) return false;
    const names = (await ask(signal, 'checkpoint-list', '--name', '--domain', id)).split('\n');
    return names.some((name) => name.trim() === checkpoint);
  };

  return {
    async plan(id, tracking, signal) {
      const xml = await ask(signal, 'dumpxml', '--domain', id);
      const domain = parseXml(xml, FIELD, 'domain');
      const number = attribute(domain, 'id');
      if (!/^\d{1,10}$/.test(number))
        throw new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: 'it does not run' });
      // who asks for one while another job is under way waits for it until nobody waits any more
      const job = await ask(signal, 'domjobinfo', '--domain', id);
      if (!/^Job type:\s+None/m.test(job))
        throw new EngineError('LIVE_NOT_POSSIBLE', { place: id, said: 'another job is under way' });
      const folder = await ownFolder(number);
      const name = OURS + randomUUID();
      const disks = hardDisksOf(parseDomain(xml)).map((disk, i): LiveDisk => {
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
          return attribute(target, 'name') === AGENT && attribute(target, 'state') === 'connected';
        }),
        socketPath: join(folder, name),
        scratchPaths: disks.map((_, i) => join(scratch, `${name}-${i + 1}`)),
      };
    },

    async begin(moment) {
      const folder = await mkdtemp(join(tmpdir(), OURS));
      try {
        const files = [join(folder, 'backup.xml'), join(folder, 'checkpoint.xml')];
        await writeFile(files[0], backupXml(moment));
        const checkpoint = moment.tracking.checkpoint === null ? [] : ['--checkpointxml', files[1]];
        if (checkpoint.length > 0) await writeFile(files[1], checkpointXml(moment));
        // whoever gives up in between would not know whether it began
        const never = new AbortController().signal;
        await ask(never, 'backup-begin', '--domain', moment.id, '--backupxml', files[0], ...checkpoint).catch(
          (error) => {
            throw notPossible(moment.id, error);
          },
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
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
      const known = await ask(signal, 'list', '--uuid');
      if (known.includes(id)) await ask(signal, 'domfsthaw', '--domain', id);
    },

    async checkpointMadeAt(id, checkpoint, signal) {
      if (!(await hasCheckpoint(id, checkpoint, signal))) return null;
      const asked = ['checkpoint-dumpxml', '--no-domain', '--domain', id, '--checkpointname', checkpoint];
      const about = parseXml(await ask(signal, ...asked), 'libvirt checkpoint', 'domaincheckpoint');
      return textOf(about, 'creationTime') || null;
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

type Node = readonly [name: string, attributes: Readonly<Record<string, string>>, ...children: (Node | string)[]];

function xmlOf(root: Node): string {
  const document = new DOMImplementation().createDocument(null, root[0]);
  const fill = (element: Element, [, attributes, ...children]: Node) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    for (const child of children) {
      if (typeof child === 'string') element.appendChild(document.createTextNode(child));
      else {
        const made = document.createElement(child[0]);
        element.appendChild(made);
        fill(made, child);
      }
    }
  };
  fill(document.documentElement!, root);
  return new XMLSerializer().serializeToString(document);
}

function backupXml({ disks, socketPath, scratchPaths, tracking }: PlannedMoment): string {
  const each = disks.map(({ name, exportName, changesContext }, i): Node => {
    const about: Record<string, string> = { name, backup: 'yes', type: 'file', exportname: exportName };
    if (tracking.since !== null) about.backupmode = changesContext === null ? 'full' : 'incremental';
    if (changesContext !== null) Object.assign(about, { incremental: tracking.since, exportbitmap: `changes${i + 1}` });
    return ['disk', about, ['scratch', { file: scratchPaths[i] }]];
  });
  return xmlOf([
    'domainbackup',
    { mode: 'pull' },
    ['server', { transport: 'unix', socket: socketPath }],
    ['disks', {}, ...each],
  ]);
}

/** Only qcow2 keeps what was written since. */
function checkpointXml({ disks, tracking }: PlannedMoment): string {
  const each = disks.map(({ name, format }): Node => [
    'disk',
    { name, checkpoint: format === 'qcow2' ? 'bitmap' : 'no' },
  ]);
  return xmlOf(['domaincheckpoint', {}, ['name', {}, tracking.checkpoint!], ['disks', {}, ...each]]);
}
