/**
 * What a person set for the pages, kept by the engine with the catalog. This window has a copy of what the first paint needs, no more:
 * it holds until the engine has answered.
 */
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import {
  NO_PREFERENCES,
  PreferencesSchema,
  type Preferences,
  type PreferencesChange,
} from '../../src-engine/contract/index.ts';
import { useEngine } from './engine.store.ts';

const KEY = 'diskpress.settings';
const CopySchema = PreferencesSchema.pick({ theme: true, language: true });

export const usePreferences = defineStore('preferences', () => {
  const engine = useEngine();
  const copy = copied();
  const now = shallowRef<Preferences>({ ...NO_PREFERENCES, ...copy });
  /** whether what was set is written down somewhere */
  const isKept = shallowRef(true);
  /** set while the engine was away */
  let waiting: PreferencesChange[] = [];

  let told: () => void;
  /** resolves once they are what the engine says, or the copy's */
  const known = new Promise<void>((resolve) => (told = resolve));
  if (copy) told!();

  function take({ isKept: kept, ...preferences }: Preferences & { isKept: boolean }) {
    now.value = preferences;
    isKept.value = kept;
    keepCopy(preferences);
    told();
  }

  async function load() {
    const sent = waiting;
    waiting = [];
    for (const change of sent) await engine.call('preferences.change', change);
    take(await engine.call('preferences.show', {}));
  }

  /** Holds at once in this window; what the engine could not be told is told when it is back. */
  async function change(changes: PreferencesChange) {
    const { dismiss, recentFolder: _, ...set } = changes;
    const { dismissed } = now.value;
    now.value = { ...now.value, ...set, ...(dismiss !== undefined && { dismissed: [...dismissed, dismiss] }) };
    keepCopy(now.value);
    try {
      await engine.call('preferences.change', changes);
    } catch {
      waiting.push(changes);
    }
  }

  engine.whenConnected(() => {
    engine.subscribe('preferences', take);
    void load().catch(() => {});
  });

  return { now, isKept, known, change };
});

function copied() {
  try {
    return CopySchema.safeParse(JSON.parse(localStorage.getItem(KEY) ?? 'null')).data;
  } catch {
    return undefined;
  }
}

function keepCopy({ theme, language }: Preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ theme, language }));
  } catch {
    // the next first paint waits for the engine
  }
}
