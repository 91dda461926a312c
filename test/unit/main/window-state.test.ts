import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeWindow, readWindowState, writeWindowState } from '../../../src-main/desktop/window-state.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1040 };
const state = { x: 100, y: 50, width: 1200, height: 700, isMaximized: false };

describe('the place of the window', () => {
  test('is where it was', () => {
    expect(placeWindow(state, [screen])).toEqual({ x: 100, y: 50, width: 1200, height: 700 });
  });

  test('is on whichever screen it was', () => {
    expect(placeWindow({ ...state, x: 2000 }, [screen, { ...screen, x: 1920 }])).toMatchObject({ x: 2000 });
  });

  test.each([
    ['left of every screen', { x: -1150 }],
    ['right of every screen', { x: 1850 }],
    ['with its title bar above', { y: -100 }],
    ['with its title bar below', { y: 1030 }],
  ])('is free when it would be %s', (_where, moved) => {
    expect(placeWindow({ ...state, ...moved }, [screen])).toEqual({ width: 1200, height: 700 });
  });

  test('is never smaller than the pages need', () => {
    expect(placeWindow({ ...state, width: 10, height: 10 }, [screen])).toMatchObject({ width: 960, height: 600 });
  });

  test('has a first size', () => {
    expect(placeWindow(null, [screen])).toEqual({ width: 1280, height: 800 });
  });
});

describe('the file of it', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'diskpress-window-'))));
  afterAll(() => rm(folder, { recursive: true }));

  test('gives back what was written', () => {
    writeWindowState(join(folder, 'window.json'), state);
    expect(readWindowState(join(folder, 'window.json'))).toEqual(state);
  });

  test.each(['', '{', 'null', '{"x":1}', '{"x":"1","y":0,"width":1,"height":1,"isMaximized":false}'])(
    'with %j in it is none',
    async (text) => {
      await writeFile(join(folder, 'bad.json'), text);
      expect(readWindowState(join(folder, 'bad.json'))).toBeNull();
    },
  );

  test('may be missing, and may be impossible to write', () => {
    expect(readWindowState(join(folder, 'none.json'))).toBeNull();
    expect(() => writeWindowState(join(folder, 'no', 'folder.json'), state)).not.toThrow();
  });
});
