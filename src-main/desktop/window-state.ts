/** Where the window was when it was closed, so that it opens there again. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Rectangle } from 'electron';
import { z } from 'zod';

/** The design works from here up. */
export const MIN_SIZE = { width: 960, height: 600 };
const FIRST_SIZE = { width: 1280, height: 800 };
/** At least this much of the title bar must be on a screen, to be caught with the mouse. */
const VISIBLE = { width: 120, height: 40 };

const WindowStateSchema = z.object({
  x: z.number().int(),
  y: z.number().int(),
  width: z.number().int(),
  height: z.number().int(),
  isMaximized: z.boolean(),
});
export type WindowState = z.infer<typeof WindowStateSchema>;

/** @returns null where there is none, or none that can be read */
export function readWindowState(path: string): WindowState | null {
  try {
    return WindowStateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Written at once: the process ends soon after. A place that cannot be kept is no reason to keep somebody from leaving. */
export function writeWindowState(path: string, state: WindowState): void {
  try {
    writeFileSync(path, JSON.stringify(state));
  } catch {
    // the next start opens at the usual place
  }
}

/**
 * The place for a window.
 * @param workAreas of the screens that are there now
 * @returns the place it was at, or a size alone where that is off every screen
 */
export function placeWindow(
  state: WindowState | null,
  workAreas: readonly Rectangle[],
): Partial<Rectangle> & { width: number; height: number } {
  if (!state) return FIRST_SIZE;
  const width = Math.max(state.width, MIN_SIZE.width);
  const height = Math.max(state.height, MIN_SIZE.height);
  const canBeCaught = workAreas.some((area) => {
    const visibleWidth = Math.min(state.x + width, area.x + area.width) - Math.max(state.x, area.x);
    const visibleHeight = Math.min(state.y + VISIBLE.height, area.y + area.height) - Math.max(state.y, area.y);
    return visibleWidth >= VISIBLE.width && visibleHeight >= VISIBLE.height;
  });
  return canBeCaught ? { x: state.x, y: state.y, width, height } : { width, height };
}
