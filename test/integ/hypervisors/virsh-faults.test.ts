/** A virsh that fails in the ways that programs do: it stands first in the path, and does what a test says. */
import { chmodSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toEngineError } from '../../../src-engine/core/engine-error.ts';
import { libvirt } from '../../../src-engine/machines/hypervisors/libvirt.ts';
import { unreachable, virsh } from '../../../src-engine/machines/hypervisors/virsh.ts';
import { offUntil, shutDownUntil } from '../../../src-engine/machines/hypervisors/wait-until-off.ts';
import { workbench } from '../../support/workbench.ts';

const ID = '11111111-2222-3333-4444-555555555555';
const XML = `<domain type='kvm'><name>lab</name><uuid>${ID}</uuid></domain>`;
const { signal } = new AbortController();

describe.skipIf(process.platform === 'win32')('virsh', () => {
  const bench = workbench();
  const path = process.env.PATH;
  beforeAll(() => {
    process.env.PATH = `${bench.folder}:${path}`;
  });
  afterAll(() => {
    process.env.PATH = path;
  });

  /** @param script in words of sh; `$*` is what it was asked */
  function says(script: string): void {
    writeFileSync(bench.path('virsh'), `#!/bin/sh\ncd '${bench.folder}'\n${script}\n`);
    chmodSync(bench.path('virsh'), 0o755);
  }
  /** @param states that each look at the machine sees, the last for ever; what is no number fails so */
  function machine(states: readonly string[], shutdown = 'exit 0'): void {
    bench.file('looks', 0);
    const looks = states.map((state, i) => {
      const said = /^\d+$/.test(state)
        ? `printf "Domain: 'lab'\\n  state.state=${state}\\n"; exit 0`
        : `${state}; exit 1`;
      return `${i === states.length - 1 ? '*' : i}) ${said};;`;
    });
    says(`case "$*" in
      *' list '*) echo '${ID} lab';;
      *' domstats '*) n=$(wc -l < looks); echo >> looks; case $n in ${looks.join(' ')} esac;;
      *' dumpxml '*) echo "${XML}";;
      *' shutdown '*) echo asked >> asked; ${shutdown};;
    esac`);
  }
  const refusalOf = (promise: Promise<unknown>) =>
    promise.then(
      () => null,
      (error: unknown) => toEngineError(error).toView(),
    );
  const lab = () => libvirt('test:///default');
  const soon = () => performance.now() + 60_000;

  test('that is killed, or fails in another language, is told as a hypervisor that is not there', async () => {
    says('kill -9 $$');
    expect(await refusalOf(lab().list(signal))).toMatchObject({ code: 'HYPERVISOR_UNREACHABLE' });
    says("echo 'erreur : échec de connexion à l’hyperviseur' >&2; exit 1");
    const refusal = await refusalOf(lab().show('lab', signal));
    expect(refusal).toMatchObject({
      code: 'HYPERVISOR_UNREACHABLE',
      data: { said: expect.stringContaining('échec') as unknown },
    });
  });

  test('that hangs is ended at its deadline', async () => {
    says('sleep 600');
    const refusal = await virsh('test:///default', null, 300)(signal, 'list').catch((error: unknown) => error);
    expect(toEngineError(refusal)).toMatchObject({ code: 'TOOL_TIMED_OUT' });
    expect(unreachable('test:///default', null, refusal)).toMatchObject({ code: 'HYPERVISOR_UNREACHABLE' });
  });

  test('is asked in English, whatever the person speaks', async () => {
    says(
      `case "$*" in *' --managed'*|*' --with-managed-save '*) ;; *' list '*) echo "${ID} $LC_ALL-$LANG";; *' dumpxml '*) echo "${XML}";; esac`,
    );
    process.env.LANG = 'fr_FR.UTF-8';
    expect(await virsh('test:///default')(signal, 'x', 'list', '--all')).toBe(`${ID} C-\n`);
  });

  test('that prints rubbish has no machines, or none that can be read', async () => {
    says('head -c 3000000 /dev/urandom');
    expect(await lab().list(signal)).toEqual([]);
    says(`case "$*" in *' list '*) echo '${ID} lab';; *) head -c 4096 /dev/urandom;; esac`);
    expect(await lab().list(signal)).toMatchObject([{ name: 'lab', state: 'unknown' }]);
    expect(await refusalOf(lab().show('lab', signal))).toMatchObject({ code: 'FORMAT_INVALID' });
    expect(await refusalOf(lab().define!(ID, signal))).toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('whose daemon is away for a while is waited for', async () => {
    machine(['1', "echo 'Connection reset' >&2", 'kill -9 $$', '1', '5']);
    expect(await shutDownUntil(lab().power!, ID, soon(), signal)).toBe('off');
  });

  test('whose daemon is away to the last says so', async () => {
    machine(["echo 'Connection reset' >&2"]);
    expect(await refusalOf(offUntil(lab().power!, ID, performance.now(), signal))).toMatchObject({
      code: 'HYPERVISOR_UNREACHABLE',
    });
  });

  test('that knows no way to ask a guest fails at once; a machine that is off needs none', async () => {
    machine(['1'], "echo 'no ACPI' >&2; exit 1");
    expect(await refusalOf(shutDownUntil(lab().power!, ID, soon(), signal))).toMatchObject({
      code: 'TOOL_FAILED',
      data: { said: 'no ACPI' },
    });
    machine(['5'], "echo 'not running' >&2; exit 1");
    expect(await shutDownUntil(lab().power!, ID, soon(), signal)).toBe('off');
  });

  test('a machine that is gone meanwhile is none, and one that does not go off is what it is', async () => {
    says('case "$*" in *\' domstats \'*) exit 1;; *) ;; esac');
    expect(await offUntil(lab().power!, ID, soon(), signal)).toBeNull();
    machine(['1']);
    expect(await offUntil(lab().power!, ID, performance.now(), signal)).toBe('running');
    machine(['4']);
    expect(await offUntil(lab().power!, ID, performance.now(), signal)).toBe('shutting-down');
  });

  test('is asked no more once the work is cancelled', async () => {
    machine(['1']);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    expect(await refusalOf(shutDownUntil(lab().power!, ID, soon(), abort.signal))).toMatchObject({ code: 'ABORTED' });
  });
});
