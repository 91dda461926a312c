/** Hostile block maps. */
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { blockMapSource, parseBmap } from '../../../src-engine/formats/bmap/bmap.ts';
import { proves } from '../../support/matrix.ts';
import { MUTATIONS } from '../filesystems/harmless.ts';
import { hostile, mutateText } from './hostile-image.ts';
import { expectNoticed, outcomeOf } from './lies.ts';

const TEXT = `<?xml version="1.0" ?>
<bmap version="2.0">
  <ImageSize> 1048576 </ImageSize>
  <BlockSize> 4096 </BlockSize>
  <BlocksCount> 256 </BlocksCount>
  <MappedBlocksCount> 20 </MappedBlocksCount>
  <ChecksumType> sha256 </ChecksumType>
  <BlockMap>
    <Range chksum="00"> 0-7 </Range>
    <Range chksum="11"> 9 </Range>
    <Range> 20-30 </Range>
    <Range> 255 </Range>
  </BlockMap>
</bmap>
`;

async function read(text: string): Promise<void> {
  const map = parseBmap(Buffer.from(text));
  if (map.lengthBytes > 2 ** 24) return;
  const source = blockMapSource(memorySource(Buffer.alloc(map.lengthBytes, 1)), map);
  const bytes = Buffer.alloc(map.lengthBytes);
  await source.readInto(0, bytes);
  let endBytes = 0;
  for await (const batch of source.dataRuns!(0, map.lengthBytes, new AbortController().signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      expect(startBytes).toBeGreaterThanOrEqual(endBytes);
      expect(lengthBytes).toBeGreaterThan(0);
      endBytes = startBytes + lengthBytes;
    }
  }
  expect(endBytes).toBeLessThanOrEqual(map.lengthBytes);
}

test('numbers, ranges and XML that lie', async (context) => {
  await read(TEXT);
  await expectNoticed(MUTATIONS, (seed) => outcomeOf(() => read(mutateText(TEXT, seed))));
  proves(context, hostile('bmap'));
});

test.each([
  ['entities', TEXT.replace('<bmap', '<!DOCTYPE x [<!ENTITY a "b">]><bmap')],
  ['elements in elements', '<bmap>'.repeat(100_000)],
  ['an end in the middle', TEXT.slice(0, 200)],
  ['nothing', ''],
  ['ranges that go back', TEXT.replace('20-30', '5-30')],
  ['ranges behind the end', TEXT.replace('20-30', '20-300')],
])('%s', async (_, text) => {
  expect(await outcomeOf(() => read(text))).toBe('FORMAT_INVALID');
});
