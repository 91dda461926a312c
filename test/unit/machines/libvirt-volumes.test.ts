/** What libvirt and LVM say of a pool is not believed beyond what can be: sizes, names, paths; a volume that is another one stays. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { libvirtVolumes } from '../../../src-engine/machines/hypervisors/libvirt-volumes.ts';

const { signal } = new AbortController();
const POOL = '<pool type="logical"><available>4096</available><source><name>NAME</name></source></pool>';
const volume = (more: Partial<Record<'type' | 'key' | 'path' | 'capacity', string>> = {}) => {
  const { type = 'block', key = 'k', path = '/dev/null', capacity = '4096' } = more;
  return `<volume type="${type}"><key>${key}</key><capacity>${capacity}</capacity><target><path>${path}</path></target></volume>`;
};

/** @returns what was asked, and the volumes of it @param answers by commands */
function asked(answers: Record<string, string>) {
  const log: string[] = [];
  const volumes = libvirtVolumes((_, ...args) => {
    log.push(args.join(' '));
    const answer = answers[args[0]];
    return answer === undefined ? Promise.reject(new EngineError('TOOL_FAILED', {})) : Promise.resolve(answer);
  });
  return { log, volumes };
}

describe('volumes of libvirt', () => {
  test('are of a group whose name LVM could have', async () => {
    for (const name of ['', '-x', '..', 'a/b', 'a b', 'x'.repeat(128)])
      await expect(
        asked({ 'pool-dumpxml': POOL.replace('NAME', name) }).volumes.room('p', signal),
      ).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('are devices, with a key and a size that can be', async () => {
    const make = (xml: string) => asked({ 'vol-create-as': '', 'vol-dumpxml': xml }).volumes.make('p', 'v', 4096);
    expect(await make(volume())).toEqual({ key: 'k', path: '/dev/null' });
    for (const wrong of [
      { type: 'file' },
      { key: '' },
      { path: 'relative' },
      { capacity: '-1' },
      { capacity: '9'.repeat(20) },
    ])
      await expect(make(volume(wrong))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('are removed where they are those that were made, and only then', async () => {
    const list = ' other  /dev/g/other\n v  /dev/g/v\n';
    const remove = async (key: string | null, more: Parameters<typeof volume>[0] = {}, lengthBytes = 4096) => {
      const { log, volumes } = asked({
        'pool-refresh': '',
        'vol-list': list,
        'vol-dumpxml': volume(more),
        'vol-delete': '',
      });
      await volumes.remove('p', { name: 'v', key, lengthBytes }, signal);
      return log.includes('vol-delete --pool=p --vol=v');
    };
    expect(await remove('k')).toBe(true);
    expect(await remove('k', { key: 'other' })).toBe(false);
    // nobody knows its key: as long as planned, and nothing on it
    expect(await remove(null, { path: '/dev/zero' })).toBe(true);
    expect(await remove(null, { path: '/dev/zero' }, 8192)).toBe(false);
    expect(await remove(null, { path: '/proc/kallsyms' })).toBe(false);
    const gone = asked({ 'pool-refresh': '', 'vol-list': ' other  /dev/g/other\n' });
    await gone.volumes.remove('p', { name: 'v', key: 'k', lengthBytes: 4096 }, signal);
    expect(gone.log).toHaveLength(2);
    // a pool that is not started says nothing of what it has
    await expect(asked({}).volumes.remove('p', { name: 'v', key: 'k', lengthBytes: 1 }, signal)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
    });
  });
});
