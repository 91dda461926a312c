/** What the preload tells a page of dropped files. */
import { expect, test, vi } from 'vitest';
import { tellDroppedPaths, type DropWindow } from '../../../src-main/desktop/dropped-files.ts';

type OnDrop = Parameters<DropWindow['addEventListener']>[1];

function dropOn(event: Parameters<OnDrop>[0]) {
  let onDrop: OnDrop = () => {};
  const postMessage = vi.fn();
  const page: DropWindow = {
    location: { origin: 'app://diskpress' },
    addEventListener: (_type, listener) => (onDrop = listener),
    postMessage,
  };
  tellDroppedPaths(page, ({ name }) => (name.startsWith('made') ? '' : `/images/${name}`));
  onDrop(event);
  return postMessage.mock.calls;
}
const files = (...names: string[]) => ({ files: names.map((name) => new File([], name)) });

test('tells the paths of what a person drops, to the page alone', () => {
  expect(dropOn({ isTrusted: true, dataTransfer: files('a.img', 'b.vdi') })).toEqual([
    [{ type: 'diskpress:dropped', paths: ['/images/a.img', '/images/b.vdi'] }, 'app://diskpress'],
  ]);
});

test('tells nothing of files that a page made, nor of drops that no person did', () => {
  expect(dropOn({ isTrusted: true, dataTransfer: files('made-by-page.img') })).toEqual([]);
  expect(dropOn({ isTrusted: true, dataTransfer: null })).toEqual([]);
  expect(dropOn({ isTrusted: false, dataTransfer: files('a.img') })).toEqual([]);
});
