/** Ctrl-C and the request to end, before any job: told as cancelled, with the last line that a program waits for. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { commandLine, lastLine, main } from '../../support/command-line.ts';
import { makeExt4 } from '../../support/disks.ts';
import { canFail, sluggishFile } from '../../support/failing-file.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const diskpress = commandLine(catalog);
const cancelled = { ok: false, error: { code: 'ABORTED', message: expect.stringContaining('Nothing was begun') } };

/** Whether a process has a handler for a signal: proc(5), SigCgt. */
function hears(processId: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${processId}/status`, 'latin1'))![1];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await setTimeout(20);
}

describe.skipIf(!canFail)('while a slow disk is looked at', () => {
  const commands: [string, NodeJS.Signals, (path: string) => string[]][] = [
    ['capture', 'SIGINT', (path) => ['capture', path, '--name', 'slow']],
    ['import', 'SIGTERM', (path) => ['import', path, '--name', 'slow']],
    ['inspect', 'SIGINT', (path) => ['inspect', path]],
  ];
  test.each(commands)('%s, by %s', async (name, signal, args) => {
    const image = makeExt4(bench, `${name}.img`, 64 * MIB);
    const { path, isRead } = await sluggishFile(bench, image);
    const command = diskpress('--json', ...args(path));
    await until(() => existsSync(isRead));
    command.kill(signal);
    const ended = await command;
    expect([ended.code, ended.err]).toEqual([130, '']);
    // no plan, and no job, came meanwhile
    expect(ended.out.trim().split('\n')).toHaveLength(1);
    expect(lastLine(ended)).toMatchObject(cancelled);
    expect(existsSync(catalog) ? readdirSync(`${catalog}/manifests`) : []).toEqual([]);
  });

  test('in words', async () => {
    const { path, isRead } = await sluggishFile(bench, makeExt4(bench, 'words.img', 64 * MIB));
    const command = diskpress('--lang', 'fr', 'inspect', path);
    await until(() => existsSync(isRead));
    command.kill('SIGINT');
    expect(await command).toMatchObject({
      code: 130,
      out: '',
      err: expect.stringMatching(/^La commande a été annulée\.\n.*\n.*\nABORTED\n$/),
    });
  });
});

test('while a password is waited for', async () => {
  const child = spawn(process.execPath, [
    main,
    '--catalog',
    catalog,
    '--json',
    'import',
    '/etc/hostname',
    '--name',
    'x',
    '--password-file',
    '-',
  ]);
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  const code = new Promise((resolve) => child.on('close', resolve));
  child.stdin.write('no end of a line');
  // it has said that it hears signals; a moment later it waits for the rest of the line
  await until(() => hears(child.pid!, constants.signals.SIGINT));
  await setTimeout(500);
  child.kill('SIGINT');
  expect(await code).toBe(130);
  expect(JSON.parse(out)).toMatchObject(cancelled);
});

/** A person at a terminal: they type once a text is shown. @returns what was shown, and the exit code */
function atTerminal(until: string, keys: string, ...args: string[]): { shown: string; code: number } {
  const script = `
import os, pty, sys
shown = b''
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[3], sys.argv[3:])
typed = False
while True:
    try: piece = os.read(fd, 4096)
    except OSError: break
    if not piece: break
    shown += piece
    if not typed and sys.argv[1].encode() in shown:
        os.write(fd, sys.argv[2].encode())
        typed = True
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(shown)
print('exit', code)`;
  const all = run(
    'python3',
    '-c',
    script,
    until,
    keys,
    process.execPath,
    main,
    '--catalog',
    catalog,
    '--lang',
    'en',
    ...args,
  );
  return { shown: all, code: Number(/exit (-?\d+)\s*$/.exec(all)?.[1]) };
}

describe.skipIf(!canLoop)('at a question', () => {
  test('Ctrl-C is a no', async () => {
    const image = makeExt4(bench, 'asked.img', 16 * MIB);
    expect((await diskpress('capture', image, '--name', 'asked')).code).toBe(0);
    const target = bench.file('target.img', 16 * MIB);
    const { shown, code } = atTerminal('Type yes', '\x03', 'deploy', 'asked', target);
    expect(code).toBe(130);
    expect(shown).toContain('Nothing was begun');
    const device = bench.attach(bench.file('device.img', 16 * MIB));
    expect(atTerminal('to erase it', '\x03', 'deploy', 'asked', device)).toMatchObject({ code: 130 });
    bench.detach(device);
  });
});
