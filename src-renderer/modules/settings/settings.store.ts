/** What a person set for the pages and the window shows everywhere: language, theme, what is done when a long job ends. */
import { defineStore } from 'pinia';
import { computed, watch } from 'vue';
import { type Theme } from '../../../src-engine/contract/index.ts';
import { type Language } from '../../../src-engine/words/languages.ts';
import { preferredLanguage, setLanguage } from '../../client/i18n.ts';
import { usePreferences } from '../../client/preferences.store.ts';

export const useSettings = defineStore('settings', () => {
  const preferences = usePreferences();
  const theme = computed<Theme>({
    get: () => preferences.now.theme ?? 'system',
    set: (value) => void preferences.change({ theme: value }),
  });
  const language = computed<Language>({
    get: () => preferences.now.language ?? preferredLanguage(),
    set: (value) => void preferences.change({ language: value }),
  });

  /** at the end of a long job; off until a person chooses it */
  const sound = computed({
    get: () => preferences.now.sound,
    set: (value) => void preferences.change({ sound: value }),
  });
  const notification = computed({
    get: () => preferences.now.notification,
    set: (value) => void preferences.change({ notification: value }),
  });

  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  function applyTheme() {
    const isDark = theme.value === 'dark' || (theme.value === 'system' && dark.matches);
    document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
  }
  dark.addEventListener('change', applyTheme);

  watch(theme, applyTheme, { immediate: true });
  watch(language, setLanguage, { immediate: true });

  return { theme, language, sound, notification };
});
