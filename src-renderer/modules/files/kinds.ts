/** The glyph of each kind of thing that has a name in a folder; its name is in the locales (`files.kind.KIND`). */
import { Cable, Cylinder, File, Folder, Link2, Plug, Waypoints } from '@lucide/vue';
import type { Component } from 'vue';
import type { FileKind } from '../../../src-engine/contract/index.ts';

export const KIND_ICONS: Record<FileKind, Component> = {
  folder: Folder,
  file: File,
  link: Link2,
  'block-device': Cylinder,
  'character-device': Plug,
  fifo: Waypoints,
  socket: Cable,
};
