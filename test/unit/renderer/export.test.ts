/** The names of exported files: proposed, safe on other systems, with the ending of their format. */
import { describe, expect, it } from 'vitest';
import { EXPORT_FORMATS } from '../../../src-engine/contract/index.ts';
import {
  joinPath,
  proposedFileName,
  safeFileName,
  withEndingOf,
} from '../../../src-renderer/modules/export/target-file.ts';

describe('the name of an exported file', () => {
  it.each([
    ['Debian 12: lab?', 'Debian 12 lab'],
    ['a\\b|c*d', 'a b c d'],
    ['ends in dots. . .', 'ends in dots'],
    ['con', '_con'],
    ['LPT1.old', '_LPT1.old'],
    ['console', 'console'],
    ['???', 'template'],
    ['été', 'été'],
  ])('%j becomes %j', (name, safe) => expect(safeFileName(name)).toBe(safe));

  it('has an ending in every format', () => {
    for (const format of EXPORT_FORMATS) expect(proposedFileName('lab', format)).toMatch(/^lab\.[\w.]+$/);
  });

  it('follows the format, unless a person gave it another ending', () => {
    expect(withEndingOf('mine.qcow2', 'qcow2', 'vdi')).toBe('mine.vdi');
    expect(withEndingOf('mine.img.zst', 'raw.zst', 'package')).toBe('mine.dpk.7z');
    expect(withEndingOf('mine.disk', 'qcow2', 'vdi')).toBe('mine.disk');
  });

  it('is joined to its folder as the engine’s system writes paths', () => {
    expect(joinPath('/images', 'a.img')).toBe('/images/a.img');
    expect(joinPath('/', 'a.img')).toBe('/a.img');
    expect(joinPath('C:\\images', 'a.img')).toBe('C:\\images\\a.img');
  });
});
