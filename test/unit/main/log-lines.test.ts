/** The log on the command line is in words, whatever it has. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PLEDGE_KINDS, type LogEntry } from '../../../src-engine/contract/index.ts';
import { logLines } from '../../../src-main/cli/log-lines.ts';
import { createWords } from '../../../src-main/cli/words.ts';
import { LANGUAGES } from '../../../src-engine/words/languages.ts';

const ENGINE = new URL('../../../src-engine', import.meta.url).pathname;

/** Whatever the engine writes into the log by a name of its own. */
const actions = readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => readFileSync(join(ENGINE, name), 'utf8').split('\n'))
  .filter((line) => /\b(?:audit\.add|log)\(/.test(line))
  .flatMap((line) => [...line.matchAll(/'([a-z]+\.[a-z]+)'/g)].map(([, action]) => action));

const entry = (action: string, data: LogEntry['data'] = {}): LogEntry => ({
  ...{ id: 1, at: '2026-11-20T10:00:00.000Z', user: 'ada' },
  ...{ action, subject: 'libvirt:lab', data },
});

describe.each(LANGUAGES)('the log: %s', (language) => {
  const words = createWords(language);

  it('has words for all that is done', () => {
    expect(actions).toEqual(
      expect.arrayContaining(['vm.started', 'pledge.kept', 'attachment.added', 'machine.reloaded']),
    );
    for (const action of actions) expect(logLines(words, [entry(action)]).join('\n')).not.toContain(action);
  });

  it.each(PLEDGE_KINDS)('says what was done for a job that was interrupted: %s', (kind) => {
    const said = logLines(words, [entry('pledge.kept', { kind })]).join('\n');
    expect(said).toContain(words.t(`pledge.${kind}`, { place: 'libvirt:lab' }));
    expect(said).not.toMatch(/pledge|kind=/);
  });

  it('says how much, and nothing that is for programs', () => {
    const data = {
      templateId: 'f00d',
      version: 2,
      newBytes: 179_495_126,
      overridden: [],
      serial: '',
      heldBackBytes: 0,
    };
    const said = logLines(words, [entry('template.captured', data)]).join('\n');
    expect(said).toContain(words.bytes(179_495_126));
    expect(said).not.toMatch(/=|179495126|f00d|overridden|heldBack/);
  });

  it('says what was edited: the field, what it was, what it is', () => {
    const data = { templateId: 'f00d', fields: ['note', 'status'], before: ['', 'active'], after: ['new', 'disabled'] };
    const said = logLines(words, [entry('template.edited', data)]).join('\n');
    const edited = (field: string, before: string, after: string) =>
      words.t('template.edited', { name: words.t(`template.${field}`), before, after });
    expect(said).toContain(edited('note', words.t('template.nothing'), 'new'));
    expect(said).toContain(edited('status', words.t('status.active'), words.t('status.disabled')));
  });
});
