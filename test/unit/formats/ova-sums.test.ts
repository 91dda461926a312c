/** Names in the manifest of an OVA, as openssl and others write them. */
import { expect, test } from 'vitest';
import { parseSums, sumOfFile } from '../../../src-engine/formats/ova/sums.ts';

const SUM = 'ab'.repeat(20);

test.each([
  ['disk 1 (copy).vmdk', 'disk 1 (copy).vmdk'],
  ['disk (1)= x.vmdk', 'disk (1)= x.vmdk'],
  ['größe.vmdk', 'größe.vmdk'],
  ['gr%C3%B6%C3%9Fe%201.vmdk', 'größe 1.vmdk'],
  // a name that only looks escaped is itself
  ['100%.vmdk', '100%.vmdk'],
  ['a%20b.vmdk', 'a%20b.vmdk'],
])('%s', (written, name) => {
  const sums = parseSums(`SHA256(other)= ${SUM}\r\nSHA1(${written})= ${SUM.toUpperCase()}\r\n`);
  expect(sumOfFile(sums, name)).toEqual({ fileName: written, kind: 'sha1', sum: SUM });
});

test('a file without a line', () => {
  expect(sumOfFile(parseSums(`SHA1(other)= ${SUM}\n`), 'disk.vmdk')).toBeNull();
});
