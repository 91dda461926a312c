import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { downloadsIn } from '../../../src-engine/host/folder-list.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'diskpress-downloads-')));
afterAll(() => rmSync(base, { recursive: true }));

describe('where a person’s downloads lie', () => {
  let home: string;
  let count = 0;
  /** as xdg-user-dirs-update writes it, with the language of the desktop */
  const say = (path: string) => {
    mkdirSync(join(home, '.config'), { recursive: true });
    writeFileSync(
      join(home, '.config/user-dirs.dirs'),
      `# a comment\nXDG_DESKTOP_DIR="$HOME/Bureau"\nXDG_DOWNLOAD_DIR="${path}"\n`,
    );
  };
  beforeEach(() => {
    home = join(base, String(count++));
    mkdirSync(home);
  });

  test('is the folder that the desktop names', () => {
    mkdirSync(join(home, 'Téléchargements'));
    mkdirSync(join(home, 'Downloads'));
    say('$HOME/Téléchargements');
    expect(downloadsIn(home)).toBe(join(home, 'Téléchargements'));
    say(join(home, 'Downloads/'));
    expect(downloadsIn(home)).toBe(join(home, 'Downloads'));
  });

  test('is Downloads where nothing is named, or what is not there, no whole path, or the home', () => {
    expect(downloadsIn(home)).toBeNull();
    mkdirSync(join(home, 'Downloads'));
    expect(downloadsIn(home)).toBe(join(home, 'Downloads'));
    for (const path of ['$HOME/gone', 'Downloads/..', '$HOME', '$HOME/', '$HOMEWARD', '']) {
      say(path);
      expect(downloadsIn(home), path).toBe(join(home, 'Downloads'));
    }
  });

  test('is nowhere where Downloads is a file', () => {
    writeFileSync(join(home, 'Downloads'), '');
    expect(downloadsIn(home)).toBeNull();
  });
});
