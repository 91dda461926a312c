/** Small files that a face writes for a person: a report, a profile. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { CommandError } from '../contract/client.ts';
import { EngineError, ioError } from '../core/engine-error.ts';
import { resolveOwnLinks } from '../core/held-folder.ts';
import { PartialOutput } from '../core/partial-output.ts';

/**
 * The whole file or none of it.
 * @throws CommandError `OVERWRITE_REQUIRED` where there is one and it may not be overwritten; `DESTINATION_EXISTS` for a folder;
 *   `LINK_NOT_FOLLOWED`, `NOT_FOUND`, `PERMISSION_DENIED`, `DISK_FULL`, `WRITE_FAILED`
 */
export async function saveWholeFile(path: string, bytes: string | Uint8Array, overwrite: boolean): Promise<void> {
  await save(path, bytes, overwrite).catch((error) => {
    throw new CommandError(ioError(error, 'WRITE_FAILED', { path }).toView());
  });
}

async function save(path: string, bytes: string | Uint8Array, overwrite: boolean): Promise<void> {
  const full = await resolveOwnLinks(path);
  const stats = await stat(full).catch(() => null);
  if (stats?.isDirectory()) throw new EngineError('DESTINATION_EXISTS', { path: full });
  if (stats && !overwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: full });
  // a pipe or a terminal is no place that could be replaced
  if (stats && !stats.isFile()) throw new EngineError('BAD_REQUEST', { path: full, reason: 'not a file' });
  const output = await PartialOutput.begin(full, randomUUID());
  try {
    const file = await output.create();
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await output.publish(overwrite);
  } finally {
    await output.end();
  }
}
