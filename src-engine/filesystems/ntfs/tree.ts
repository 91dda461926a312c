/** The files of NTFS. */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { FileContent, FileNode, FileTree } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { namesOf } from './folder-index.ts';
import type { IndexKey } from './index-nodes.ts';
import { interixTarget } from './interix.ts';
import { shownWideName } from '../names.ts';
import { compareNames, namesOfText, readUpCase, type UpCase } from './names.ts';
import { FILE_ATTRIBUTE, fileOf, nodeOf, type NtfsFile } from './nodes.ts';
import { readFileRecord, RECORD, type FileReference, type MftRecord, type NtfsVolume } from './records.ts';
import { linkTarget, readReparsePoint, refuseForeignContent } from './reparse-points.ts';
import { decodeRuns } from './runs.ts';
import { allAttributes, openAttribute } from './streams.ts';

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function openNtfs(ntfs: NtfsVolume): Promise<FileTree> {
  const recordOf = (node: FileNode) => readFileRecord(ntfs, referenceOf(node));
  let upCase: UpCase | null = null;

  return {
    root: await nodeAt(ntfs, { record: RECORD.ROOT, sequence: 0 }),
    async *list(folder, signal) {
      for await (const names of namesOf(ntfs, await recordOf(folder))) {
        signal.throwIfAborted();
        yield Promise.all(
          names.map(async (key) => ({ name: shownWideName(key.name), node: await nodeNamed(ntfs, key) })),
        );
      }
    },
    async find(folder, name) {
      const table = (upCase ??= await readUpCase(ntfs));
      const record = await recordOf(folder);
      for (const candidate of namesOfText(name)) {
        const found = await findName(ntfs, record, candidate, table);
        if (found) return nodeNamed(ntfs, found);
      }
      return null;
    },
    readLink: async (link) => targetOf(ntfs, await fileOf(ntfs, await recordOf(link))),
    open: async (file) => openFile(ntfs, await fileOf(ntfs, await recordOf(file))),
    async *extents(node, signal) {
      for await (const attributes of allAttributes(ntfs, await recordOf(node))) {
        for (const attribute of attributes) {
          signal.throwIfAborted();
          if (attribute.value === null) yield placesOf(ntfs, decodeRuns(attribute, ntfs.geometry.clusterCount));
        }
      }
    },
  };
}

/** See {@link nodeNamed} for references with a sequence. */
function referenceOf(node: FileNode): FileReference {
  const [record, sequence = 0] = node.id.split(':').map(Number);
  return { record, sequence };
}

async function nodeAt(ntfs: NtfsVolume, reference: FileReference): Promise<FileNode> {
  return nodeOf(ntfs, await fileOf(ntfs, await readFileRecord(ntfs, reference)));
}

/** A record that is damaged, or another file's by now, does not hide its folder: it has a name, and whoever opens it is told. */
async function nodeNamed(ntfs: NtfsVolume, { reference, isFolder }: IndexKey): Promise<FileNode> {
  try {
    return await nodeAt(ntfs, reference);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
    const unknown = { lengthBytes: 0, modifiedMs: null, mode: null, ownerId: null, groupId: null, linkCount: 1 };
    return { id: `${reference.record}:${reference.sequence}`, kind: isFolder ? 'folder' : 'file', ...unknown };
  }
}

/** The name as it is goes before those that differ in case: names of the POSIX kind may differ in nothing else. */
async function findName(ntfs: NtfsVolume, folder: MftRecord, name: string, upCase: UpCase): Promise<IndexKey | null> {
  let alike: IndexKey | null = null;
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
