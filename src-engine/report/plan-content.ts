/** What plans of deploys say, in the order that they are read in: what is erased, volumes, the inside, checks. */
import type { GuestChangeView, SettingNote, VolumePlan } from '../contract/deploy.contract.ts';
import type { DeployPlan } from '../contract/plan.contract.ts';
import type { Check } from '../contract/warnings.ts';
import type { Content, Field, Section, SectionId } from './content.ts';
import { identityPlanKey } from '../words/identity-plan.ts';
import type { PlanWords } from './plan-words.ts';
import { visible } from './words.ts';

/** Of a text, lines that are shown of what went and of what came. */
const MOST_LINES = 20;
const MOST_CHANGES = 1000;

/** @param plans of one template, each for a target of its own */
export function planContent(plans: readonly DeployPlan[], words: PlanWords): Content {
  const [first] = plans;
  const { say, time } = words;
  const blocked = plans.filter(({ canRun }) => !canRun).length;
  const isWarned = plans.some(({ checks }) => checks.some(({ level }) => level === 'warn'));
  return {
    title: say('planDocument.title', { name: first.templateName }),
    about: [
      { name: say('template.one'), text: visible(`${first.templateName}@${first.versionNumber}`) },
      { name: say('planDocument.expires'), text: time(first.expiresAt) },
    ],
    verdict: {
      level: blocked > 0 ? 'block' : isWarned ? 'warn' : 'pass',
      text: say(blocked > 0 ? 'plan.blocked' : 'planDocument.possible'),
      counts: say('deploy.targetCount', { n: plans.length }),
    },
    others: null,
    sections: plans.flatMap((plan) => sectionsOf(plan, words)),
  };
}

function sectionsOf(plan: DeployPlan, words: PlanWords): Section[] {
  const { say, formats } = words;
  const { target } = plan;
  const field = (key: string, text: string): Field => ({ name: say(key), text: visible(text) });
  const erased = plan.before
    ? plan.before.volumes.map(({ fileSystem, recognised, name, number, lengthBytes }) =>
        [number, fileSystem?.label || name, fileSystem?.kind ?? recognised, formats.bytes(lengthBytes)]
          .filter(Boolean)
          .join(' · '),
      )
    : [];
  const isErased = target.kind === 'device' || plan.needsOverwrite;
  const about = {
    heading: visible(target.model || target.path),
    fields: [
      field('device.path', target.path),
      field('device.serial', target.serial),
      field('template.capacity', formats.bytes(target.lengthBytes)),
      field('planDocument.written', formats.bytes(plan.writeBytes)),
      field('inside.identity.title', say(identityPlanKey(plan.identity), plan.identity.data)),
      ...(isErased ? [field('planDocument.erased', erased.join('; ') || say('deploy.nothingRecognised'))] : []),
    ].filter(({ text }) => text !== ''),
  };
  const changed = plan.volumes.filter(
    (one) => one.lengthBytes !== one.beforeBytes || one.startBytes !== one.beforeStartBytes,
  );
  const section = (id: SectionId, key: string, lines: Section['lines']): Section => ({
    id,
    title: say('planDocument.of', { target: target.path, subject: say(key) }),
    lines,
  });
  const checks = (level: Check['level']) =>
    plan.checks
      .filter((check) => check.level === level)
      .map(({ code, data }) => ({ heading: say(`check.${code}`, data), fields: [] }));
  return [
    section('plain', 'planDocument.target', [about]),
    section(
      'plain',
      'resize.volumes',
      changed.map((volume) => volumeLine(volume, words)),
    ),
    section(
      'plain',
      'planDocument.settings',
      plan.settingNotes.map((note) => noteLine(note, words)),
    ),
    section('plain', 'changes.identifiers', identifierLines(plan, words)),
    section(
      'plain',
      'planDocument.changes',
      plan.guestChanges.slice(0, MOST_CHANGES).map((change) => changeLine(change, words)),
    ),
    section('block', 'planDocument.blocks', checks('block')),
    section('warn', 'planDocument.warnings', checks('warn')),
    section('pass', 'planDocument.passed', checks('pass')),
  ].filter(({ lines }) => lines.length > 0);
}

function volumeLine(volume: VolumePlan, { say, formats }: PlanWords): Section['lines'][number] {
  const { method, startBytes, beforeStartBytes, beforeBytes, lengthBytes, tools, needsRoot } = volume;
  const key = method === 'kept' && startBytes !== beforeStartBytes ? 'moved' : method;
  const how = [say(`resize.how.${key}`, { tools }), needsRoot ? say('resize.needsRoot') : ''];
  if (volume.scratchBytes > 0) how.push(say('resize.scratch', { size: formats.bytes(volume.scratchBytes) }));
  const sizes = { before: formats.exactBytes(beforeBytes), after: formats.exactBytes(lengthBytes) };
  return {
    heading: say('volume.numbered', { number: volume.volume }),
    fields: [
      { name: say('volume.size'), text: say('resize.fromTo', sizes) },
      { name: say('planDocument.how'), text: how.filter(Boolean).join(' ') },
    ],
  };
}

function identifierLines({ identifiers }: DeployPlan, { say, known }: PlanWords): Section['lines'] {
  if (identifiers.length === 0) return [];
  const changed = identifiers.map(({ of, volume, before, after }) => ({
    heading: visible(`${known([`idOwner.${of}`], of)} ${volume}`.trim()),
    fields: [{ name: say('planDocument.how'), text: say('changes.becomes', { before, after }) }],
  }));
  return [{ heading: say('changes.identifiersOfPlan'), fields: [] }, ...changed];
}

const reasonOf = (reason: string, { known }: PlanWords) =>
  known([`guestChange.reason.${reason}`, `identity.${reason}`], reason);

function noteLine(note: SettingNote, words: PlanWords): Section['lines'][number] {
  const said = words.known([`setting.${note.code}`], note.code) === note.code;
  const text = said ? visible(note.code) : words.say(`setting.${note.code}`, note.data);
  const name = note.isPossible ? words.say('planDocument.how') : words.say('planDocument.whyNot');
  return { heading: reasonOf(note.reason, words), fields: [{ name, text }] };
}

function changeLine({ path, kind, reason, before, after }: GuestChangeView, words: PlanWords) {
  const [old, now] = [before, after].map((text) => (text ?? '').split('\n').filter((line) => line !== ''));
  const lines = (sign: string, all: readonly string[]) =>
    all.slice(0, MOST_LINES).map((line): Field => ({ name: sign, text: visible(line) }));
  return {
    heading: visible(path),
    fields: [
      {
        name: words.say('planDocument.what'),
        text: words.say('changes.what', {
          kind: words.known([`guestChange.kind.${kind}`], kind),
          reason: reasonOf(reason, words),
        }),
      },
      ...lines(
        '−',
        old.filter((line) => !now.includes(line)),
      ),
      ...lines(
        '+',
        now.filter((line) => !old.includes(line)),
      ),
    ],
  };
}
