/** Puts the application together and starts it with a way to the engine. */
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { useEngine } from '../client/engine.store.ts';
import { i18n } from '../client/i18n.ts';
import { usePreferences } from '../client/preferences.store.ts';
import type { Connect } from '../client/transport.ts';
import { CommandError } from '../../src-engine/contract/index.ts';
import { useSettings } from '../modules/settings/index.ts';
import { useToast } from '../ui/index.ts';
import '../ui/tokens.css';
import '../ui/base.css';
import '../ui/controls.css';
import '../ui/menu.css';
import '../ui/rows.css';
import '../ui/tables.css';
import '../ui/disk-map/hues.css';
import App from './App.vue';
import { router } from './router.ts';
import { listenForShortcuts } from './shortcuts.ts';

/** As long as that, a window waits to be told its theme and its language before it shows itself in others. */
const FIRST_PAINT_MS = 500;

/**
 * @param connect opens a transport to the engine
 * @param tries whether a lost connection is tried again without being asked
 */
export function mountApp(connect: Connect, tries: boolean) {
  const app = createApp(App).use(createPinia()).use(i18n).use(router);
  useSettings();
  const engine = useEngine();
  const toast = useToast();

  /** What no page took care of is at least said. A lost engine has its own notice. */
  function onStray(thrown: unknown) {
    if (!(thrown instanceof CommandError)) return;
    if (thrown.view.code !== 'ENGINE_LOST')
      toast.show({ text: i18n.global.t(`error.${thrown.view.code}.what`, { ...thrown.view.data }) });
  }
  app.config.errorHandler = (thrown) => {
    onStray(thrown);
    if (!(thrown instanceof CommandError)) console.error(thrown);
  };
  window.addEventListener('unhandledrejection', ({ reason }) => onStray(reason));

  listenForShortcuts(router);
  void engine.start(connect, tries);
  const { known } = usePreferences();
  void Promise.race([known, new Promise((resolve) => setTimeout(resolve, FIRST_PAINT_MS))]).then(() =>
    app.mount('#app'),
  );
}
