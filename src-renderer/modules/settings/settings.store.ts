/** What a person set for this window: language, theme, what is done when a long job ends. Kept by the browser, nowhere else. */
import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import { LANGUAGES, type Language } from '../../../src-engine/words/languages.ts';
import { preferredLanguage, setLanguage } from '../../client/i18n.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'diskpress.settings';

function stored(): { theme?: unknown; language?: unknown; sound?: unknown; notification?: unknown } {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as object;
  } catch {
    return {};
  }
}

const among = <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
  allowed.find((one) => one === value);

export const useSettings = defineStore('settings', () => {
  const saved = stored();
  const theme = ref<Theme>(among(saved.theme, THEMES) ?? 'system');
  const language = ref<Language>(among(saved.language, LANGUAGES) ?? preferredLanguage());

  /** at the end of a long job; off until a person chooses it */
  const sound = ref(saved.sound === true);
  const notification = ref(saved.notification === true);

  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  function applyTheme() {
    const isDark = theme.value === 'dark' || (theme.value === 'system' && dark.matches);
    document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
  }
  dark.addEventListener('change', applyTheme);

  watch(theme, applyTheme, { immediate: true });
  watch(language, setLanguage, { immediate: true });
  watch([theme, language, sound, notification], ([theme, language, sound, notification]) => {
    try {
      localStorage.setItem(KEY, JSON.stringify({ theme, language, sound, notification }));
    } catch {
      // A window without storage keeps them until it is closed.
    }
  });

  return { theme, language, sound, notification };
});
