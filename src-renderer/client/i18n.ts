/** Languages: which one is meant, and the one instance of vue-i18n. */
import { createI18n } from 'vue-i18n';
import en from '../../src-engine/words/en.json';
import fr from '../../src-engine/words/fr.json';
import { pluralRules } from '../../src-engine/words/fill.ts';
import { LANGUAGES, type Language } from '../../src-engine/words/languages.ts';

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en, fr },
  pluralRules,
});

/** The first of the browser's languages that there are words for. */
export function preferredLanguage(wanted: readonly string[] = navigator.languages): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().startsWith(language));
    if (found) return found;
  }
  return 'en';
}

export function setLanguage(language: Language) {
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
}
