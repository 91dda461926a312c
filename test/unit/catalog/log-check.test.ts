/** The log of a database: what SQLite would pass over without a word is told, what a power cut leaves is not. SQLite is the judge. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, expect, test } from 'vitest';
import { damageOfLog } from '../../../src-engine/catalog/log-check.ts';
import { randomBelow, temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const [path, copy] = [join(folder, 'sound.db'), join(folder, 'copy.db')];
const COMMITS = 12;
let log: Buffer;
let frameBytes: number;

beforeAll(() => {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE entry (text TEXT)');
  db.pragma('wal_checkpoint(RESTART)');
  // what the log has of an earlier round is still behind what is written now
  for (let i = 0; i < 2 * COMMITS; i++) db.prepare('INSERT INTO entry VALUES (?)').run('earlier'.repeat(900));
  db.pragma('wal_checkpoint(RESTART)');
  for (let i = 0; i < COMMITS; i++) db.prepare('INSERT INTO entry VALUES (?)').run(`text ${i} `.repeat(700));
  log = readFileSync(`${path}-wal`);
  copyFileSync(path, copy);
  frameBytes = 24 + log.readUInt32BE(8);
  db.close();
});

/** @returns how many rows SQLite finds with this log, and what is told of it */
function withLog(bytes: Uint8Array): { rows: number; told: string | null } {
  const [tried, triedLog] = [join(folder, 'tried.db'), join(folder, 'tried.db-wal')];
  copyFileSync(copy, tried);
  writeFileSync(triedLog, bytes);
  rmSync(`${tried}-shm`, { force: true });
  const told = damageOfLog(triedLog);
  const db = new Database(tried);
  try {
    return { rows: db.prepare('SELECT count(*) FROM entry').pluck().get() as number, told };
  } finally {
    db.close();
  }
}

test('a bit flipped anywhere: where SQLite passes over changes, it is told', () => {
  const whole = withLog(log);
  expect(whole.told).toBeNull();
  const below = randomBelow(7);
  const outcomes = { told: 0, 'nothing lost': 0 };
  for (let i = 0; i < 200; i++) {
    const bytes = Buffer.from(log);
    // every third in what SQLite reads first of the log, or of a frame
    const at = i % 3 > 0 ? below(log.length) : below(2) ? below(32) : 32 + below(20) * frameBytes + below(24);
    bytes[at % bytes.length] ^= 1 << below(8);
    const { rows, told } = withLog(bytes);
    if (told === null) expect.soft(rows, `byte ${at}`).toBe(whole.rows);
    outcomes[told === null ? 'nothing lost' : 'told']++;
  }
  expect(outcomes.told).toBeGreaterThan(50);
  expect(outcomes['nothing lost']).toBeGreaterThan(5);
});

test('a frame that is gone, with a commit behind it', () => {
  const bytes = Buffer.from(log);
  bytes.fill(0x5a, 32 + frameBytes + 24 + 100, 32 + frameBytes + 24 + 612);
  expect(withLog(bytes)).toMatchObject({ told: 'frame' });
});

test('what a power cut leaves of the last change is no damage', () => {
  const below = randomBelow(11);
  const whole = withLog(log).rows;
  let frames = 0;
  while (log.subarray(32 + frames * frameBytes + 8, 32 + frames * frameBytes + 16).equals(log.subarray(16, 24)))
    frames++;
  const last = 32 + (frames - 1) * frameBytes;
  for (let i = 0; i < 40; i++) {
    const cut = Buffer.from(log);
    // sectors of its last frame that did not arrive
    const from = last + 24 + below(7) * 512;
    Buffer.alloc(512, i).copy(cut, from);
    const { rows, told } = withLog(i % 2 ? cut : cut.subarray(0, from));
    expect(told).toBeNull();
    expect(rows).toBe(whole - 1);
  }
});
