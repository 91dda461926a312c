/** A VHDX file as it will be once its log was replayed: [MS-VHDX] 2.3.3. The file itself is never written to. */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { checkInFile, truncated } from '../truncated.ts';
import type { VhdxHeader } from './header.ts';
import { activeSequence, type LogEntry } from './log-entries.ts';
import { MIB, NO_GUID } from './struct.ts';

/** Hyper-V's logs have 1 MiB. */
const LOG_BYTES_MAX = 64 * MIB;
const PAGE_BYTES = 4096;
/** Runs of zeros are gone through with every read; a log has a handful. */
const ZERO_RUNS_MAX = 4096;

/**
 * @returns `file` itself where the log is empty
 * @throws EngineError `FORMAT_INVALID` for a log that is damaged, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`
 */
export async function replayedFile(file: BlockSource, header: VhdxHeader): Promise<BlockSource> {
  if (header.logGuid === NO_GUID) return file;
  if (header.logVersion !== 0) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHDX log version ${header.logVersion}` });
  }
  const offset = checkRange('LogOffset', Number(header.logOffset), MIB, Number.MAX_SAFE_INTEGER);
  checkRange('LogLength', header.logLength, MIB, LOG_BYTES_MAX);
  if (header.logLength % MIB !== 0)
    throw new EngineError('FORMAT_INVALID', { field: 'LogLength', value: String(header.logLength) });
  checkInFile('LogOffset', file, offset, header.logLength);
  const log = await readBytes(file, offset, header.logLength);
  const entries = activeSequence(log, header.logGuid);
  const { flushedFileBytes } = entries.at(-1)!;
  if (flushedFileBytes > file.lengthBytes) throw truncated(file, flushedFileBytes);
  return overlay(file, entries);
}

function overlay(file: BlockSource, entries: readonly LogEntry[]): BlockSource {
  const pages = new Map<number, Buffer>();
  const zeros: Extent[] = [];
  for (const change of entries.flatMap((entry) => entry.changes)) {
    if (change.kind === 'page') {
      pages.set(change.offsetBytes, change.bytes);
      continue;
    }
    const { offsetBytes, lengthBytes } = change;
    checkRange('zero descriptors', zeros.push({ startBytes: offsetBytes, lengthBytes }), 1, ZERO_RUNS_MAX);
    // pages lie over zeros, so those from before must go
    for (const at of pages.keys()) if (at >= offsetBytes && at < offsetBytes + lengthBytes) pages.delete(at);
  }
  const lengthBytes = Math.max(file.lengthBytes, entries.at(-1)!.lastFileBytes);

  return {
    lengthBytes,
    sectorBytes: file.sectorBytes,
    physicalSectorBytes: file.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      const endBytes = offsetBytes + into.length;
      const stored = Math.max(0, Math.min(endBytes, file.lengthBytes) - offsetBytes);
      if (stored > 0) await file.readInto(offsetBytes, into.subarray(0, stored));
      into.fill(0, stored);
      for (const run of zeros) {
        const from = Math.max(offsetBytes, run.startBytes);
        const to = Math.min(endBytes, run.startBytes + run.lengthBytes);
        if (from < to) into.fill(0, from - offsetBytes, to - offsetBytes);
      }
      for (let at = offsetBytes - (offsetBytes % PAGE_BYTES); at < endBytes; at += PAGE_BYTES) {
        const page = pages.get(at);
        if (!page) continue;
        const from = Math.max(at, offsetBytes);
        into.set(page.subarray(from - at, Math.min(PAGE_BYTES, endBytes - at)), from - offsetBytes);
      }
    },
    close: () => file.close(),
  };
}
