/** A guest that lacks a driver makes its first file system anew, by its own program, and starts from a bus that it could not start from before. */
import { describe, expect, it } from 'vitest';
import { guestOf } from '../boot-matrix/guests.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { canLoop, workbench } from '../support/workbench.ts';

if (!canLoop) console.warn('SKIPPED: a guest is built, for which it needs root on Linux');

const bench = workbench();
/** Its program runs hundreds of others, each under emulation. */
const TIMEOUT_MS = 2_400_000;

describe.skipIf(!canLoop)('drivers', () => {
  it(
    'that a Debian with a list of modules lacks are there after a deploy, and it starts from them',
    async () => {
      // its first file system has virtio_blk and no virtio_scsi
      const guest = await guestOf({ layout: 'ext4', suite: 'bookworm', sectorBytes: 512 });
      const cli = commandLine(bench.path('catalog'));
      expect((await cli('--json', 'capture', guest.disk, '--name', 'lacking')).code).toBe(0);
      const target = bench.path('target.img');
      const how = ['--target-bus', 'scsi', '--drivers', 'all', '--identity', 'keep'];
      const proof = ['--boot-proof', '--bus', 'scsi', '--timeout', '900'];
      const ended = await cli('--json', 'deploy', 'lacking', target, ...how, ...proof);
      expect(lastLine(ended)).toMatchObject({ ok: true });
      const { value } = lastLine(ended);
      expect(value.result.boot).toMatchObject({ sign: 'login', bus: 'scsi' });
      const changed = value.result.inside.changes.map(({ path }: { path: string }) => path);
      expect(changed).toContainEqual(expect.stringMatching(/^\/boot\/initrd\.img-/));
      // nothing but what was made has come out of the machine that made it
      expect(
        changed.filter(
          (path: string) =>
            !/^\/(?:boot\/initrd\.img-|var\/lib\/initramfs-tools\/|etc\/initramfs-tools\/conf\.d\/zz-)/.test(path),
        ),
      ).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
