/** What the desktop of this machine is asked for: folders by the real xdg-open; disks that are unplugged by a stand-in, since none is plugged in here. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DeviceView } from '../../../src-engine/contract/index.ts';
import { canShowFolders, showFolder } from '../../../src-engine/machines/show-folder.ts';
import { canTakeOut, takeOut } from '../../../src-engine/machines/take-out.ts';
import { findTool } from '../../../src-engine/tools/tools.ts';

const { signal } = new AbortController();
let folder: string;
let heard: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diskpress-desktop-'));
  heard = join(folder, 'heard');
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function program(name: string, ...lines: string[]): string {
  const path = join(folder, 'bin', name);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(path, ['#!/bin/sh', `printf '%s\\n' "$@" > '${heard}'`, ...lines, ''].join('\n'));
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(findTool('xdg-open') === null)('a folder', () => {
  beforeAll(() => {
    // a desktop with one file manager, which writes down what it is given
    const data = join(folder, 'data');
    mkdirSync(join(data, 'applications'), { recursive: true });
    const exec = `${program('manager')} %f`;
    const entry = ['[Desktop Entry]', 'Type=Application', 'Name=Manager', `Exec=${exec}`, 'MimeType=inode/directory;'];
    writeFileSync(join(data, 'applications', 'manager.desktop'), `${entry.join('\n')}\n`);
    const chosen = '[Default Applications]\ninode/directory=manager.desktop\n';
    writeFileSync(join(data, 'applications', 'mimeapps.list'), chosen);
    vi.stubEnv('XDG_DATA_HOME', data);
    vi.stubEnv('XDG_CONFIG_HOME', join(folder, 'config'));
    mkdirSync(join(folder, 'config'));
    writeFileSync(join(folder, 'config', 'mimeapps.list'), chosen);
    vi.stubEnv('XDG_CURRENT_DESKTOP', '');
    vi.stubEnv('WAYLAND_DISPLAY', '');
    vi.stubEnv('DISPLAY', ':97');
    vi.stubEnv('SUDO_UID', '');
    vi.stubEnv('PKEXEC_UID', '');
  });

  test('is shown, also where a file in it is named: the file itself is never opened', async () => {
    const shown = join(folder, 'some where');
    mkdirSync(shown);
    writeFileSync(join(shown, 'lab.img'), '');
    await showFolder(join(shown, 'lab.img'), signal);
    await expect.poll(() => existsSync(heard) && readFileSync(heard, 'utf8')).toBe(`${shown}\n`);
  });

  test('that is not there is told', async () => {
    await expect(showFolder(join(folder, 'nowhere'), signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test.each([
    ['without a display', { DISPLAY: '' }],
    ['of somebody else', { DISPLAY: ':0', SUDO_UID: '1000' }],
  ])('is not shown on a desktop %s', (_, env) => expect(canShowFolders(env)).toBe(false));
});

describe('a disk', () => {
  const stick = { path: '/dev/sdz', isRemovable: true, mounts: [] as DeviceView['mounts'] } as DeviceView;
  beforeAll(() => vi.stubEnv('PATH', join(folder, 'bin')));

  test('that can be unplugged is made ready for it', async () => {
    program('udisksctl');
    expect(canTakeOut()).toBe(true);
    await takeOut(stick, signal);
    expect(readFileSync(heard, 'utf8').split('\n')).toEqual([
      'power-off',
      '--no-user-interaction',
      '--block-device',
      '/dev/sdz',
      '',
    ]);
  });

  test('that is in use stays, and who says so is told', async () => {
    program('udisksctl', "echo 'Error: The drive in use' >&2", 'exit 1');
    await expect(takeOut(stick, signal)).rejects.toMatchObject({ code: 'TOOL_FAILED', data: { tool: 'udisksctl' } });
    const mounts = [{ device: '/dev/sdz1', path: '/media/stick', isReadOnly: false }];
    await expect(takeOut({ ...stick, mounts }, signal)).rejects.toMatchObject({ code: 'DEVICE_BUSY' });
  });

  test('that is built in is refused', async () => {
    await expect(takeOut({ ...stick, isRemovable: false }, signal)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});
