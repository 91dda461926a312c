/** Headers of encrypted volumes that lie: they say less, and are captured whole all the same. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { randomBelow } from '../../support/temporary.ts';
import { bitLocker, type BitLockerKind } from '../../unit/filesystems/bitlocker-image.ts';
import { mutate } from '../filesystems/harmless.ts';
import { inspectHostile, MUTATIONS } from './inspected.ts';

const MIB = 1024 * 1024;
const MAX_READ_BYTES = 16 * MIB;

async function expectWhole(volume: Buffer): Promise<void> {
  const { view } = await inspectHostile(volume, MAX_READ_BYTES);
  for (const { captureAs } of view.volumes) expect(captureAs).toBe('whole');
}

test('seeded mutations of BitLocker', async (context) => {
  proves(context, { subject: 'Encryption', feature: 'BitLocker', aspect: 'hostile', judge: 'seeded mutations' });
  const kinds: BitLockerKind[] = ['vista', 'windows7', 'used-space', 'to-go'];
  const originals = kinds.map((kind) => bitLocker({ kind }));
  const regions = [
    [0, 512],
    [MIB, 600],
  ] as const;
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const original = originals[seed % kinds.length];
    const volume = Buffer.from(original);
    mutate(volume, regions, seed);
    // the signature of the first sector may be gone: then it is anything
    await inspectHostile(volume, MAX_READ_BYTES);
  }
});

const JSON_TEXT = JSON.stringify({
  keyslots: { 0: { type: 'luks2', key_size: 64 } },
  segments: {
    0: { type: 'crypt', offset: '16777216', size: 'dynamic', encryption: 'aes-xts-plain64', sector_size: 512 },
  },
});

function luks2(json: string, sizeBytes = 16_384): Buffer {
  const volume = Buffer.alloc(2 * MIB);
  volume.write('LUKS\xba\xbe', 0, 'latin1');
  volume.writeUInt16BE(2, 6);
  volume.writeBigUInt64BE(BigInt(sizeBytes), 8);
  volume.write('sha256', 72, 'latin1');
  volume.write('86f5e345-8905-4deb-88b1-969d70425e83', 168, 'latin1');
  volume.write(json, 4096, Math.min(sizeBytes, volume.length) - 4096);
  return sealed(volume, sizeBytes);
}

function sealed(volume: Buffer, sizeBytes: number): Buffer {
  volume.fill(0, 448, 512);
  createHash('sha256').update(volume.subarray(0, sizeBytes)).digest().copy(volume, 448);
  return volume;
}

test('seeded mutations of LUKS, the checksum of its metadata made right again', async (context) => {
  proves(context, { subject: 'Encryption', feature: 'LUKS', aspect: 'hostile', judge: 'seeded mutations' });
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const below = randomBelow(seed);
    const volume = luks2(JSON_TEXT);
    if (below(4) === 0) volume.writeUInt16BE(1, 6);
    mutate(
      volume,
      [
        [8, 504],
        [4096, JSON_TEXT.length + 20],
      ],
      seed,
    );
    if (below(3) > 0) sealed(volume, 16_384);
    await expectWhole(volume);
  }
});

test.each([
  ['nothing but brackets', '['.repeat(MIB)],
  ['nothing but braces', '{"a":'.repeat(200_000)],
  ['a million segments', `{"segments":{${Array.from({ length: 50_000 }, (_, i) => `"${i}":{}`).join()}}}`],
  ['a sector size that is none', JSON_TEXT.replace('512', '1e400')],
  ['a prototype', '{"__proto__":{"segments":1}}'],
  ['a name of a megabyte', JSON_TEXT.replace('aes', 'a'.repeat(MIB))],
])('LUKS2 with %s', async (_what, json) => {
  await expectWhole(luks2(json, 2 * MIB));
});

test.each([2 ** 31, 2 ** 53, 4097])('LUKS2 with a header of %i bytes', async (sizeBytes) => {
  await expectWhole(luks2('{}', sizeBytes));
});
