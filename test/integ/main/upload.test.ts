/** Files that a page sends, as a browser and as an attacker send them: real sockets, the real engine, a real disk that is full. */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type EngineClient } from '../../../src-engine/contract/client.ts';
import { MAX_UPLOAD_PIECE_BYTES } from '../../../src-engine/contract/upload.contract.ts';
import { startEngine, type RunningEngine } from '../../../src-engine/host/start-engine.ts';
import { startBrowserServer, type BrowserServer } from '../../../src-main/browser/server.ts';

const MiB = 1024 * 1024;
const resourcesPath = join(import.meta.dirname, '../../../resources');

let folder: string;
let catalog: string;
let engine: RunningEngine;
let server: BrowserServer;
let port: number;
let session: string;
let page: EngineClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diskpress-upload-'));
  catalog = join(folder, 'catalog');
  mkdirSync(catalog);
  // a small disk of its own: it becomes full
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', catalog]);
  mkdirSync(join(folder, 'renderer'));
  writeFileSync(join(folder, 'renderer', 'index.html'), '<!doctype html><title>pages</title>');
  engine = await startEngine({ catalogPath: catalog, version: '1.2.3', resourcesPath });
  server = await startBrowserServer({ engine, rendererPath: join(folder, 'renderer') });
  port = Number(new URL(server.address).port);
  const { socket, said } = await enter({ token: new URL(server.address).hash.replace('#token=', '') });
  session = said.session;
  page = clientOf(socket);
});

afterAll(async () => {
  await server.close();
  await engine.close();
  execFileSync('umount', [catalog]);
  await rm(folder, { recursive: true });
});

const own = () => ({ Host: `127.0.0.1:${port}`, Origin: `http://127.0.0.1:${port}` });

async function enter(first: object): Promise<{ socket: WebSocket; said: { session: string } }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/engine`, { headers: own() });
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify(first));
  const said = await new Promise<string>((resolve) => socket.once('message', (data) => resolve(data.toString())));
  return { socket, said: JSON.parse(said) };
}

const clientOf = (socket: WebSocket) =>
  createClient({
    send: (message) => socket.send(JSON.stringify(message)),
    receive: (listener) => {
      socket.on('message', (data) => listener(JSON.parse(data.toString())));
      socket.on('close', () => listener(null));
    },
  });

/** @param how `breaksOff`: the connection ends before the body does @returns the answer's status; 0 where the connection ends without one */
function put(
  path: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
  { method = 'PUT', breaksOff = false } = {},
): Promise<number> {
  return new Promise((resolve) => {
    const all = { ...own(), Authorization: `Bearer ${session}`, 'Content-Length': body.length, ...headers };
    const left = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const sent = request({ host: '127.0.0.1', port, path, method, headers: left, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
    });
    sent.on('error', () => resolve(0));
    if (!breaksOff) return sent.end(body);
    sent.write(body);
    setTimeout(() => sent.destroy(), 100);
  });
}

/** An ext4 file system by mke2fs, without a partition table. */
function makeDisk(path: string): Buffer {
  execFileSync('mke2fs', ['-q', '-t', 'ext4', path, '8M']);
  return readFileSync(path);
}

const begin = async (...files: [path: string, lengthBytes: number][]) =>
  (await page.call('upload.begin', { files: files.map(([path, lengthBytes]) => ({ path, lengthBytes })) })).uploadId;
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    ({ view }) => [view.code, view.data.reason].filter(Boolean).join(' '),
  );
/** What lies there, folders too; each engine has one for its uploads. */
const left = () =>
  globSync(join(catalog, 'uploads', 'runner-*', '**', '*')).filter((one) => !/runner-[^/]+$/.test(one));
const untilGone = () => expect.poll(left, { timeout: 5000 }).toEqual([]);

async function send(uploadId: string, number: number, bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += MiB)
    expect(await put(`/upload/${uploadId}/${number}/${at}`, bytes.subarray(at, at + MiB))).toBe(204);
}

describe('what is sent', () => {
  test('arrives as it was, is imported, and is gone when the import has ended', async () => {
    const bytes = makeDisk(join(folder, 'disk.img'));
    const uploadId = await begin(['disk.img', bytes.length]);
    const arrived = page.call('upload.wait', { uploadId });
    await send(uploadId, 0, bytes);
    const { path } = await arrived;
    expect(readFileSync(path).equals(bytes)).toBe(true);

    const plan = await page.call('import.plan', { path, name: 'Sent', bootMode: 'bios', outside: 'leave' });
    expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([]);
    const { jobId } = await page.call('import.start', { planId: plan.planId });
    await expect.poll(async () => (await page.call('job.show', { jobId })).state, { timeout: 20_000 }).toBe('ended');
    expect((await page.call('job.show', { jobId })).outcome).toBe('done');
    await untilGone();
    // where it lay here is nobody's business any more
    const { versions } = await page.call('template.show', { template: 'Sent' });
    expect(versions.map(({ disks }) => disks.map(({ source }) => source.path))).toEqual([['disk.img']]);
    expect((await page.call('log.list', { limit: 1 })).map(({ data }) => data)).toMatchObject([{ source: 'disk.img' }]);
  });

  test('stays where its import failed, and may be tried again', async () => {
    const bytes = makeDisk(join(folder, 'again.img'));
    const uploadId = await begin(['again.img', bytes.length]);
    const arrived = page.call('upload.wait', { uploadId });
    await send(uploadId, 0, bytes);
    const { path } = await arrived;
    const imported = async () => {
      const { planId } = await page.call('import.plan', { path, name: 'Again', bootMode: 'bios', outside: 'leave' });
      return async () => {
        const { jobId } = await page.call('import.start', { planId });
        await expect
          .poll(async () => (await page.call('job.show', { jobId })).state, { timeout: 20_000 })
          .toBe('ended');
        return (await page.call('job.show', { jobId })).outcome;
      };
    };
    const start = await imported();
    // what was planned is there no more
    writeFileSync(path, bytes.subarray(0, MiB));
    expect(await start()).toBe('failed');
    expect(existsSync(path)).toBe(true);
    writeFileSync(path, bytes);
    expect(await (await imported())()).toBe('done');
    await untilGone();
  });

  test('as a folder keeps the names in it, files without content too', async () => {
    const uploadId = await begin(['clone/sda1.img', 5], ['clone/more/parts', 0]);
    const arrived = page.call('upload.wait', { uploadId });
    await send(uploadId, 0, Buffer.from('12345'));
    const { path } = await arrived;
    expect(readFileSync(join(path, 'sda1.img'), 'utf8')).toBe('12345');
    expect(readFileSync(join(path, 'more', 'parts'), 'utf8')).toBe('');
    await page.call('upload.drop', { uploadId });
    expect(left()).toEqual([]);
    expect(await codeOf(page.call('upload.wait', { uploadId }))).toBe('UPLOAD_UNKNOWN');
  });

  test.each(['what is cancelled', 'what a page leaves'])('%s is gone at once', async (how) => {
    const { socket } = await enter({ session });
    const leaving = clientOf(socket);
    const files = [{ path: 'half.img', lengthBytes: 3 * MiB }];
    const { uploadId } = await leaving.call('upload.begin', { files });
    const cancel = new AbortController();
    const arrived = codeOf(leaving.call('upload.wait', { uploadId }, cancel.signal));
    expect(await put(`/upload/${uploadId}/0/0`, randomBytes(MiB))).toBe(204);
    expect(left()).toHaveLength(2);
    if (how === 'what is cancelled') cancel.abort();
    else socket.terminate();
    expect(await arrived).toBe(how === 'what is cancelled' ? 'ABORTED' : 'ENGINE_LOST');
    await untilGone();
    expect(await put(`/upload/${uploadId}/0/${MiB}`, randomBytes(MiB))).toBe(409);
    socket.terminate();
  });
});

describe('who may send', () => {
  test('only a page of this server that shows its session, and only a piece', async () => {
    const uploadId = await begin(['a.img', MiB]);
    const path = `/upload/${uploadId}/0/0`;
    const piece = Buffer.from('x');
    expect(await put(path, piece, { Origin: 'http://example.org' })).toBe(403);
    expect(await put(path, piece, { Origin: undefined })).toBe(403);
    expect(await put(path, piece, { Origin: 'null' })).toBe(403);
    expect(await put(path, piece, { Host: `example.org:${port}`, Origin: `http://example.org:${port}` })).toBe(421);
    expect(await put(path, piece, { Authorization: undefined })).toBe(401);
    expect(await put(path, piece, { Authorization: `Bearer ${'x'.repeat(43)}` })).toBe(401);
    expect(await put(path, piece, { Authorization: session })).toBe(401);
    expect(await put(path, piece, {}, { method: 'POST' })).toBe(405);
    for (const wrong of [
      `/upload/${uploadId}`,
      `/upload/${uploadId}/0/-1`,
      '/upload/../../etc/passwd/0/0',
      `${path}/../1`,
    ])
      expect(await put(wrong, piece)).toBe(404);
    expect(await put(path, piece, { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' })).toBe(411);
    expect(await put(path, piece, { 'Content-Length': MAX_UPLOAD_PIECE_BYTES + 1 }, { breaksOff: true })).toBe(413);
    expect(await put(`/upload/${randomUUID()}/0/0`, piece)).toBe(409);
    // none of it was written
    expect(readFileSync(left().find((one) => one.endsWith('a.img'))!)).toHaveLength(0);
    await page.call('upload.drop', { uploadId });
  });
});

describe('what is not as it says', () => {
  test.each([
    ['goes on behind the end that was told', 0, MiB, 11],
    ['begins elsewhere', 0, 5, 5],
    ['is of a file that was not told', 1, 0, 5],
    ['is empty', 0, 0, 0],
  ])('a piece that %s ends the upload, and nothing is left', async (_, file, offset, length) => {
    const uploadId = await begin(['a.img', MiB + 10]);
    const arrived = codeOf(page.call('upload.wait', { uploadId }));
    if (offset === MiB) expect(await put(`/upload/${uploadId}/0/0`, randomBytes(MiB))).toBe(204);
    expect(await put(`/upload/${uploadId}/${file}/${offset}`, randomBytes(length))).toBe(409);
    expect(await arrived).toBe('BAD_REQUEST out of order');
    await untilGone();
  });

  test('a piece whose connection breaks off is not written, and may be sent again', async () => {
    const uploadId = await begin(['a.img', 10]);
    const arrived = page.call('upload.wait', { uploadId });
    expect(await put(`/upload/${uploadId}/0/0`, randomBytes(4), { 'Content-Length': 10 }, { breaksOff: true })).toBe(0);
    expect(await put(`/upload/${uploadId}/0/0`, Buffer.from('0123456789'))).toBe(204);
    expect(readFileSync((await arrived).path, 'utf8')).toBe('0123456789');
    await page.call('upload.drop', { uploadId });
  });

  const deep = Array.from({ length: 9 }, () => 'd').join('/');
  test.each<[string, string[], string]>([
    ['leads up', ['a/../../b'], 'name'],
    ['is the folder itself', ['..'], 'name'],
    ['is absolute', ['/etc/passwd'], 'name'],
    ['has a NUL', ['a\0b'], 'name'],
    ['has a separator of Windows', ['a\\..\\b'], 'name'],
    ['is of another folder', ['a/x', 'b/y'], 'name'],
    ['is empty', ['a//b'], 'name'],
    ['is longer than a name can be', ['x'.repeat(256)], 'name'],
    ['lies too deep', [deep], 'deep'],
    ['is there twice', ['a/x', 'a/x'], 'twice'],
    ['is a file and a folder', ['a/x', 'a/x/y'], 'twice'],
    ['is one of too many', Array.from({ length: 1001 }, (_, i) => `a/${i}`), 'many'],
  ])('a name that %s is refused before anything is made', async (_, paths, reason) => {
    expect(await codeOf(begin(...paths.map((path): [string, number] => [path, 1])))).toBe(`UPLOAD_REFUSED ${reason}`);
    expect(left()).toEqual([]);
    expect(existsSync(join(catalog, 'b'))).toBe(false);
  });
});

describe('a disk that is full', () => {
  test('refuses before anything is sent, and counts what others have still to send', async () => {
    const { bavail, bsize } = statfsSync(catalog);
    const free = bavail * bsize;
    expect(await codeOf(begin(['large.img', free + 1]))).toBe('DISK_FULL too little');
    const uploadId = await begin(['half.img', Math.floor(free * 0.6)]);
    expect(await codeOf(begin(['other.img', Math.floor(free * 0.6)]))).toBe('DISK_FULL too little');
    await page.call('upload.drop', { uploadId });
    expect(left()).toEqual([]);
  });

  test('ends an upload on its way, with the place, and nothing is left of it', async () => {
    const { bavail, bsize } = statfsSync(catalog);
    const uploadId = await begin(['a.img', Math.floor(bavail * bsize * 0.9)]);
    const arrived = page.call('upload.wait', { uploadId }).catch(({ view }) => view);
    const filler = join(catalog, 'filler');
    execFileSync('fallocate', ['-l', String(Math.floor(bavail * bsize - MiB / 2)), filler]);
    const statuses = [await put(`/upload/${uploadId}/0/0`, randomBytes(MiB))];
    if (statuses[0] === 204) statuses.push(await put(`/upload/${uploadId}/0/${MiB}`, randomBytes(MiB)));
    expect(statuses.at(-1)).toBe(409);
    expect(await arrived).toMatchObject({ code: 'DISK_FULL', data: { path: expect.stringContaining('a.img') } });
    rmSync(filler);
    await untilGone();
  });
});

test('what an engine left that is gone goes with the next start; what a living one keeps stays', async () => {
  const uploadId = await begin(['kept.img', 10]);
  const dead = join(catalog, 'uploads', `runner-${randomUUID()}.lock`, randomUUID());
  mkdirSync(dead, { recursive: true });
  writeFileSync(join(dead, 'left.img'), 'left');
  const second = await startEngine({ catalogPath: catalog, version: '1.2.3', resourcesPath });
  await expect.poll(() => existsSync(dead), { timeout: 5000 }).toBe(false);
  await second.close();
  expect(left().filter((one) => one.endsWith('kept.img'))).toHaveLength(1);
  await page.call('upload.drop', { uploadId });
});
