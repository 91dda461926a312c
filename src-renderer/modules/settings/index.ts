/** What is set for this window, and facts about this installation. */
export { useAppInfo } from './app-info.store.ts';
export { THEMES, useSettings } from './settings.store.ts';
