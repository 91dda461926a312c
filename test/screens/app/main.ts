/** The application with made-up data, for looking at its states. Never part of what is shipped: only scripts/screens.mjs builds it. */
import '../../../src-renderer/client/no-eval.ts';
import { mountApp } from '../../../src-renderer/app/mount.ts';
import { fakeEngine } from './fake-engine.ts';
import { sceneOf } from './scenes.ts';

const asked = new URLSearchParams(location.search);
const theme = asked.get('theme') === 'dark' ? 'dark' : 'light';
const language = asked.get('lang') === 'fr' ? 'fr' : 'en';
mountApp(
  fakeEngine(sceneOf(asked.get('scene') ?? 'many'), {
    theme,
    language,
    columns: null,
    dismissed: [],
    recentFolders: ['/home/ada/images'],
    sound: false,
    notification: false,
  }),
  false,
);
