/**
 * What a person set for the pages: `preferences.json` in the catalog's folder, a JSON object with `schemaVersion` 1 beside the fields
 * of the contract. What this version does not know of it stays as it is.
 */
import { dirname } from 'node:path';
import { z } from 'zod';
import { PreferencesSchema, type Preferences } from '../contract/preferences.contract.ts';
import { writeDurably } from '../core/durable.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { readNamedFile } from '../core/read-named-file.ts';

const MAX_BYTES = 256 * 1024;
const SCHEMA_VERSION = 1;
export const NO_PREFERENCES: Preferences = {
  theme: null,
  language: null,
  columns: null,
  dismissed: [],
  recentFolders: [],
  sound: false,
  notification: false,
};

/** A field that cannot be understood is as one that was not chosen. */
const FileSchema = z.looseObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  theme: PreferencesSchema.shape.theme.catch(null),
  language: PreferencesSchema.shape.language.catch(null),
  columns: PreferencesSchema.shape.columns.catch(null),
  dismissed: PreferencesSchema.shape.dismissed.catch([]),
  recentFolders: PreferencesSchema.shape.recentFolders.catch([]),
  sound: PreferencesSchema.shape.sound.catch(false),
  notification: PreferencesSchema.shape.notification.catch(false),
});

export interface PreferencesFile {
  readonly preferences: Preferences;
  /** everything that stands there, known or not */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * A file that is no JSON has none.
 * @returns null where there is no file
 * @throws EngineError `FORMAT_INVALID` for one of a later Diskpress or one that is too long, `BAD_REQUEST` for what
 *   is no regular file, `PERMISSION_DENIED`, `READ_FAILED`
 */
export async function readPreferences(path: string): Promise<PreferencesFile | null> {
  const bytes = await readNamedFile(path, MAX_BYTES).catch((error: unknown) => {
    if (toEngineError(error).code === 'NOT_FOUND') return null;
    throw error;
  });
  if (bytes === null) return null;
  const raw = objectIn(bytes.toString('utf8'));
  const version = raw['schemaVersion'];
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new EngineError('FORMAT_INVALID', { path, field: 'schemaVersion', value: version, max: SCHEMA_VERSION });
  }
  const { success, data } = FileSchema.safeParse(raw);
  if (!success) return { preferences: NO_PREFERENCES, raw: {} };
  return { preferences: PreferencesSchema.parse(data), raw };
}

/**
 * @param raw what stands there already, as it was read
 * @throws EngineError `WRITE_FAILED`, `DISK_FULL`, `PERMISSION_DENIED`
 */
export async function writePreferences(
  path: string,
  raw: PreferencesFile['raw'],
  changes: Partial<Preferences>,
): Promise<void> {
  const whole = { ...raw, schemaVersion: SCHEMA_VERSION, ...changes };
  await writeDurably(dirname(path), path, `${JSON.stringify(whole, null, 2)}\n`, { mark: 'tmp', mode: 0o600 });
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
