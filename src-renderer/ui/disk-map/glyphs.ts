/** The glyph of each family: it says without colour what the hue says. */
import { ArrowLeftRight, CircleQuestionMark, Grid2x2, Layers, Lock, Save, SquareTerminal } from '@lucide/vue';
import type { Component } from 'vue';
import type { Family } from './families.ts';

export const GLYPHS: Record<Family, Component> = {
  linux: SquareTerminal,
  windows: Grid2x2,
  fat: Save,
  swap: ArrowLeftRight,
  encrypted: Lock,
  lvm: Layers,
  unknown: CircleQuestionMark,
};
