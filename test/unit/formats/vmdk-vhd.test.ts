/** Descriptors of VMDK, geometries of VHD. */
import { describe, expect, test } from 'vitest';
import { geometryOf } from '../../../src-engine/formats/vhd/geometry.ts';
import { isDescriptor, parseDescriptor } from '../../../src-engine/formats/vmdk/descriptor.ts';

describe('descriptors', () => {
  const parse = (...lines: string[]) => parseDescriptor(Buffer.from(['# Disk DescriptorFile', ...lines].join('\n')));

  test('are told by how they begin', () => {
    for (const text of ['# Disk DescriptorFile\n', '\uFEFF# Disk DescriptorFile\r\n', '\n#disk descriptorfile']) {
      expect(isDescriptor(Buffer.from(text)), text).toBe(true);
    }
    for (const text of ['', '# A shell script', 'Disk DescriptorFile', 'KDMV']) {
      expect(isDescriptor(Buffer.from(text)), text).toBe(false);
    }
  });

  test('spaces, case and quotes are free; what is not known is left out', () => {
    const found = parse(
      'CID = AB12',
      'parentcid=FFFFFFFF',
      'createType="custom"',
      'rw 10 flat "a b.vmdk" 7',
      'ddb.x = "y"',
      '',
    );
    expect(found).toEqual({
      createType: 'custom',
      cid: '0000ab12',
      parent: null,
      extents: [{ sectors: 10, type: 'FLAT', name: 'a b.vmdk', offsetSectors: 7 }],
    });
    expect(parse('parentCID=1', 'parentFileNameHint="p.vmdk"').parent).toEqual({ cid: '00000001', name: 'p.vmdk' });
  });

  test('end at the first zero', () => {
    const text = Buffer.from('# Disk DescriptorFile\nRW 1 ZERO\n\0RW 2 ZERO\n');
    expect(parseDescriptor(text).extents.length).toBe(1);
  });

  test('what cannot be is refused', () => {
    for (const line of ['RW 99999999999999999999 ZERO', 'RW x FLAT "a"', 'CID=xyz', 'RW 1 FLAT "a" 99999999999999']) {
      expect(() => parse(line), line).toThrow('FORMAT_INVALID');
    }
    expect(() => parse('NOACCESS 10 FLAT "a" 0')).toThrow('FORMAT_UNSUPPORTED');
    expect(() => parse(...Array.from({ length: 5000 }, () => 'RW 1 ZERO'))).toThrow('extents');
  });
});

test("geometries are those of the specification's appendix", () => {
  const of = (lengthBytes: number) => Object.values(geometryOf(lengthBytes)).join('/');
  expect(of(20 * 2 ** 20)).toBe('602/4/17');
  expect(of(200 * 2 ** 20)).toBe('825/16/31');
  expect(of(500 * 2 ** 20)).toBe('1015/16/63');
  expect(of(127 * 2 ** 30)).toBe('65278/16/255');
  expect(of(4 * 2 ** 40)).toBe('65535/16/255');
});
