/** A polkit of one test file alone, with real pkexec, in a mount namespace of its own: who gets root's rights there is what a rule says. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { withoutOthersMounts } from './others-mounts.ts';
import type { Workbench } from './workbench.ts';

const DAEMON = '/usr/lib/polkit-1/polkitd';
/** Debian's packages: pkexec, polkitd, dbus-daemon. */
export const hasPolkit = ['/usr/bin/pkexec', '/usr/bin/dbus-daemon', DAEMON].every((path) => existsSync(path));

/** Of a test, with what is done at its end. */
type OwnFolder = Pick<Workbench, 'folder' | 'path' | 'atEnd'>;

export interface TestPerson {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
}

export interface OwnPolkit {
  /** A program of a person's in there, with a display to be asked on, as far as anybody looks. */
  as(person: TestPerson): { readonly through: readonly string[]; readonly env: NodeJS.ProcessEnv };
}

/** A person whom the system of the namespace knows. Their home is new and theirs. */
export function testPerson(bench: OwnFolder, name: string, uid: number): TestPerson {
  const home = bench.path(`home of ${name}`);
  mkdirSync(home);
  chmodSync(bench.folder, 0o755);
  chownSync(home, uid, uid);
  return { name, uid, home };
}

/**
 * @param trusted gets root's rights by a rule, without a word: there is nobody who could be asked
 * @param action for which they are given: where no policy says otherwise, that of any program
 * @param more of a shell, done in the namespace before it starts
 */
export async function startOwnPolkit(
  bench: OwnFolder,
  people: readonly TestPerson[],
  trusted: TestPerson,
  more: readonly string[] = [],
  action = 'org.freedesktop.policykit.exec',
): Promise<OwnPolkit> {
  const folder = mkdtempSync(bench.path('polkit-'));
  const path = (name: string) => join(folder, name);
  const rule = path('rule');
  writeFileSync(
    rule,
    // in ECMAScript 5, which is all that polkit's Duktape knows
    `polkit.addRule(function (action, subject) {
       if (action.id === '${action}' && subject.user === '${trusted.name}') return polkit.Result.YES;
     });\n`,
  );
  for (const name of ['passwd', 'group']) copyFileSync(`/etc/${name}`, path(name));
  for (const { name, uid, home } of people) {
    appendFileSync(path('passwd'), `${name}:x:${uid}:${uid}::${home}:/bin/sh\n`);
    appendFileSync(path('group'), `${name}:x:${uid}:\n`);
  }
  const script = [
    'set -e',
    ...withoutOthersMounts(bench.folder),
    ...['passwd', 'group'].map((name) => `mount --bind '${path(name)}' /etc/${name}`),
    'mkdir -p /run/dbus /etc/polkit-1/rules.d',
    'mount -t tmpfs tmpfs /run/dbus',
    'mount -t tmpfs -o mode=755 tmpfs /etc/polkit-1/rules.d',
    `install -m 644 '${rule}' /etc/polkit-1/rules.d/10-test.rules`,
    ...more,
    // they end with this shell, whose input ends with the test
    'dbus-daemon --system --nofork --nopidfile --address=unix:path=/run/dbus/system_bus_socket 2> /dev/null & bus=$!',
    'while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.05; done',
    `${DAEMON} --no-debug > /dev/null 2>&1 & polkit=$!`,
    'trap "kill $polkit $bus 2> /dev/null" EXIT',
    'set +e',
    'for i in $(seq 100); do pkaction > /dev/null 2>&1 && break; sleep 0.05; done',
    'echo "$$"',
    'cat > /dev/null',
  ];
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script.join('\n')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  bench.atEnd(async () => {
    const ended = once(holder, 'exit');
    holder.stdin.end();
    await ended;
  });
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  const inside = ['nsenter', `--mount=/proc/${Number(said.toString())}/ns/mnt`, '--'];
  return {
    as: ({ uid, home }) => ({
      through: [...inside, 'setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--'],
      env: { HOME: home, PATH: process.env.PATH, DISPLAY: ':0' },
    }),
  };
}
