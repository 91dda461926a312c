/** Volumes of libvirt's pools of the kind `logical`, which are volume groups of LVM. Source: libvirt, "Storage pool and volume XML format". */
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, parseXml, textOf } from '../../core/xml.ts';
import { runTool } from '../../tools/run-tool.ts';
import type { Virsh } from './virsh.ts';
import type { Volumes } from './volumes.port.ts';

const MAX_VOLUMES = 10_000;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;
/** LVM's own limits (vgcreate(8)). */
const MIN_EXTENT_BYTES = 512;
const MAX_EXTENT_BYTES = 16 * 1024 ** 3;
/** So much of a new volume is cleared when it is made: lvcreate(8), --zero. */
const CLEARED_BYTES = 4096;
const never = () => new AbortController().signal;

/** @param ask with a deadline for what makes and removes */
export function libvirtVolumes(ask: Virsh): Volumes {
  const names: Volumes['names'] = async (pool, signal) => {
    await ask(signal, 'pool-refresh', '--pool', pool);
    const said = await ask(signal, 'vol-list', '--pool', pool);
    // names of LVM have no blanks
    const found = said.split('\n').flatMap((line) => /^\s*(\S+)\s+\/\S/.exec(line)?.[1] ?? []);
    return found.slice(0, MAX_VOLUMES);
  };

  const show = async (pool: string, name: string, signal: AbortSignal) => {
    const volume = parseXml(
      await ask(signal, 'vol-dumpxml', `--pool=${pool}`, `--vol=${name}`),
      'libvirt volume',
      'volume',
    );
    const path = textOf(childNamed(volume, 'target'), 'path');
    const key = textOf(volume, 'key');
    if (attribute(volume, 'type') !== 'block' || !isAbsolute(path) || key === '')
      throw new EngineError('FORMAT_INVALID', { field: 'libvirt volume', value: `${pool}/${name}` });
    return { key, path, lengthBytes: bytesOf(textOf(volume, 'capacity'), 'capacity') };
  };

  return {
    async room(pool, signal) {
      const xml = parseXml(await ask(signal, 'pool-dumpxml', '--pool', pool), 'libvirt pool', 'pool');
      const group = textOf(childNamed(xml, 'source'), 'name');
      if (!isGroupName(group))
        throw new EngineError('FORMAT_INVALID', { field: 'volume group', value: group.slice(0, 100) });
      // libvirt knows it too, and tells it of no pool
      const asked = ['vgs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'vg_extent_size', group];
      const { stdout } = await runTool('lvm', asked, { signal });
      const extentBytes = bytesOf(stdout.toString('utf8').trim(), 'extent size');
      if (extentBytes < MIN_EXTENT_BYTES || extentBytes > MAX_EXTENT_BYTES)
        throw new EngineError('FORMAT_INVALID', {
          field: 'extent size',
          value: extentBytes,
          min: MIN_EXTENT_BYTES,
          max: MAX_EXTENT_BYTES,
        });
      return { freeBytes: bytesOf(textOf(xml, 'available'), 'available'), extentBytes };
    },

    names,

    async make(pool, name, lengthBytes) {
      const size = String(lengthBytes);
      await ask(
        never(),
        ...[
          'vol-create-as',
          '--pool',
          pool,
          '--name',
          name,
          '--capacity',
          size,
          '--allocation',
          size,
          '--format',
          'raw',
        ],
      );
      const made = await show(pool, name, never());
      return { key: made.key, path: made.path };
    },

    async remove(pool, { name, key, lengthBytes }, signal) {
      if (!(await names(pool, signal)).includes(name)) return;
      const found = await show(pool, name, signal);
      const isOurs = key === null ? found.lengthBytes === lengthBytes && (await isNew(found.path)) : found.key === key;
      if (isOurs) await ask(never(), 'vol-delete', `--pool=${pool}`, `--vol=${name}`);
    },
  };
}

/** Whether a volume begins as it was made: nothing is written to one whose key was not written down. */
async function isNew(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch((error) => {
    throw toEngineError(error);
  });
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(CLEARED_BYTES), 0, CLEARED_BYTES, 0);
    return bytesRead === CLEARED_BYTES && buffer.every((byte) => byte === 0);
  } finally {
    await handle.close();
  }
}

function bytesOf(text: string, field: string): number {
  const bytes = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(bytes <= MAX_BYTES))
    throw new EngineError('FORMAT_INVALID', { field, value: text.slice(0, 40), max: MAX_BYTES });
  return bytes;
}

/** Source: lvm(8), "Valid names". */
const isGroupName = (name: string) => /^[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}$/.test(name) && !/^\.\.?$/.test(name);
