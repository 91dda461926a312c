/** The words of codes: errors, warnings, checks and refusals, with their facts filled in. */
import { useI18n } from 'vue-i18n';
import type {
  BootLink,
  Check,
  ErrorView,
  IdentityPlan,
  MessageData,
  Refusal,
  SettingNote,
  Warning,
} from '../../src-engine/contract/index.ts';
import { CommandError, isSchemaError } from '../../src-engine/contract/index.ts';
import { countIn, fillFacts, namedFact } from '../../src-engine/words/fill.ts';
import { identityPlanKey } from '../../src-engine/words/identity-plan.ts';
import { placeKind, reasonSection } from '../../src-engine/words/reasons.ts';
import { useFormat } from './format.ts';

export interface ErrorWords {
  what: string;
  state: string;
  todo: string;
}

/** Turns anything that a call can throw into an error with a code. */
export function errorView(thrown: unknown): ErrorView {
  if (thrown instanceof CommandError) return thrown.view;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // an answer that is not as the contract says comes of another version
  const reason = thrown instanceof Error && isSchemaError(thrown) ? 'answer' : message;
  return { code: 'INTERNAL', message, hint: '', data: { reason } };
}

/** Call it in a component's set-up. */
export function useWords() {
  const { t, te, tm } = useI18n();
  const format = useFormat();

  /** What is known by a name here: a format, a field of a form and what is in it. Everything else is told as it is. */
  function nameOf(key: string, value: MessageData[string]) {
    if ((key === 'found' || key === 'said') && typeof value === 'boolean') {
      return t(value ? 'import.present' : 'import.absent');
    }
    const sections = {
      format: 'imageFormat',
      one: 'imageFormat',
      other: 'imageFormat',
      field: 'configuration',
      found: 'firmware',
      said: 'firmware',
      fileSystem: 'fileSystem',
    };
    const section = key in sections ? sections[key as keyof typeof sections] : null;
    const wordOf = (word: string) => (te(word, 'en') ? t(word) : null);
    return section ? wordOf(`${section}.${String(value)}`) : namedFact(key, value, wordOf);
  }

  const fill = (data: MessageData) => fillFacts(data, format, tm('missing') as Record<string, string>, nameOf);

  /** @param key of the message */
  function factsOf(key: string, data: MessageData) {
    const reason = `${reasonSection(key)}.${String(data.reason).replaceAll(' ', '-')}`;
    return { ...fill(data), ...(te(reason, 'en') && { reason: t(reason) }) };
  }

  function error(view: ErrorView): ErrorWords {
    const facts = factsOf(`error.${view.code}`, view.data);
    const reason = String(view.data.reason).replaceAll(' ', '-');
    if (view.code === 'BAD_REQUEST' && te(`notValid.${reason}`, 'en')) facts.reason = t(`notValid.${reason}`, facts);
    /** some reasons, and some places, have advice of their own */
    const part = (one: keyof ErrorWords) => {
      const key = `error.${view.code}.${one}`;
      const own = [reason, placeKind(view.data)].map((end) => `${key}-${end}`).find((one) => te(one, 'en'));
      return t(own ?? key, facts);
    };
    return { what: part('what'), state: part('state'), todo: part('todo') };
  }

  /** Of several disks it is told which one is meant. */
  const ofDisk = ({ disk }: MessageData, text: string) =>
    typeof disk === 'number' ? t('disk.said', { number: disk, text }) : text;
  const warning = ({ code, data }: Warning) =>
    ofDisk(data, t(`warning.${code}`, factsOf(`warning.${code}`, data), countIn(data)));
  const check = ({ code, data }: Check) =>
    ofDisk(data, t(`check.${code}`, factsOf(`check.${code}`, data), countIn(data)));
  /** How a setting is made in a guest, or why it cannot be; of a later Diskpress it is known by its code. */
  const setting = ({ code, data }: SettingNote) =>
    te(`setting.${code}`, 'en') ? t(`setting.${code}`, fill(data), countIn(data)) : code;
  /** One of a later Diskpress is told as that. */
  function bootLink({ code, data }: BootLink): string {
    const key = `bootChain.link.${te(`bootChain.link.${code}`, 'en') ? code : 'unknown'}`;
    const reason = `bootChain.reason.${String(data.reason)}`;
    return t(key, { ...fill(data), ...(te(reason, 'en') && { reason: t(reason) }) }, countIn(data));
  }
  /** What becomes of a guest's identity, and why. */
  function identity(plan: IdentityPlan): string {
    const key = identityPlanKey(plan);
    return t(key, factsOf(key, plan.data));
  }
  const refusal = ({ code, details }: Refusal) => t(`refusal.${code}`, fill({ details }));

  return { error, warning, check, setting, bootLink, identity, refusal };
}
