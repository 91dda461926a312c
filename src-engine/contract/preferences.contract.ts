/** How a person wants the pages to be: kept with the catalog, so that it is the same at every address and in every window. */
import { z } from 'zod';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const MAX_COLUMNS = 100;
const MAX_NOTICES = 200;
const word = z.string().min(1).max(100);
const columns = z.array(word).max(MAX_COLUMNS);

export const PreferencesSchema = z.object({
  /** null, here and below: nothing was chosen */
  theme: z.enum(THEMES).nullable(),
  language: z.enum(['en', 'fr']).nullable(),
  /** of the catalog's table: all in their order, and those that are left out; a later Diskpress may have others */
  columns: z.object({ order: columns, hidden: columns }).nullable(),
  /** folders of this machine that something was chosen from, the last first */
  recentFolders: z.array(z.string().min(1).max(4096)).max(20),
  /** notices that were put away */
  dismissed: z.array(word).max(MAX_NOTICES),
  /** at the end of a long job */
  sound: z.boolean(),
  notification: z.boolean(),
});
export type Preferences = z.infer<typeof PreferencesSchema>;

export const NO_PREFERENCES: Preferences = {
  theme: null,
  language: null,
  columns: null,
  recentFolders: [],
  dismissed: [],
  sound: false,
  notification: false,
};

export const PreferencesViewSchema = PreferencesSchema.extend({
  /** false: something that was chosen could not be written, and holds until the engine ends */
  isKept: z.boolean(),
});
export type PreferencesView = z.infer<typeof PreferencesViewSchema>;

/** What is left out stays. */
export const PreferencesChangeSchema = z.strictObject({
  theme: PreferencesSchema.shape.theme.optional(),
  language: PreferencesSchema.shape.language.optional(),
  columns: PreferencesSchema.shape.columns.optional(),
  sound: PreferencesSchema.shape.sound.optional(),
  notification: PreferencesSchema.shape.notification.optional(),
  /** the one that something was chosen from just now */
  recentFolder: z.string().min(1).max(4096).optional(),
  /** one more */
  dismiss: word.optional(),
});
export type PreferencesChange = z.infer<typeof PreferencesChangeSchema>;
