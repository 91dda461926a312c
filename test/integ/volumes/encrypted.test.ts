/** Encrypted volumes made or judged by cryptsetup: recognised, captured whole, told in the right words. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { recogniseEncrypted } from '../../../src-engine/filesystems/encrypted/recognise-encrypted.ts';
import { inspectDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { makeNoiseDisk } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { bitLocker, type BitLockerKind } from '../../unit/filesystems/bitlocker-image.ts';

const bench = workbench();
const LENGTH = 20 * MIB;

async function viewOf(image: string) {
  const source = await openFileSource(image);
  try {
    const { view, opened } = await inspectDisk(source, new AbortController().signal);
    expect(opened).toMatchObject([{ ref: '0', fileSystem: null, refusal: null }]);
    return { ...view.volumes[0], encrypted: await recogniseEncrypted(source) };
  } finally {
    await source.close();
  }
}

describe('LUKS', () => {
  test.each([
    ['luks1', 'aes-xts-plain64', []],
    ['luks1', 'aes-cbc-essiv:sha256', []],
    ['luks2', 'aes-xts-plain64', ['--sector-size', '512']],
    ['luks2', 'aes-xts-plain64', ['--sector-size', '4096']],
    ['luks2', 'aes-cbc-essiv:sha256', ['--sector-size', '512', '--label', 'vault', '--luks2-metadata-size', '64k']],
  ])('%s with %s and %j, as luksDump tells it', async (type, cipher, options) => {
    const image = bench.file('luks.img', LENGTH);
    writeFileSync(bench.path('key'), 'open sesame');
    run(
      'cryptsetup',
      ...['luksFormat', '-q', '--type', type, '-c', cipher, '-s', '256', '--key-file', bench.path('key')],
      ...['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', ...options, image],
    );
    const dump = run('cryptsetup', 'luksDump', image);
    const field = (name: RegExp) => name.exec(dump)?.[1];
    const uuid = field(/UUID:\s+(\S+)/);
    const { recognised, captureAs, usedBytes, warnings, encrypted } = await viewOf(image);
    expect({ recognised, captureAs, usedBytes }).toEqual({ recognised: 'luks', captureAs: 'whole', usedBytes: LENGTH });
    const name = type.toUpperCase();
    expect(warnings).toEqual([
      { code: 'VOLUME_ENCRYPTED', data: { volume: 1, name, lengthBytes: LENGTH, cipher, uuid } },
    ]);
    expect(encrypted?.sectorBytes).toBe(Number(field(/sector: (\d+)/) ?? 512));
    const told = field(/cipher: (\S+)/) ?? `${field(/Cipher name:\s+(\S+)/)}-${field(/Cipher mode:\s+(\S+)/)}`;
    expect(told).toBe(cipher);
  });

  test('is recognised', (context) => {
    const judge = 'cryptsetup luksDump';
    proves(
      context,
      ...['LUKS1', 'LUKS2'].map((feature) => ({
        subject: 'Encryption',
        feature,
        aspect: 'used blocks' as const,
        judge,
      })),
    );
  });
});

describe('BitLocker', () => {
  const kinds: [BitLockerKind, string][] = [
    ['windows7', 'BitLocker'],
    ['used-space', 'BitLocker'],
    ['to-go', 'BitLocker To Go'],
  ];
  test.each(kinds)('of %s, as bitlkDump tells it', async (kind, name) => {
    for (const protections of [
      [0x0100, 0x0800],
      [0x0000, 0x0800],
    ]) {
      const image = bench.path('bitlocker.img');
      writeFileSync(image, bitLocker({ kind, protections, method: 0x8005 }));
      const dump = run('cryptsetup', 'bitlkDump', image);
      const lengthBytes = readFileSync(image).length;
      const uuid = /GUID:\s+(\S+)/.exec(dump)![1].toUpperCase();
      const isSuspended = dump.includes('clear key');
      expect(isSuspended).toBe(protections.includes(0));
      expect(dump).toContain('aes');
      const { recognised, captureAs, warnings } = await viewOf(image);
      expect({ recognised, captureAs }).toEqual({ recognised: 'bitlocker', captureAs: 'whole' });
      expect(warnings).toEqual([
        { code: 'VOLUME_ENCRYPTED', data: { volume: 1, name, lengthBytes, cipher: 'aes-xts-256', uuid } },
        ...(isSuspended ? [{ code: 'BITLOCKER_SUSPENDED', data: { volume: 1, drive: 'C:' } }] : []),
      ]);
    }
  });

  test('of Vista, as blkid tells it', async () => {
    const image = bench.path('vista.img');
    writeFileSync(image, bitLocker({ kind: 'vista', method: 0x8000 }));
    expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', image).trim()).toBe('BitLocker');
    const { warnings } = await viewOf(image);
    expect(warnings).toMatchObject([{ code: 'VOLUME_ENCRYPTED', data: { cipher: 'aes-cbc-elephant-128' } }]);
  });

  test('is recognised', (context) => {
    const judge = 'cryptsetup bitlkDump';
    const features = ['BitLocker', 'BitLocker To Go', 'BitLocker that is suspended'];
    proves(
      context,
      ...features.map((feature) => ({ subject: 'Encryption', feature, aspect: 'used blocks' as const, judge })),
    );
  });
});

test('a volume of noise, as VeraCrypt makes them, is told as one', async (context) => {
  proves(context, {
    subject: 'Encryption',
    feature: 'volumes without a header',
    aspect: 'used blocks',
    judge: 'noise',
  });
  const { recognised, captureAs, warnings } = await viewOf(makeNoiseDisk(bench, 'noise.img', 3 * MIB));
  expect({ recognised, captureAs }).toEqual({ recognised: null, captureAs: 'whole' });
  expect(warnings).toEqual([{ code: 'VOLUME_LOOKS_RANDOM', data: { volume: 1, lengthBytes: 3 * MIB } }]);
});
