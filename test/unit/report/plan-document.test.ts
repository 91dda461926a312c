/** A plan as a file: what is erased, each volume before and after, each change inside; nothing from an image is markup. */
import { expect, it } from 'vitest';
import { planDocument } from '../../../src-engine/report/plan-document.ts';
import type { DeployPlan } from '../../../src-engine/contract/plan.contract.ts';

const MADE_AT = '2026-11-29T09:00:00.000Z';
const place = {
  ...{ kind: 'device' as const, path: '/dev/sdb', model: 'Stick <b>', serial: 'S1', lengthBytes: 64e9 },
  ...{ sectorBytes: 512, physicalSectorBytes: 512 },
};
const plan = {
  planId: '00000000-0000-4000-8000-000000000001',
  expiresAt: MADE_AT,
  templateId: '00000000-0000-4000-8000-000000000002',
  templateName: 'Lab & co',
  ...{ versionNumber: 2, disk: 1, diskCount: 1, target: place, before: null, writeBytes: 3e9 },
  ...{ canRun: true, confirmWords: ['S1'], needsOverwrite: false },
  volumes: [
    {
      ...{
        volume: '2',
        beforeStartBytes: 2 ** 20,
        beforeBytes: 10e9,
        minimumBytes: 3e9,
        startBytes: 2 ** 20,
        lengthBytes: 60e9,
      },
      ...{ method: 'in-place', tools: ['e2fsck', 'resize2fs'], needsRoot: true, scratchBytes: 0, seconds: 2 },
    },
  ],
  settingNotes: [
    { reason: 'hostname', isPossible: true, code: 'written-to', data: { name: 'lab-01', paths: ['/etc/hostname'] } },
  ],
  identity: { becomes: 'fresh', because: 'deployment', data: {} },
  identifiers: [{ of: 'file-system', reason: 'file-system-ids', volume: '2', before: 'old-uuid', after: 'new-uuid' }],
  guestChanges: [
    {
      ...{ reason: 'hostname', kind: 'write', volume: '2', path: '/etc/hostname' },
      ...{ before: 'old <script>\n', after: 'lab-01\u202e\n' },
    },
  ],
  checks: [
    {
      code: 'TARGET_WILL_BE_ERASED',
      level: 'warn',
      data: { path: '/dev/sdb', model: 'Stick', serial: 'S1', lengthBytes: 64e9 },
    },
  ],
} as unknown as DeployPlan;

const written = async (format: 'text' | 'html' | 'pdf', language: 'en' | 'fr' = 'en') => {
  const { fileName, bytes } = await planDocument([plan], format, language, MADE_AT);
  return { fileName, text: bytes.toString(format === 'pdf' ? 'latin1' : 'utf8') };
};

it('as text: every fact on a line', async () => {
  const { fileName, text } = await written('text');
  expect(fileName).toBe('plan-Lab-co-2026-11-29.txt');
  for (const fact of [
    '/dev/sdb',
    '10,000,000,000\u00a0bytes → 60,000,000,000\u00a0bytes',
    'On the target, by e2fsck and resize2fs. Needs administrator rights.',
    'lab-01: written to /etc/hostname.',
    'old-uuid → new-uuid',
    'They are made for this plan',
    '− old <script>',
    '+ lab-01\\u{202e}',
  ]) {
    expect(text).toContain(fact);
  }
  // every message was filled
  expect(text).not.toMatch(/(?<!u)\{\w+\}/);
});

it('as HTML: what stands in an image is text', async () => {
  const { text } = await written('html');
  expect(text).toContain('old &lt;script&gt;');
  expect(text).toContain('Stick &lt;b&gt;');
  expect(text).not.toMatch(/<script|<b>/);
});

it('in French, and as PDF', async () => {
  const { text: french } = await written('text', 'fr');
  for (const fact of ['écrit dans', 'Modèle\u202f: ', 'Comment\u202f: ', 'Chemin\u202f: '])
    expect(french).toContain(fact);
  expect(french).not.toMatch(/^\s*\p{L}+: /mu);
  expect((await written('pdf')).text.slice(0, 5)).toBe('%PDF-');
});
