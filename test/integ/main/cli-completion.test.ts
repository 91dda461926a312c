/** What bash, zsh and fish themselves complete, with what `diskpress completion` prints. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));
const isThere = (shell: string) => spawnSync(shell, ['--version']).status === 0;

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];
const script = (shell: Shell) => bench.path(`completion.${shell}`);

/** What the shell offers for a line that ends where the cursor is. */
function offered(shell: Shell, line: string): string {
  const words = line.split(' ');
  const folder = bench.path('empty');
  mkdirSync(folder, { recursive: true });
  const run = (program: string, args: string[]) =>
    execFileSync(program, args, { encoding: 'utf8', cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const all = {
    // its function, called as bash(1) says that it is
    bash: () =>
      run('bash', [
        '--norc',
        '-c',
        `source '${script('bash')}'; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1};` +
          ` _diskpress; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ]),
    // a terminal of its own, in which Tab is pressed: zpty of zshmodules(1)
    zsh: () =>
      // it closes every descriptor that there might be: Node allows a million
      run('prlimit', [
        '--nofile=256',
        'zsh',
        '-fc',
        `zmodload zsh/zpty; zpty -b shell zsh -f; zpty -w shell "PS1=; autoload -U compinit; compinit -u -d '${bench.path('zcompdump')}'; LISTMAX=9999; source '${script('zsh')}'; print RE''ADY";` +
          ` until [[ $all = *READY* ]]; do zpty -r shell part; all+=$part; done;` +
          ` zpty -w -n shell $'${line}\\t\\t'; sleep 2; all=; while zpty -r -t shell part; do all+=$part; done; zpty -d shell; print -r -- $all`,
      ]),
    fish: () => run('fish', ['--no-config', '-c', `source '${script('fish')}'; complete -C '${line}'`]),
  }[shell]();
  return all.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r|\x07/g, ' ');
}

beforeAll(async () => {
  for (const shell of SHELLS) writeFileSync(script(shell), (await diskpress('completion', shell)).out);
});

describe.each(SHELLS)('%s', (shell) => {
  test.skipIf(!isThere(shell))('commands, their own commands, options and what these take', () => {
    for (const name of ['devices', 'delete', 'deploy']) expect(offered(shell, 'diskpress de')).toContain(name);
    expect(offered(shell, 'diskpress machine ex')).toContain('export');
    expect(offered(shell, 'diskpress --catalog /tmp deploy --vol')).toContain('--volume');
    const kinds = offered(shell, 'diskpress capture --kind ');
    for (const kind of ['standard', 'flex', 'bare-metal', 'lab']) expect(kinds).toContain(kind);
    expect(kinds).not.toContain('devices');
  });
});

test('another shell is refused by name, and a program gets the script as JSON', async () => {
  expect((await diskpress('completion', 'tcsh')).code).toBe(2);
  const { value } = lastLine(await diskpress('--json', 'completion', 'fish'));
  expect(value).toMatchObject({ shell: 'fish', script: expect.stringContaining('complete -c diskpress') });
});
