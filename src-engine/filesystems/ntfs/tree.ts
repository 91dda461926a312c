/** The files of NTFS. */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { FileContent, FileNode, FileTree } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { namesOf, type FolderName } from './folder-index.ts';
import { interixTarget } from './interix.ts';
import { compareNames, namesOfText, nameText, readUpCase, type UpCase } from './names.ts';
import { FILE_ATTRIBUTE, fileOf, nodeOf, type NtfsFile } from './nodes.ts';
import { readFileRecord, readRecord, RECORD, type FileReference, type MftRecord, type NtfsVolume } from './records.ts';
import { linkTarget, readReparsePoint, refuseForeignContent } from './reparse-points.ts';
import { decodeRuns } from './runs.ts';
import { allAttributes, openAttribute } from './streams.ts';

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function openNtfs(ntfs: NtfsVolume): Promise<FileTree> {
  const recordOf = (node: FileNode) => readFileRecord(ntfs, { record: Number(node.id), sequence: 0 });
  const nodeAt = async (reference: FileReference) =>
    nodeOf(ntfs, await fileOf(ntfs, await readFileRecord(ntfs, reference)));
  let upCase: Promise<UpCase> | null = null;

  return {
    root: await nodeAt({ record: RECORD.ROOT, sequence: 0 }),
    async *list(folder, signal) {
      for await (const names of namesOf(ntfs, await recordOf(folder))) {
        signal.throwIfAborted();
        const nodes = await Promise.all(names.map(({ reference }) => nodeAt(reference)));
        yield nodes.map((node, i) => ({ name: nameText(names[i].name), node }));
      }
    },
    async find(folder, name) {
      upCase ??= readUpCase(ntfs);
      const record = await recordOf(folder);
      for (const candidate of namesOfText(name)) {
        const found = await findName(ntfs, record, candidate, await upCase);
        if (found) return nodeAt(found.reference);
      }
      return null;
    },
    readLink: async (link) => targetOf(ntfs, await fileOf(ntfs, await recordOf(link))),
    open: async (file) => openFile(ntfs, await fileOf(ntfs, await recordOf(file))),
    async *extents(node, signal) {
      for await (const attributes of allAttributes(ntfs, await readRecord(ntfs, Number(node.id)))) {
        for (const attribute of attributes) {
          signal.throwIfAborted();
          if (attribute.value === null) yield placesOf(ntfs, decodeRuns(attribute, ntfs.geometry.clusterCount));
        }
      }
    },
  };
}

/** The name as it is goes before those that differ in case: names of the POSIX kind may differ in nothing else. */
async function findName(ntfs: NtfsVolume, folder: MftRecord, name: string, upCase: UpCase): Promise<FolderName | null> {
  let alike: FolderName | null = null;
  for await (const names of namesOf(ntfs, folder, (other) => compareNames(upCase, other, name))) {
    const same = names.find((found) => found.name === name);
    if (same) return same;
    alike ??= names[0];
  }
  return alike;
}

async function targetOf(ntfs: NtfsVolume, { record, attributes, kind }: NtfsFile): Promise<string> {
  if (kind !== 'link') throw new EngineError('FORMAT_INVALID', { field: 'link', value: kind });
  if (attributes & FILE_ATTRIBUTE.REPARSE_POINT) return linkTarget(await readReparsePoint(ntfs, record));
  return interixTarget(contentOf(ntfs, await openAttribute(ntfs, record, ATTRIBUTE.DATA)));
}

async function openFile(ntfs: NtfsVolume, { record, attributes }: NtfsFile): Promise<FileContent> {
  if (attributes & FILE_ATTRIBUTE.REPARSE_POINT) refuseForeignContent(await readReparsePoint(ntfs, record));
  return contentOf(ntfs, await openAttribute(ntfs, record, ATTRIBUTE.DATA));
}

function placesOf({ geometry }: NtfsVolume, runs: ReturnType<typeof decodeRuns>): Extent[] {
  const { clusterBytes } = geometry;
  return runs.flatMap(({ lcn, count }) =>
    lcn === null ? [] : [{ startBytes: lcn * clusterBytes, lengthBytes: count * clusterBytes }],
  );
}
