/** Saved profiles: whole or not there, found by name, and never a path of somebody else's choosing. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  deleteProfile,
  findProfile,
  listProfiles,
  saveProfile,
} from '../../../src-engine/machines/profile/saved-profiles.ts';
import { serverProfile } from '../../support/profiles.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const newFolder = () => join(temporaryFolder(), 'machines');

describe('saved profiles', () => {
  it('are listed by name; where there are none yet there is no folder', async () => {
    const folder = newFolder();
    expect(await listProfiles(folder)).toEqual([]);
    await saveProfile(folder, serverProfile({ name: 'b' }), { replace: false });
    await saveProfile(folder, serverProfile({ name: 'a' }), { replace: false });
    expect((await listProfiles(folder)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await findProfile(folder, 'b')).toEqual(serverProfile({ name: 'b' }));
    expect(await findProfile(folder, 'c')).toBeNull();
  });

  it('are replaced only where that is said', async () => {
    const folder = newFolder();
    await saveProfile(folder, serverProfile(), { replace: false });
    await expect(saveProfile(folder, serverProfile(), { replace: false })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    await saveProfile(folder, serverProfile({ firmware: 'uefi' }), { replace: true });
    expect(await listProfiles(folder)).toEqual([serverProfile({ firmware: 'uefi' })]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('that are edited are not what somebody else has written meanwhile: the second is told, and nothing is lost', async () => {
    const folder = newFolder();
    const seen = await saveProfile(folder, serverProfile(), { replace: false });
    const [first, second] = await Promise.allSettled([
      saveProfile(folder, serverProfile({ board: 'X1' }), { replace: false, seen }),
      saveProfile(folder, serverProfile({ board: 'X2' }), { replace: true, seen }),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { code: 'PROFILE_CHANGED', data: { name: seen.name } } });
    expect(await listProfiles(folder)).toEqual([serverProfile({ board: 'X1' })]);
    await deleteProfile(folder, seen.name);
    const edited = serverProfile({ board: 'X2' });
    await expect(saveProfile(folder, edited, { replace: false, seen })).rejects.toMatchObject({
      code: 'PROFILE_CHANGED',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that are edited may get another name, and leave their old one', async () => {
    const folder = newFolder();
    const seen = await saveProfile(folder, serverProfile(), { replace: false });
    await saveProfile(folder, serverProfile({ name: 'other' }), { replace: false });
    const edited = serverProfile({ name: 'other', board: 'X1' });
    await expect(saveProfile(folder, edited, { replace: false, seen })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await listProfiles(folder)).toHaveLength(2);
    await saveProfile(folder, edited, { replace: true, seen });
    expect(await listProfiles(folder)).toEqual([edited]);
  });

  it('replace a copy under another file name too', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, 'by-hand.json'), JSON.stringify(serverProfile()));
    await expect(saveProfile(folder, serverProfile(), { replace: false })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    await saveProfile(folder, serverProfile({ firmware: 'uefi' }), { replace: true });
    expect(await listProfiles(folder)).toEqual([serverProfile({ firmware: 'uefi' })]);
  });

  it('leave nothing when they are deleted, a copy under another file name neither', async () => {
    const folder = newFolder();
    await saveProfile(folder, serverProfile(), { replace: false });
    writeFileSync(join(folder, 'by-hand.json'), JSON.stringify(serverProfile()));
    await deleteProfile(folder, 'bench-1');
    expect(readdirSync(folder)).toEqual([]);
    await expect(deleteProfile(folder, 'bench-1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each(['../../escape', '/etc/passwd', '..', 'a\nb', 'CON', 'é'.repeat(128)])(
    'stay in their folder: %j',
    async (name) => {
      const folder = newFolder();
      await saveProfile(folder, serverProfile({ name }), { replace: false });
      expect(readdirSync(folder)).toHaveLength(1);
      expect((await findProfile(folder, name))?.name).toBe(name);
    },
  );

  it('pass over what is no profile', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, 'broken.json'), '{');
    writeFileSync(join(folder, 'other.json'), '{"name": "x"}');
    writeFileSync(join(folder, 'huge.json'), Buffer.alloc(2 * 1024 * 1024, 0x20));
    mkdirSync(join(folder, 'folder.json'));
    expect(await listProfiles(folder)).toEqual([]);
  });
});
