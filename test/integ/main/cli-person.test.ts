/** Whoever becomes root by sudo or pkexec works in their own catalog, and can go on with it without root's rights. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  appendFileSync,
  linkSync,
  mkdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commandLine } from '../../support/command-line.ts';
import { makeExt4 } from '../../support/disks.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const UID = 47_110;
const GID = 47_111;

if (!canLoop) console.warn('SKIPPED: what root makes for a person needs root');

/** A process whose system knows one person more, whose home is written with a slash at its end, as some are. */
function asRoot(home: string, variable: string) {
  const passwd = bench.path('passwd');
  copyFileSync('/etc/passwd', passwd);
  appendFileSync(passwd, `ada:x:${UID}:${GID}:Ada:${home}/:/bin/sh\n`);
  const script = `mount --bind '${passwd}' /etc/passwd; cd '${home}'; exec env -u DISKPRESS_CATALOG -u XDG_DATA_HOME ${variable}=${UID} "$@"`;
  return commandLine(null, process.env, ['unshare', '--mount', 'sh', '-c', script, 'sh']);
}

describe.skipIf(!canLoop)('rights asked for by', () => {
  test.for(['SUDO_UID', 'PKEXEC_UID'])('%s', async (variable) => {
    chmodSync(bench.folder, 0o755);
    const home = bench.path(`home of ${variable}`);
    mkdirSync(home);
    chownSync(home, UID, GID);
    const image = makeExt4(bench, `${variable}.img`, 8 * MIB);
    const root = asRoot(home, variable);
    expect(await root('capture', image, '--name', 'first')).toMatchObject({ code: 0 });
    expect(run('find', home, '-not', '-uid', String(UID))).toBe('');

    const env = { HOME: home, PATH: process.env.PATH };
    const one = ['setpriv', '--reuid', String(UID), '--regid', String(GID), '--clear-groups'];
    const ada = commandLine(null, env, one);
    expect((await ada('list')).out).toContain('first');
    expect(await ada('capture', image, '--name', 'second')).toMatchObject({ code: 0 });
    expect(await ada('verify')).toMatchObject({ code: 0 });
    expect((await root('list')).out).toMatch(/first[^]*second|second[^]*first/);
    expect(await ada('delete', 'first')).toMatchObject({ code: 0 });
    expect(await root('prune')).toMatchObject({ code: 0 });
    expect(run('find', home, '-not', '-uid', String(UID))).toBe('');
  });

  test('nothing of root’s is given away by a name that somebody has put there', async () => {
    const home = bench.path('home of a trickster');
    mkdirSync(home);
    chownSync(home, UID, GID);
    const root = asRoot(home, 'SUDO_UID');
    expect(await root('capture', makeExt4(bench, 'b.img', 8 * MIB), '--name', 'one')).toMatchObject({ code: 0 });
    const secret = bench.path('secret');
    writeFileSync(secret, 'of root', { mode: 0o600 });
    const catalog = `${home}/.local/share/diskpress/catalog`;
    linkSync(secret, `${catalog}/packs/linked`);
    run('ln', '-s', bench.folder, `${catalog}/scratch-link`);
    expect(await root('verify')).toMatchObject({ code: 0 });
    expect(statSync(secret)).toMatchObject({ uid: 0 });
    expect(statSync(bench.folder)).toMatchObject({ uid: 0 });
  });

  test('a catalog that is named from where the person is becomes theirs, and root’s folder behind a link does not', async () => {
    const home = bench.path('home with a link');
    const other = bench.path('of root');
    for (const folder of [home, other, `${other}/inner`]) mkdirSync(folder);
    chownSync(home, UID, GID);
    run('ln', '-s', other, `${home}/.local`);
    const root = asRoot(home, 'SUDO_UID');
    const image = makeExt4(bench, 'd.img', 8 * MIB);
    expect(await root('--catalog', 'own', 'capture', image, '--name', 'one')).toMatchObject({ code: 0 });
    expect(run('find', `${home}/own`, '-not', '-uid', String(UID))).toBe('');
    await root('--catalog', '.local/inner/catalog', 'capture', image, '--name', 'one');
    expect(run('find', other, '-uid', String(UID))).toBe('');
  });

  test('nobody: root has a catalog of its own', async () => {
    const env = { HOME: bench.path('root'), PATH: process.env.PATH };
    const root = commandLine(null, env);
    expect(await root('capture', makeExt4(bench, 'c.img', 8 * MIB), '--name', 'own')).toMatchObject({ code: 0 });
    expect(statSync(`${bench.path('root')}/.local/share/diskpress/catalog`)).toMatchObject({ uid: 0 });
  });
});
