/** Hostile partclone images. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { openPartclone } from '../../../src-engine/formats/partclone/reader.ts';
import { partcloneCrc } from '../../../src-engine/formats/partclone/header.ts';
import { proves } from '../../support/matrix.ts';
import { mutate, MUTATIONS, restoring } from '../filesystems/harmless.ts';
import { hostile } from './hostile-image.ts';
import { expectNoticed, outcomeOf } from './lies.ts';
import { HANG_MS } from '../../support/processor-time.ts';

const HEADER_BYTES = 110;
const READ_BYTES_MAX = 4 * 1024 * 1024;

function cloned(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  const at = (name: string) => join(folder, name);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const run = (tool: string, ...args: string[]) =>
    execFileSync(tool, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    writeFileSync(at('fs'), '');
    truncateSync(at('fs'), 1024 * 1024);
    run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', at('fs'));
    run('partclone.ext4', '-c', '-q', '-L', at('log'), '-s', at('fs'), '-O', at('image'));
    return readFileSync(at('image'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function read(bytes: Buffer): Promise<string | void> {
  const image = await openPartclone(memorySource(bytes));
  if (!image) return;
  const { source } = image;
  const piece = Buffer.alloc(64 * 1024);
  let left = READ_BYTES_MAX;
  let endBytes = 0;
  for await (const batch of source.dataRuns!(0, source.lengthBytes, AbortSignal.timeout(HANG_MS))) {
    for (const { startBytes, lengthBytes } of batch) {
      if (startBytes < endBytes || !(lengthBytes > 0) || startBytes + lengthBytes > source.lengthBytes) {
        throw new Error(`run ${startBytes}+${lengthBytes}`);
      }
      endBytes = startBytes + lengthBytes;
      for (let at = startBytes; at < endBytes && left > 0; at += piece.length) {
        const part = piece.subarray(0, Math.min(piece.length, endBytes - at));
        await source.readInto(at, part);
        left -= part.length;
      }
    }
  }
}

test('headers, bitmaps and blocks that lie', async (context) => {
  const bytes = cloned();
  expect(await outcomeOf(() => read(bytes))).toBe('read');
  // 1024 blocks of 1024 bytes, and the sum behind their bits
  const map = 1024 / 8 + 4;
  const regions = [
    [0, HEADER_BYTES],
    [HEADER_BYTES, map],
    [HEADER_BYTES + map, 64],
  ] as const;
  await expectNoticed(MUTATIONS, (seed) =>
    restoring(bytes, [[0, 4096]], async () => {
      mutate(bytes, regions, seed);
      // the header's own sum, so that what it says is believed
      if (seed % 4 !== 0) bytes.writeUInt32LE(partcloneCrc(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
      return outcomeOf(() => read(bytes));
    }),
  );
  for (let i = 0; i < 200; i++) await outcomeOf(() => read(bytes.subarray(0, Math.floor((bytes.length * i) / 200))));
  proves(context, hostile('partclone'));
});
