import { expect, test } from 'vitest';
import { menuTemplate } from '../../../src-main/desktop/menu.ts';
import { wordsFor } from '../../../src-main/desktop/words.ts';
import { notFoundPage } from '../../../src-main/browser/not-found-page.ts';

test('words are in the language of the system, English where there is no other', () => {
  expect(['fr', 'fr-CA', 'FR'].map((locale) => wordsFor(locale).quit)).toEqual(['Quitter', 'Quitter', 'Quitter']);
  expect(['en', 'de-DE', 'frr', ''].map((locale) => wordsFor(locale).quit)).toEqual(['Quit', 'Quit', 'Quit', 'Quit']);
});

test.each(['linux', 'win32', 'darwin'] as const)('the menu on %s has quit, editing and zoom, in words', (platform) => {
  const items = menuTemplate(wordsFor('fr'), platform).flatMap(
    (menu) => menu.submenu as { role?: string; label?: string }[],
  );
  const labelOf = (role: string) => items.find((item) => item.role === role)?.label;
  expect(['quit', 'copy', 'selectAll', 'zoomIn', 'togglefullscreen'].map(labelOf)).toEqual([
    'Quitter',
    'Copier',
    'Tout sélectionner',
    'Agrandir',
    'Plein écran',
  ]);
});

test('the page for what is not there is a whole page that loads nothing, in the first language asked for', () => {
  const page = notFoundPage('fr-CA,fr;q=0.9,en;q=0.8');
  expect(page).toContain('<html lang="fr">');
  expect(page).not.toMatch(/<script|<style|<link|style=|src=/);
  expect(notFoundPage('en,fr')).toContain('<html lang="en">');
  expect(notFoundPage()).toContain('<html lang="en">');
});
