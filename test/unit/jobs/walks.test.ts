import { describe, expect, test } from 'vitest';
import type { Check } from '../../../src-engine/contract/warnings.ts';
import type { FileNode } from '../../../src-engine/filesystems/file-tree.port.ts';
import { SecondNames } from '../../../src-engine/browsing/second-names.ts';
import { VisitedFolders } from '../../../src-engine/browsing/visited-folders.ts';
import { overriddenCodes, withOverrides } from '../../../src-engine/judgement/overrides.ts';

const node = (id: string, linkCount = 1): FileNode => ({
  id,
  kind: 'file',
  lengthBytes: 0,
  modifiedMs: null,
  mode: null,
  ownerId: null,
  groupId: null,
  linkCount,
});

test('a folder is new once', () => {
  const visited = new VisitedFolders();
  expect(['1', '2', '1', '10', '2'].map((id) => visited.isNew(node(id)))).toEqual([true, true, false, true, false]);
});

describe('files with several names', () => {
  test('every name after the first is told the first', () => {
    const names = new SecondNames<string>();
    expect(names.firstOf(node('a', 3), 'one')).toBeNull();
    expect(names.firstOf(node('b', 1), 'other')).toBeNull();
    expect(names.firstOf(node('a', 3), 'two')).toBe('one');
    expect(names.firstOf(node('a', 3), 'three')).toBe('one');
  });

  test('a file that has more names than it counts begins anew: nothing is kept for ever', () => {
    const names = new SecondNames<string>();
    expect(['1', '2', '3', '4'].map((kept) => names.firstOf(node('a', 2), kept))).toEqual([null, '1', null, '3']);
  });
});

describe('overrides', () => {
  const checks: Check[] = [
    { code: 'WINDOWS_HIBERNATED', level: 'block', canOverride: true, data: {} },
    { code: 'VOLUME_REFUSED', level: 'block', data: { feature: 'external journal' } },
    { code: 'VOLUME_REFUSED', level: 'block', canOverride: true, data: { feature: 'several devices' } },
    { code: 'SOURCE_READABLE', level: 'pass', data: {} },
  ];
  const levels = (of: Check[]) => of.map(({ level }) => level);

  test('a block that may be lifted becomes a warning where it is named, and is written down', () => {
    const lifted = withOverrides(checks, ['WINDOWS_HIBERNATED', 'SOURCE_READABLE']);
    expect(levels(lifted)).toEqual(['warn', 'block', 'block', 'pass']);
    expect(overriddenCodes(lifted)).toEqual(['WINDOWS_HIBERNATED']);
    const both = withOverrides(checks, ['VOLUME_REFUSED']);
    expect(levels(both)).toEqual(['block', 'block', 'warn', 'pass']);
    expect(overriddenCodes(both)).toEqual(['VOLUME_REFUSED']);
    expect(overriddenCodes(withOverrides(checks, []))).toEqual([]);
  });
});
