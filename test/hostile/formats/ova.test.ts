/** Hostile OVF descriptors, manifests of sums, and the tars around them. */
import { expect, test } from 'vitest';
import { readTar, tarHeader } from '../../../src-engine/archive/tar.ts';
import { RecordedConfigurationSchema } from '../../../src-engine/contract/template.contract.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { chunkNames, parseDescriptor } from '../../../src-engine/formats/ova/descriptor.ts';
import { descriptorText } from '../../../src-engine/formats/ova/descriptor-text.ts';
import { isSiblingName } from '../../../src-engine/formats/sibling-name.ts';
import { proves } from '../../support/matrix.ts';
import { mutate, MUTATIONS, restoring } from '../filesystems/harmless.ts';
import { hostile, mutateText } from './hostile-image.ts';
import { expectNoticed, outcomeOf } from './lies.ts';
import { HANG_MS } from '../../support/processor-time.ts';

const TEXT = descriptorText({
  name: 'machine',
  configuration: {
    operatingSystem: 'Debian 12',
    bootMode: 'uefi',
    hasCloudInit: null,
    cpus: 2,
    memoryBytes: 2 ** 31,
    networks: ['a', 'b'],
  },
  diskFile: 'disk.vmdk',
  fileBytes: 1000,
  capacityBytes: 2 ** 30,
});

/** What comes of a descriptor can go into the catalog, and asks for plain names only. */
function read(text: string): void {
  const { disks, configuration, name } = parseDescriptor(Buffer.from(text));
  expect(name.length).toBeLessThanOrEqual(200);
  RecordedConfigurationSchema.parse(configuration);
  for (const { fileName, writtenName, chunks } of disks) {
    expect(isSiblingName(fileName), fileName).toBe(true);
    expect(isSiblingName(writtenName), writtenName).toBe(true);
    if (chunks) for (const chunk of chunkNames(fileName, chunks)) expect(isSiblingName(chunk), chunk).toBe(true);
  }
}

test('descriptors that lie', async (context) => {
  read(TEXT);
  await expectNoticed(MUTATIONS, (seed) => outcomeOf(() => read(mutateText(TEXT, seed))));
  proves(context, hostile('OVA'));
});

test.each([
  [
    'entities',
    TEXT.replace('<Envelope', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Envelope'),
    'FORMAT_INVALID',
  ],
  ['elements in elements', `<Envelope>${'<a>'.repeat(200_000)}`, 'FORMAT_INVALID'],
  ['an end in the middle', TEXT.slice(0, 1500), 'FORMAT_INVALID'],
  ['a name that leads out', TEXT.replace('"disk.vmdk"', '"../disk.vmdk"'), 'FORMAT_UNSUPPORTED'],
  ['a name that leads out, escaped', TEXT.replace('"disk.vmdk"', '"..%2fdisk.vmdk"'), 'FORMAT_UNSUPPORTED'],
  ['chunks of nothing', TEXT.replace('ovf:size="1000"', 'ovf:size="1000" ovf:chunkSize="0"'), 'FORMAT_INVALID'],
  ['too many chunks', TEXT.replace('ovf:size="1000"', 'ovf:size="9999999" ovf:chunkSize="1"'), 'FORMAT_INVALID'],
  ['chunks without a length', TEXT.replace('ovf:size="1000"', 'ovf:chunkSize="7"'), 'FORMAT_INVALID'],
  ['a URL', TEXT.replace('"disk.vmdk"', '"http://x/y"'), 'FORMAT_UNSUPPORTED'],
])('%s', async (_, text, code) => {
  expect(await outcomeOf(() => read(text))).toBe(code);
});

/** Members of a tar, one of them with a long name by GNU's and one by pax's means. */
function tar(): Buffer {
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);
  const typed = (type: string, content: string) => {
    const header = tarHeader('h', content.length, new Date(0));
    header.write(type, 156);
    return seal(header, pad(Buffer.from(content)));
  };
  const record = `30 path=${'p'.repeat(21)}\n`.replace('30', '30');
  return Buffer.concat([
    tarHeader('m.ovf', 700, new Date(0)),
    pad(Buffer.alloc(700, 1)),
    typed('L', `${'long/'.repeat(40)}name\0`),
    tarHeader('cut', 100, new Date(0)),
    pad(Buffer.alloc(100, 2)),
    typed('x', record),
    tarHeader('other', 512, new Date(0)),
    Buffer.alloc(512, 3),
    Buffer.alloc(1024),
  ]);
}

/** Puts the sum of a header right. */
function seal(header: Buffer, content = Buffer.alloc(0)): Buffer {
  header.fill(0x20, 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, content]);
}

test('tar headers that lie', async (context) => {
  const bytes = tar();
  const read = async () => {
    const members = (await readTar(memorySource(bytes), 'x.tar', AbortSignal.timeout(HANG_MS))) ?? [];
    for (const { name, lengthBytes, pieces } of members) {
      expect(name.startsWith('/') || name.split('/').includes('..')).toBe(false);
      for (const piece of pieces) {
        expect(piece.startBytes + piece.lengthBytes).toBeLessThanOrEqual(bytes.length);
        expect(piece.offsetBytes + piece.lengthBytes).toBeLessThanOrEqual(lengthBytes);
      }
    }
    return members;
  };
  expect((await read()).map(({ name }) => name)).toEqual(['m.ovf', `${'long/'.repeat(40)}name`, 'p'.repeat(21)]);
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += 512)
    if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') starts.push(at);
  const regions = starts.map((at) => [at, 257] as const);
  const pages = [[0, bytes.length]] as const;
  await expectNoticed(MUTATIONS, (seed) =>
    restoring(bytes, pages, async () => {
      mutate(bytes, regions, seed);
      if (seed % 4 !== 0) for (const at of starts) seal(bytes.subarray(at, at + 512));
      return outcomeOf(read);
    }),
  );
  proves(context, hostile('tar'));
});
