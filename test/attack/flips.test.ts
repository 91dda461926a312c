/** A single bit flipped anywhere in the files of a catalog: the right answer, what is damaged marked so, or a named error; never less. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pledge } from '../../src-engine/catalog/records/index.ts';
import { CommandError } from '../../src-engine/contract/client.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { BootEvidenceKeeper } from '../../src-engine/host/boot-evidence.ts';
import { storeLayout } from '../../src-engine/store/store-layout.ts';
import { addAttachment } from '../../src-engine/versions/attachments.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { makeNoiseDisk, noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { serverProfile } from '../support/profiles.ts';
import { randomBelow } from '../support/temporary.ts';
import { MIB, workbench } from '../support/workbench.ts';
import { attempts, seedOf, Tally } from './tally.ts';

interface Kind {
  readonly what: string;
  /** paths in a catalog */
  readonly files: RegExp;
  /** what is asked beside {@link ALWAYS}: these say nothing of the catalog */
  readonly asked?: string;
  /** people may edit it: what is in it is always right */
  readonly isByHand?: true;
  /** a warning of a verify where they are damaged */
  readonly told?: string;
  /** true: where these are damaged, what they hold may be lost, and must be told */
  readonly isData?: true;
}

const LOG = /^catalog\.db-wal$/;
const KINDS: readonly Kind[] = [
  { what: 'database', files: /^catalog\.db$/ },
  { what: 'log of the database', files: LOG },
  { what: 'manifests', files: /^manifests\/.*\.dpm$/, isData: true },
  { what: 'template records', files: /^manifests\/.*\.json$/ },
  { what: 'packs', files: /^packs\/.*\.dpk$/, isData: true },
  { what: 'locks', files: /^(writer|readers|runner-[\da-f-]+|pledges\/adopting)\.lock/ },
  { what: 'policies', files: /^policies\//, asked: 'policies', isByHand: true },
  { what: 'profiles of machines', files: /^machines\//, asked: 'machines', isByHand: true },
  { what: 'addresses of hosts', files: /^hosts\.json$/, asked: 'hosts', isByHand: true },
  { what: 'what is set for the pages', files: /^preferences\.json$/, asked: 'preferences', isByHand: true },
  { what: 'attachments', files: /^manifests\/.*\.dpa$/, asked: 'attachments', told: 'ATTACHMENT_DAMAGED' },
  { what: 'pledges', files: /^pledges\/.*\.json$/, asked: 'owed' },
  { what: 'pictures and consoles of boot proofs', files: /^proofs\//, asked: 'proof' },
  { what: 'room that is set by', files: /^reserve$/ },
];

const ALWAYS = ['list', 'bin', 'show one', 'show two', 'jobs', 'log'];
const FEW = 6;
const FULL = 1000;
/** Every so many flips the whole of it is asked, also where nothing looks wrong. */
const WHOLE_EVERY = 10;
const HANG_MS = 120_000;

const bench = workbench();
// what is asked here needs no disk: thousands of copies are synced to memory
const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'diskpress-flips-'));
afterAll(() => rmSync(memory, { recursive: true, force: true }));
const pristine = join(memory, 'pristine');
/** the same, as a process leaves it that was killed: the last changes are in the log */
const logged = join(memory, 'logged');
const catalog = join(memory, 'catalog');
const target = join(memory, 'deployed.img');
/** versions, and the SHA-256 of what each deploys to */
const kept = new Map<string, string>();

const codeOf = (error: unknown) => (error instanceof CommandError ? error.view.code : `not coded: ${String(error)}`);
const isFault = (code: string) => code === 'INTERNAL' || code.startsWith('not coded');
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

interface Health {
  readonly health?: string;
  readonly verifiedAt?: string | null;
}

/** What is looked at of a template, a job, an entry of the log or a refusal. */
interface Item {
  readonly name?: string;
  readonly updatedAt?: string;
  readonly versions?: readonly (Health & { disks?: readonly Health[] })[];
  readonly error?: { code: string } | null;
  readonly action?: string;
  readonly code?: string;
  readonly data?: { path?: unknown };
}
/** of the boot proof */
const PROOF = '2f1d1f0e-0000-4000-8000-123456789abc';
const isTemplateMarked = ({ versions = [] }: Item) => versions.some(({ health }) => health === 'damaged');

/** What people ask, and what is said of it when the thing that is damaged is marked so. */
const QUESTIONS: Readonly<
  Record<string, { ask(engine: TestEngine): Promise<unknown[]>; isMarked(item: Item): boolean }>
> = {
  list: {
    ask: ({ client }) => client.call('template.list', {}),
    isMarked: isTemplateMarked,
  },
  bin: {
    ask: ({ client }) => client.call('template.list', { deleted: true }),
    isMarked: isTemplateMarked,
  },
  'show one': {
    ask: async ({ client }) => [await client.call('template.show', { template: 'one' })],
    isMarked: isTemplateMarked,
  },
  'show two': {
    ask: async ({ client }) => [await client.call('template.show', { template: 'two' })],
    isMarked: isTemplateMarked,
  },
  jobs: {
    ask: ({ client }) => client.call('job.list', {}),
    isMarked: ({ error }) => error?.code === 'CATALOG_DAMAGED',
  },
  log: {
    ask: ({ client }) => client.call('log.list', { limit: 1000 }),
    isMarked: ({ action }) => action === 'row.damaged',
  },
  machines: {
    // those that are refused stand among the others, each by the name of its file
    ask: async ({ client }) => [
      ...(await client.call('machine.list', {})),
      ...(await client.call('machine.refused', {})),
    ],
    isMarked: ({ code, data }) => typeof code === 'string' && /\/machines\/[^/]+\.json$/.test(String(data?.path)),
  },
  policies: {
    ask: async ({ client }) => {
      const { policies, refused } = await client.call('policy.list', {});
      return [...policies, ...refused];
    },
    isMarked: ({ code }) => typeof code === 'string',
  },
  preferences: {
    ask: async ({ client }) => [await client.call('preferences.show', {})],
    isMarked: () => false,
  },
  hosts: { ask: ({ client }) => client.call('host.list', {}), isMarked: () => false },
  attachments: {
    ask: async ({ client }) => {
      const { versions } = await client.call('template.show', { template: 'one' });
      const ids = versions.flatMap(({ attachments }) => attachments.map(({ id }) => id));
      const read = (id: string) => client.call('template.attachment', { template: 'one', id });
      return Promise.all(ids.map((id) => read(id).catch((error: unknown) => ({ code: codeOf(error) }))));
    },
    isMarked: ({ code }) => code === 'ATTACHMENT_DAMAGED',
  },
  owed: {
    ask: ({ client }) => client.call('pledge.list', {}),
    isMarked: ({ error }) => error?.code === 'PLEDGE_DAMAGED',
  },
  proof: {
    ask: async ({ client }) => [await client.call('boot.evidence', { jobId: PROOF })],
    isMarked: () => false,
  },
};

type Answers = Readonly<Record<string, unknown[] | string>>;

/** @returns for each question its answer, or the code of the error */
async function ask(engine: TestEngine, questions: readonly string[]): Promise<Answers> {
  const answers: Record<string, unknown[] | string> = {};
  for (const name of questions) {
    const { ask } = QUESTIONS[name];
    answers[name] = await ask(engine).catch((error: unknown) => codeOf(error));
  }
  return answers;
}

/** @returns 'right', 'marked as damaged', the code of an error, or 'wrong' */
function judge(name: string, found: unknown[] | string, right: unknown[] | string): string {
  if (typeof found === 'string') return found;
  if (same(found, right)) return 'right';
  const { isMarked } = QUESTIONS[name];
  // whatever is not marked is as it was, and nothing is left out
  const sound = found.filter((item) => !isMarked(item as Item));
  const isWhole =
    found.length === right.length && sound.every((item) => (right as unknown[]).some((one) => same(one, item)));
  return isWhole && sound.length < found.length ? 'marked as damaged' : 'wrong';
}

const withoutHealth = ({ health: _, verifiedAt: __, ...rest }: Health) => rest;

/** Everything of a template but how it was last found when verified. */
const essence = (listed: unknown) =>
  (listed as Item[])
    .map(({ updatedAt: _, ...template }) => ({
      ...template,
      versions: template.versions?.map(({ disks, ...version }) => ({
        ...withoutHealth(version),
        disks: disks?.map(withoutHealth),
      })),
    }))
    .sort((a, b) => String(a.name).localeCompare(String(b.name)));

const isFilled = (path: string) => existsSync(path) && (statSync(path).isFile() || readdirSync(path).length > 0);

async function inTime<T>(work: Promise<T>): Promise<T | 'hangs'> {
  const abort = new AbortController();
  const late = sleep(HANG_MS, 'hangs' as const, { signal: abort.signal, ref: false });
  late.catch(() => {});
  return Promise.race([work, late]).finally(() => abort.abort());
}

/** @returns 'done' or the code of its error */
const endOf = async (job: Promise<JobView>): Promise<{ end: string; job: JobView | null }> => {
  try {
    const ended = await job;
    return { end: ended.outcome === 'done' ? 'done' : ended.error!.code, job: ended };
  } catch (error) {
    return { end: codeOf(error), job: null };
  }
};

/** Deploys every version. @returns for each 'right', 'wrong bytes', or the code of an error */
async function deployAll(engine: TestEngine): Promise<Map<string, string>> {
  const ends = new Map<string, string>();
  for (const [version, digest] of kept) {
    rmSync(target, { force: true });
    const { end } = await endOf(engine.deploy(version, target));
    if (end === 'done') ends.set(version, (await sha256(target)) === digest ? 'right' : 'wrong bytes');
    else ends.set(version, existsSync(target) ? `${end}, and a file` : end);
  }
  return ends;
}

/** What lies in a catalog beside templates, jobs, and what people write by hand. */
async function fillBeside(): Promise<void> {
  const handle = openCatalog(pristine);
  try {
    const parts = handle.make();
    for (const [name, mediaType, content] of [
      ['boot.png', 'image/png', noise('a picture', 30_000)],
      ['console.txt', 'text/plain', Buffer.from('login:')],
    ] as const) {
      await addAttachment(parts, 'one@1', { name, mediaType, content });
    }
    await new BootEvidenceKeeper(() => parts.layout).keep(PROOF, { console: 'login:', pictureBase64: 'iVBORw0KGgo=' });
    // of a kind that only a later Diskpress keeps: nothing asks a hypervisor for it
    await parts.pledges.give({ kind: 'of-a-later-one', place: 'libvirt:web' } as unknown as Pledge);
    const [given] = await parts.pledges.all();
    await parts.pledges.leave(given);
    await parts.pledges.adopt(given);
    await parts.pledges.leave(given);
  } finally {
    handle.close();
  }
}

describe('a bit is flipped in', () => {
  beforeAll(async () => {
    const one = makeNoiseDisk(bench, 'one.img', MIB);
    const two = bench.path('two.img');
    writeFileSync(two, Buffer.concat([noise('one.img', MIB / 2), noise('two', MIB / 2)]));
    const engine = await openEngine(pristine);
    const { client } = engine;
    resultOf(await engine.capture(one, 'one', { note: 'first\nnote', tags: ['a', 'é'] }));
    resultOf(await engine.capture(two, 'one'));
    resultOf(await engine.capture(two, 'two', { kind: 'standard' }));
    resultOf(await engine.capture(makeNoiseDisk(bench, 'three.img', MIB / 4), 'three'));
    await client.call('machine.save', { profile: serverProfile() });
    await client.call('host.save', { host: 'first.example' });
    await client.call('host.save', { host: 'second.example:2222' });
    await client.call('preferences.change', { theme: 'dark', recentFolder: '/images', dismiss: 'not-a-backup' });
    mkdirSync(join(pristine, 'policies'), { recursive: true });
    const policy = readFileSync(join(import.meta.dirname, '../../resources/policies/lab.yaml'), 'utf8');
    writeFileSync(
      join(pristine, 'policies', 'own.yaml'),
      policy.replace(/^id: .*$/m, 'id: own').replace(/^isDefault:.*\n/m, ''),
    );
    await client.call('template.delete', { template: 'three' });
    resultOf(await engine.verify());
    for (const version of ['one@1', 'one@2', 'two@1']) {
      rmSync(target, { force: true });
      resultOf(await engine.deploy(version, target));
      kept.set(version, await sha256(target));
    }
    await engine.close();
    await fillBeside();
    const again = await openEngine(pristine);
    await again.client.call('template.edit', { template: 'one', note: 'edited', status: 'deprecated' });
    await again.client.call('template.edit', { template: 'one', status: 'active' });
    resultOf(await again.capture(one, 'two'));
    rmSync(target, { force: true });
    resultOf(await again.deploy('two@2', target));
    kept.set('two@2', await sha256(target));
    cpSync(pristine, logged, { recursive: true, filter: (path) => !path.endsWith('-shm') });
    await again.close();
  });

  test('every kind of file that a catalog has', () => {
    // a folder or a file that is new in it is to be filled above; the next engine empties these two, and reads nothing in them
    const emptied = { scratch: undefined, uploads: undefined };
    const places = Object.values<string | undefined>({ ...storeLayout(pristine), ...emptied });
    expect(places.filter((path) => path !== undefined && !isFilled(path))).toEqual([]);
    const files = [pristine, logged].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(root, path)).isFile()),
    );
    expect(files.filter((path) => !KINDS.some((kind) => kind.files.test(path)))).toEqual([]);
    expect(KINDS.filter((kind) => !files.some((path) => kind.files.test(path)))).toEqual([]);
  });

  test.for(KINDS)('$what', async (kind, context) => {
    const sound = kind.files === LOG ? logged : pristine;
    const tally = new Tally('Bit flipped', kind.what);
    const below = randomBelow(seedOf(kind.what));
    const renew = () => {
      rmSync(catalog, { recursive: true, force: true });
      cpSync(sound, catalog, { recursive: true });
    };
    const paths = readdirSync(sound, { recursive: true, encoding: 'utf8' })
      .filter((path) => kind.files.test(path) && statSync(join(sound, path)).size > 0)
      .sort();
    renew();
    const first = await openEngine(catalog);
    const questions = kind.asked ? [...ALWAYS, kind.asked] : ALWAYS;
    const right = await ask(first, questions);
    await first.close();

    const said = (ends: ReadonlySet<string>): string => {
      const words = [...ends].map((end) => (end === 'wrong' && kind.isByHand ? 'what is in the file' : end));
      return words.length === 0 ? 'right' : words.sort().join(', ');
    };

    const attempt = async (when: string, isWhole: boolean): Promise<string> => {
      let engine: TestEngine;
      try {
        engine = await openEngine(catalog);
      } catch (error) {
        const code = codeOf(error);
        if (isFault(code)) tally.internal(`${when}: opening: ${code} ${String((error as Error).stack)}`);
        else tally.lost(`${when}: cannot be opened for a repair: ${code}`);
        return code;
      }
      try {
        const answers = await ask(engine, questions);
        const ends = new Set<string>();
        let isSuspect = false;
        for (const [name, found] of Object.entries(answers)) {
          const end = judge(name, found, right[name]);
          if (end !== 'right') ends.add(end);
          if (end !== 'right' && end !== 'wrong' && name !== kind.asked) isSuspect = true;
          if (isFault(end)) tally.internal(`${when}: ${name}: ${end}`);
          // of what people edit by hand every other text is right; that a file is there and none of it is told is not
          const isText = name === kind.asked && kind.isByHand;
          const isShort = Array.isArray(found) && found.length < right[name].length;
          if (end === 'wrong' && (!isText || isShort)) tally.unfound(`${when}: ${name}: wrong`);
        }
        if (!isWhole && !isSuspect && !kind.isData && !kind.told) return said(ends);
        const verified = await endOf(engine.verify());
        if (kind.told && ends.size > 0 && !verified.job?.warnings.some(({ code }) => code === kind.told))
          tally.unfound(`${when}: verify does not tell`);
        if (isFault(verified.end)) tally.internal(`${when}: verify: ${verified.end} ${verified.job?.error?.message}`);
        if (verified.end !== 'done') ends.add(`verify: ${verified.end}`);
        if (isWhole || isSuspect || verified.end !== 'done') await expectHealed(engine, when, verified.end);
        return said(ends);
      } finally {
        await engine.close();
      }
    };

    const expectHealed = async (engine: TestEngine, when: string, verified: string) => {
      for (const [version, end] of await deployAll(engine)) {
        if (isFault(end)) tally.internal(`${when}: deploy of ${version}: ${end}`);
        if (end.includes('wrong bytes') || end.endsWith('a file'))
          tally.unfound(`${when}: deploy of ${version}: ${end}`);
        if (verified === 'done' && end !== 'right') tally.unfound(`${when}: verified, and ${version}: ${end}`);
      }
      const repaired = await endOf(engine.repair());
      if (isFault(repaired.end)) tally.internal(`${when}: repair: ${repaired.end} ${repaired.job?.error?.message}`);
      else if (repaired.end !== 'done') tally.lost(`${when}: repair: ${repaired.end}`);
      const told = new Set((repaired.job?.warnings ?? []).map(({ code }) => code));
      const again = await endOf(engine.verify());
      const damaged = new Set((again.job?.error?.data.templates as string[] | undefined) ?? []);
      if (isFault(again.end) || (again.end !== 'done' && !kind.isData))
        tally.lost(`${when}: verify after repair: ${again.end}`);
      for (const [version, end] of await deployAll(engine)) {
        const isTold = kind.isData && (damaged.has(version) || told.has('VERSION_NOT_RECOVERED'));
        if (end !== 'right' && !(isTold && !end.includes('wrong') && !isFault(end))) {
          tally.lost(`${when}: deploy of ${version} after repair: ${end}`);
        }
      }
      const after = await ask(engine, ALWAYS);
      for (const name of ['list', 'bin']) {
        if (typeof after[name] === 'string') tally.lost(`${when}: ${name} after repair: ${after[name]}`);
        else if (!same(essence(after[name]), essence(right[name])) && !told.has('VERSION_NOT_RECOVERED')) {
          tally.lost(`${when}: ${name} after repair is another`);
        }
      }
    };

    for (let i = 0; i < attempts(FEW, FULL); i++) {
      const path = paths[below(paths.length)];
      const bytes = readFileSync(join(sound, path));
      const [offset, bit] = [below(bytes.length), below(8)];
      const when = `${path}, byte ${offset}, bit ${bit}`;
      bytes[offset] ^= 1 << bit;
      renew();
      writeFileSync(join(catalog, path), bytes);
      const outcome = await inTime(attempt(when, i % WHOLE_EVERY === 0));
      if (outcome === 'hangs') tally.internal(`${when}: hangs`);
      tally.ended(outcome);
    }
    tally.close(context);
  });
});
