/** Hashes of passwords are those of crypt(3), which perl calls. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { sha512Crypt } from '../../../src-engine/core/sha512-crypt.ts';

const crypt = (password: string, salt: string) =>
  spawnSync('perl', ['-e', 'chomp(my $p = <STDIN>); print crypt($p, $ARGV[0])', `$6$${salt}$`], {
    input: `${password}\n`,
    encoding: 'utf8',
  }).stdout;
const hasCrypt = process.platform === 'linux' && crypt('x', 'y')?.startsWith('$6$y$');
if (!hasCrypt) console.warn('SKIPPED: password hashes against crypt(3): there is no perl, or it knows no SHA-512');

test.runIf(hasCrypt).each([
  ['hello', 'abc'],
  ['', 'empty'],
  ['pässwörd €', 'saltstring123456'],
  ['a'.repeat(63), '.'],
  ['a'.repeat(64), '/'],
  ['a'.repeat(65), './aZ09'],
  ['b'.repeat(300), 'x'],
  ['quo"te\'s $x `y` \\', 'q'],
])('of %j with the salt %s', (password, salt) => {
  expect(sha512Crypt(password, salt)).toBe(crypt(password, salt));
});

test('each time with another salt, of 16 characters', () => {
  const hashes = [sha512Crypt('same'), sha512Crypt('same')];
  expect(new Set(hashes).size).toBe(2);
  for (const hash of hashes) expect(hash).toMatch(/^\$6\$[./A-Za-z0-9]{16}\$[./A-Za-z0-9]{86}$/);
});
