/** Advice fits the kind of place that an error is about. */
import { describe, expect, test } from 'vitest';
import type { MessageData } from '../../../src-engine/contract/index.ts';
import { LANGUAGES } from '../../../src-engine/words/languages.ts';
import { createWords } from '../../../src-main/cli/words.ts';

describe.each(LANGUAGES)('advice: %s', (language) => {
  const words = createWords(language);
  const todo = (code: string, data: MessageData) => words.t(`error.${code}.todo`, data);
  const ofDisks = /cable|câble/i;

  test('cables are for disks', () => {
    for (const code of ['READ_FAILED', 'WRITE_FAILED', 'VERIFY_MISMATCH']) {
      expect(todo(code, { path: '/dev/sdb', offsetBytes: 0 }), code).toMatch(ofDisks);
      expect(todo(code, { path: '/srv/lab.img', offsetBytes: 0 }), code).not.toMatch(ofDisks);
    }
  });

  test('nobody unmounts a port or a file', () => {
    const unmounting = /unmount|démont/i;
    expect(todo('DEVICE_BUSY', { path: '/dev/sdb' })).toMatch(unmounting);
    for (const path of ['127.0.0.1:80', '/srv/lab.img'])
      expect(todo('DEVICE_BUSY', { path }), path).not.toMatch(unmounting);
    expect(todo('DEVICE_BUSY', { path: '127.0.0.1:80' })).toContain('--port');
    expect(todo('PERMISSION_DENIED', { path: '127.0.0.1:80' })).toContain('1023');
  });

  test('a policy that is not there is looked for where policies lie', () => {
    const data = { path: 'lab', reason: 'policy' };
    expect(words.t('error.NOT_FOUND.what', data)).toContain('lab');
    expect(todo('NOT_FOUND', data)).toContain('policies');
  });

  test('too little room says where, and how much is missing', () => {
    const data = { path: '/srv', requiredBytes: 5e9, freeBytes: 2e9, missingBytes: 3e9, reason: 'too little' };
    const said = words.t('error.DISK_FULL.what', data);
    for (const part of ['/srv', words.bytes(5e9), words.bytes(2e9), words.bytes(3e9)]) expect(said).toContain(part);
  });

  test('an answer or data that nobody can read is no parser’s text', () => {
    for (const reason of ['data', 'answer'])
      expect(words.t('error.INTERNAL.what', { reason })).not.toMatch(new RegExp(`: ?${reason}\\.`));
  });
});
