/** What identifiers are looked for in may be anything: nothing of it ends a search otherwise than it should. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { memorySource } from '../../src-engine/disk/memory-source.ts';
import { readEfiProgram } from '../../src-engine/identifiers/efi-program.ts';
import { IdForms } from '../../src-engine/identifiers/forms.ts';
import { unpackedCore } from '../../src-engine/identifiers/grub-core.ts';
import { overridingArchive, searchInitramfs } from '../../src-engine/identifiers/initramfs.ts';
import { noise } from '../support/disks.ts';
import { countMutation } from '../support/mutations.ts';
import { randomBelow } from '../support/temporary.ts';

const UUID = '0a1b2c3d-1111-4222-8333-00000000000f';
const FORMS = new IdForms([{ format: 'uuid', before: UUID, after: UUID.replaceAll('1', '2') }]);
const signal = new AbortController().signal;

function archive(): Buffer {
  const header = Buffer.from(`070701${'0'.repeat(104)}`, 'latin1');
  header.write('000081A4', 14, 'latin1');
  const names = ['conf/resume', 'bin/sh', 'etc/fstab'];
  return overridingArchive(
    0,
    names.map((name, i) => ({ header, name: Buffer.from(`${name}\0`), bytes: Buffer.from(`${UUID} ${i}\n`) })),
  );
}

/** A few bytes are others, or it is cut off. */
function mutated(bytes: Buffer, below: (limit: number) => number): Buffer {
  countMutation();
  const now = Buffer.from(bytes.subarray(0, below(4) === 0 ? below(bytes.length) : bytes.length));
  for (let i = below(6); i > 0 && now.length > 0; i--) now[below(now.length)] = [0, 0xff, 0x30, below(256)][below(4)];
  return now;
}

test('first file systems', async () => {
  const below = randomBelow(1);
  const whole = archive();
  const kinds = [
    whole,
    gzipSync(whole),
    zstdCompressSync(whole),
    Buffer.concat([gzipSync(whole), Buffer.alloc(3), whole]),
  ];
  let found = 0;
  for (let i = 0; i < 400; i++) {
    const told = await searchInitramfs(memorySource(mutated(kinds[i % kinds.length], below)), FORMS, signal);
    found += told?.found.size ?? 0;
  }
  expect(found).toBeGreaterThan(100);
});

test('programs for UEFI and cores of GRUB', async () => {
  const below = randomBelow(2);
  const head = Buffer.concat([Buffer.from('MZ'), noise('program', 1022)]);
  head.writeUInt32LE(64, 60);
  head.write('PE\0\0', 64, 'latin1');
  for (let i = 0; i < 400; i++) {
    const bytes = mutated(head, below);
    const { initramfs } = readEfiProgram(bytes) ?? { initramfs: null };
    expect((initramfs ?? bytes).length).toBeLessThanOrEqual(bytes.length);
    const core = mutated(noise(`core ${i % 7}`, 8192), below);
    if (core.length > 544) core.writeUInt32LE(below(8000), 520);
    if (core.length > 544) core.writeUInt32LE(below(1_000_000), 524);
    if (core.length > 544) core.writeUInt32LE(below(3000), 528);
    expect((await unpackedCore(core)).content).toBeNull();
  }
});
