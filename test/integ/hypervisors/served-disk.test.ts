/** A served disk under a machine: an overlay takes what is changed, and a relay bridges the time without an engine. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import {
  endRelay,
  isRelaying,
  makeRelayFolder,
  RELAYED_NAME,
  startRelay,
  type RelayPlaces,
} from '../../../src-engine/machines/qemu/disk-relay.ts';
import { makeOverlay, viewOverlay } from '../../../src-engine/machines/qemu/overlay-view.ts';
import { serveNbd, type NbdServer } from '../../../src-engine/nbd/server.ts';
import { uriOfSocket } from '../../../src-engine/nbd/socket-place.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const { signal } = new AbortController();
const exec = promisify(execFile);

describe.skipIf(!canLoop)('a served disk', () => {
  const bench = workbench();
  const image = bench.path('disk.img');
  const socketPath = bench.path('served.sock');
  let bytes: Buffer;
  let server: NbdServer;

  const serve = (path: string, name: string) =>
    serveNbd({ name, description: '', source: memorySource(bytes) }, { socketPath: path });

  beforeAll(async () => {
    bench.file('disk.img', 32 * MIB);
    run('mkfs.ext4', '-q', image);
    run('dd', 'if=/dev/urandom', `of=${bench.path('data')}`, 'bs=1M', 'count=8', 'status=none');
    run('debugfs', '-w', '-R', `write ${bench.path('data')} data`, image);
    bytes = readFileSync(image);
    server = await serve(socketPath, 'deb');
    bench.atEnd(() => server.close());
  });

  test('is changed by programs that know disks only, and only what they change comes to lie in the overlay', async () => {
    const overlay = bench.path('overlay.qcow2');
    await makeOverlay(overlay, 48 * MIB, uriOfSocket(socketPath), signal);
    const place = { socketPath, exportName: 'deb', at: bench.path('view.img') };
    const view = await viewOverlay(overlay, place, signal);
    await exec('resize2fs', [view.path], { timeout: 60_000 });
    const handle = await open(view.path, 'r+');
    await handle.sync();
    await handle.close();
    await exec('debugfs', ['-w', '-R', `write ${bench.path('data')} twice`, view.path], { timeout: 60_000 });
    await view.close();
    expect(() => run('mountpoint', '-q', view.path)).toThrow();

    await exec('qemu-img', ['check', '-q', overlay], { timeout: 60_000 });
    const whole = bench.path('whole.img');
    await exec('qemu-img', ['convert', '-O', 'raw', overlay, whole], { timeout: 60_000 });
    run('e2fsck', '-fn', whole);
    for (const name of ['data', 'twice']) {
      run('debugfs', '-R', `dump /${name} ${bench.path(`${name}.out`)}`, whole);
      expect(readFileSync(bench.path(`${name}.out`)).equals(readFileSync(bench.path('data')))).toBe(true);
    }
    // 8 MiB were written anew: not the 8 that were there
    const { 'actual-size': actual } = JSON.parse(run('qemu-img', 'info', '-U', '--output=json', overlay)) as Record<
      string,
      number
    >;
    expect(actual).toBeGreaterThan(8 * MIB);
    expect(actual).toBeLessThan(14 * MIB);
  });

  test('that cannot be reached shows nothing and leaves nothing', async () => {
    const overlay = bench.path('lost.qcow2');
    await makeOverlay(overlay, 32 * MIB, uriOfSocket(bench.path('nobody.sock')), signal);
    const at = bench.path('lost.img');
    const place = { socketPath: bench.path('nobody.sock'), exportName: 'deb', at };
    await expect(viewOverlay(overlay, place, signal)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      data: { tool: 'qemu-storage-daemon' },
    });
    expect(run('ls', bench.folder)).not.toContain('lost.img');
  });

  describe('behind a relay', () => {
    const folder = bench.path('relay');
    let places: RelayPlaces;
    let engine: NbdServer;
    const uri = () => `nbd+unix:///${RELAYED_NAME}?socket=${places.machine}`;

    beforeAll(async () => {
      places = makeRelayFolder(folder);
      engine = await serve(places.served, RELAYED_NAME);
      await startRelay(folder, null, signal);
      bench.atEnd(() => endRelay(folder));
    });

    test('waits while no engine serves it, and goes on with the next one', async () => {
      await engine.close();
      const copy = exec('nbdcopy', [uri(), bench.path('copy.img')], { timeout: 60_000 });
      const isDone = await Promise.race([copy.then(() => true), sleep(500, false)]);
      expect(isDone).toBe(false);
      engine = await serve(places.served, RELAYED_NAME);
      await copy;
      expect(readFileSync(bench.path('copy.img')).equals(bytes)).toBe(true);
    });

    test('is started once, can be read and not written, and ends although no engine is there', async () => {
      await startRelay(folder, null, signal);
      await expect(exec('qemu-io', ['-f', 'raw', '-c', 'write 0 512', uri()], { timeout: 60_000 })).rejects.toThrow();
      await engine.close();
      expect(await isRelaying(folder)).toBe(true);
      await endRelay(folder);
      expect(await isRelaying(folder)).toBe(false);
      expect(run('ls', bench.folder)).not.toContain('relay');
    });
  });
});
