/** The application with made-up data, for looking at its states. Never part of what is shipped: only scripts/screens.mjs builds it. */
import '../../../src-renderer/client/no-eval.ts';
import { mountApp } from '../../../src-renderer/app/mount.ts';
import { fakeEngine } from './fake-engine.ts';
import { sceneOf } from './scenes.ts';

const asked = new URLSearchParams(location.search);
localStorage.setItem(
  'diskpress.settings',
  JSON.stringify({ theme: asked.get('theme') ?? 'light', language: asked.get('lang') ?? 'en' }),
);
mountApp(fakeEngine(sceneOf(asked.get('scene') ?? 'many')), false);
