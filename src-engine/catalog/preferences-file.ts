/**
 * What a person set for the pages: `preferences.json` in the catalog's folder, a JSON object with `schemaVersion` 1 beside the fields
 * of the contract. What this version does not know of it stays as it is.
 */
import { dirname } from 'node:path';
import { z } from 'zod';
import { NO_PREFERENCES, PreferencesSchema, type Preferences } from '../contract/preferences.contract.ts';
import { writeDurably } from '../core/durable.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { readNamedFile } from '../core/read-named-file.ts';

const MAX_BYTES = 256 * 1024;
const SCHEMA_VERSION = 1;

/** A field that cannot be understood is as one that was not chosen. */
const { shape } = PreferencesSchema;
const FieldsSchema = z.object({
  theme: shape.theme.catch(NO_PREFERENCES.theme),
  language: shape.language.catch(NO_PREFERENCES.language),
  columns: shape.columns.catch(NO_PREFERENCES.columns),
  recentFolders: shape.recentFolders.catch(NO_PREFERENCES.recentFolders),
  dismissed: shape.dismissed.catch(NO_PREFERENCES.dismissed),
  sound: shape.sound.catch(NO_PREFERENCES.sound),
  notification: shape.notification.catch(NO_PREFERENCES.notification),
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
  if (version !== SCHEMA_VERSION) return { preferences: NO_PREFERENCES, raw: {} };
  return { preferences: FieldsSchema.parse(raw), raw };
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
