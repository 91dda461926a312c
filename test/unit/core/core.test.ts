import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../../src-engine/contract/errors.ts';
import { ownMemory, sharedMemory } from '../../../src-engine/core/aligned-memory.ts';
import { eachSetRun } from '../../../src-engine/core/bitmap.ts';
import { checkRange, checkSpan } from '../../../src-engine/core/bounds.ts';
import { EngineError, ioError, toEngineError } from '../../../src-engine/core/engine-error.ts';
import { releaseMemory } from '../../../src-engine/core/release-memory.ts';
import { guid, raw, struct, text, u16le, u32le, u64le, u8 } from '../../../src-engine/core/struct.ts';
import { randomBelow } from '../../support/temporary.ts';

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('bounds', () => {
  test.each([
    [0, 0, 0],
    [5, 0, 5],
    [-3, -5, 0],
    [Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER],
  ])('%d is from %d to %d', (value, min, max) => {
    expect(checkRange('field', value, min, max)).toBe(value);
  });

  test.each([
    [1, 2, 3],
    [4, 2, 3],
    [0, 1, 0],
    [1.5, 0, 9],
    [NaN, 0, 9],
    [Infinity, 0, Infinity],
    [2 ** 53, 0, 2 ** 60],
    [-1, 0, 9],
  ])('%d is not from %d to %d', (value, min, max) => {
    expect(thrownBy(() => checkRange('field', value, min, max))).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'field', value: String(value) },
    });
  });

  test('spans', () => {
    checkSpan('x', 0, 0, 0);
    checkSpan('x', 10, 0, 10);
    checkSpan('x', 3, 7, 10);
    for (const [offset, length] of [
      [3, 8],
      [11, 0],
      [-1, 2],
      [0, -1],
      [2 ** 52, 2 ** 52],
      [5, Infinity],
    ]) {
      expect(thrownBy(() => checkSpan('x', offset, length, 10))).toMatchObject({ code: 'FORMAT_INVALID' });
    }
  });
});

describe('structs', () => {
  const layout = struct(64, {
    small: u8(0),
    half: u16le(1),
    word: u32le(3),
    long: u64le(7),
    id: guid(16),
    name: text(32, 8),
    wide: text(40, 8, 'utf16le'),
    rest: raw(48, 4),
  });
  const values = {
    small: 0xfe,
    half: 0xfedc,
    word: 0xfedcba98,
    long: 0xfedcba9876543210n,
    id: '01234567-89AB-CDEF-0123-456789ABCDEF',
    name: 'abc',
    wide: 'é€',
    rest: Buffer.of(1, 2, 3, 4),
  };

  test('what is written is read, at any offset, and nothing beside it changes', () => {
    const bytes = Buffer.alloc(100, 0xaa);
    layout.write(bytes, values, 13);
    expect(layout.read(bytes, 13)).toEqual(values);
    expect(bytes.subarray(0, 13).every((byte) => byte === 0xaa)).toBe(true);
    expect(bytes.subarray(13 + 52).every((byte) => byte === 0xaa)).toBe(true);
    layout.write(bytes, { word: 1 }, 13);
    expect(layout.read(bytes, 13)).toEqual({ ...values, word: 1 });
  });

  test('numbers are little-endian; of a GUID the first three groups (UEFI 2.10, appendix A)', () => {
    const bytes = Buffer.alloc(64);
    layout.write(bytes, values);
    expect(bytes.subarray(0, 7).toString('hex')).toBe('fedcfe98badcfe');
    expect(bytes.subarray(16, 32).toString('hex')).toBe('67452301ab89efcd0123456789abcdef');
  });

  test('text ends at its first zero; raw bytes are a copy', () => {
    const bytes = Buffer.alloc(64);
    bytes.write('ab\0cd', 32);
    expect(layout.read(bytes).name).toBe('ab');
    const { rest } = layout.read(bytes);
    bytes.fill(9);
    expect([...rest]).toEqual([0, 0, 0, 0]);
  });

  test.each([
    [63, 0],
    [64, 1],
    [100, 37],
    [64, -1],
    [0, 0],
  ])('%d bytes at %d are too few', (length, offset) => {
    expect(thrownBy(() => layout.read(Buffer.alloc(length), offset))).toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('a field outside its struct is found at load', () => {
    expect(() => struct(8, { bad: u32le(5) })).toThrow('bad');
    expect(() => struct(8, { bad: u8(-1) })).toThrow('bad');
  });

  test('it reads the part of a larger buffer that it is given', () => {
    const whole = new Uint8Array(32).map((_, i) => i);
    expect(struct(4, { word: u32le(0) }).read(whole.subarray(8, 12)).word).toBe(0x0b0a0908);
  });
});

describe('errors', () => {
  test('of the system', () => {
    const missing = toEngineError(thrownBy(() => openSync('/nonexistent/file', 'r')));
    expect(missing).toMatchObject({ code: 'NOT_FOUND', data: { path: '/nonexistent/file', reason: 'ENOENT' } });
    for (const [code, expected] of [
      ['ENOSPC', 'DISK_FULL'],
      ['EDQUOT', 'DISK_FULL'],
      ['EFBIG', 'FILE_TOO_LARGE'],
      ['EACCES', 'PERMISSION_DENIED'],
      ['EROFS', 'PERMISSION_DENIED'],
      ['EBUSY', 'DEVICE_BUSY'],
      ['EIO', 'INTERNAL'],
    ]) {
      expect(toEngineError(Object.assign(new Error('x'), { code })).code).toBe(expected);
    }
  });

  test('of a device without room are failures to write to it: what is free beside its node is not its own', () => {
    const full = openSync('/dev/full', 'w');
    try {
      const thrown = thrownBy(() => writeSync(full, 'x'));
      for (const error of [
        toEngineError(thrown, '/dev/full'),
        ioError(thrown, 'WRITE_FAILED', { path: '/dev/full' }),
      ]) {
        expect(error).toMatchObject({ code: 'WRITE_FAILED', data: { path: '/dev/full', reason: 'ENOSPC' } });
        expect(error.data).not.toHaveProperty('freeBytes');
      }
    } finally {
      closeSync(full);
    }
  });

  test('of SQLite', () => {
    const folder = mkdtempSync(join(tmpdir(), 'diskpress-unit-'));
    try {
      const open = (options?: Database.Options) => new Database(join(folder, 'x.db'), { timeout: 0, ...options });
      const garbage = join(folder, 'garbage');
      writeFileSync(garbage, Buffer.alloc(5000, 'text'));
      const db = open();
      db.exec('CREATE TABLE t (x)');
      db.exec('BEGIN IMMEDIATE');
      expect(toEngineError(thrownBy(() => open().exec('BEGIN IMMEDIATE'))).code).toBe('CATALOG_BUSY');
      db.exec('ROLLBACK');
      expect(toEngineError(thrownBy(() => open({ readonly: true }).exec('DELETE FROM t'))).code).toBe(
        'PERMISSION_DENIED',
      );
      db.pragma('max_page_count = 2');
      expect(toEngineError(thrownBy(() => db.exec('INSERT INTO t VALUES (zeroblob(100000))'))).code).toBe('DISK_FULL');
      expect(toEngineError(thrownBy(() => new Database(garbage).pragma('journal_mode'))).code).toBe('CATALOG_DAMAGED');
      expect(toEngineError(thrownBy(() => db.exec('SELECT * FROM nothing'))).code).toBe('INTERNAL');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('of an abort, of strangers, and our own', () => {
    expect(toEngineError(AbortSignal.abort().reason)).toMatchObject({ code: 'ABORTED' });
    expect(toEngineError('a text')).toMatchObject({ code: 'INTERNAL', data: { reason: 'a text' } });
    expect(toEngineError(new TypeError('x')).hint).toContain('core.test');
    const own = new EngineError('DISK_FULL', { path: '/x' }, 'hint');
    expect(toEngineError(own)).toBe(own);
    expect(own.toView()).toMatchObject({ code: 'DISK_FULL', hint: 'hint', data: { path: '/x' } });
    expect(ERROR_CODES).toContain(own.code);
  });

  test('of reading and writing say where', () => {
    const data = { path: '/x', offsetBytes: 5 };
    const failed = ioError(Object.assign(new Error('x'), { code: 'EIO' }), 'READ_FAILED', data);
    expect(failed).toMatchObject({ code: 'READ_FAILED', data: { ...data, reason: 'EIO' } });
    const full = ioError(Object.assign(new Error('x'), { code: 'ENOSPC' }), 'WRITE_FAILED', data);
    expect(full).toMatchObject({ code: 'DISK_FULL', data: { offsetBytes: 5 } });
    const own = new EngineError('FORMAT_INVALID');
    expect(ioError(own, 'READ_FAILED', data)).toBe(own);
  });
});

test('runs of set bits are those that one finds bit by bit', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const below = randomBelow(seed);
    const bits = Uint8Array.from({ length: 1 + below(20) }, () => [0, 0xff, below(256)][below(3)]);
    const count = below(bits.length * 8 + 1);
    const expected: number[] = [];
    for (let i = 0; i < count; i++) if ((bits[i >> 3] >> (i & 7)) & 1) expected.push(i);
    const found: number[] = [];
    let end = -1;
    eachSetRun(bits, count, (first, length) => {
      expect(first).toBeGreaterThan(end);
      expect(length).toBeGreaterThan(0);
      end = first + length;
      for (let i = 0; i < length; i++) found.push(first + i);
    });
    expect(found).toEqual(expected);
  }
});

describe('memory', () => {
  test.each([
    [sharedMemory, SharedArrayBuffer],
    [ownMemory, ArrayBuffer],
  ])('that direct reads accept is zeroed and long enough: %o', (make, kind) => {
    const memory = make(70_000);
    expect(memory).toBeInstanceOf(kind);
    expect(memory.byteLength).toBe(131_072);
    expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
  });

  test('that is given back is gone; small and shared buffers stay', () => {
    const large = Buffer.allocUnsafeSlow(2 * 1024 * 1024);
    releaseMemory(large);
    releaseMemory(large);
    expect(large.length).toBe(0);
    const small = Buffer.from('small');
    releaseMemory(small);
    expect(small.toString()).toBe('small');
    const shared = new Uint8Array(sharedMemory(2 * 1024 * 1024));
    releaseMemory(shared);
    expect(shared.length).toBe(2 * 1024 * 1024);
  });
});
