/** A piece of a file of a template. */
import type { CheckedParams, CommandResult } from '../contract/commands.ts';
import { EngineError } from '../core/engine-error.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import { findPath } from './find-path.ts';

/** @throws EngineError `NOT_FOUND`; `BAD_REQUEST` for what has no content; `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED` */
export async function readFile(
  tree: FileTree,
  request: CheckedParams<'files.read'>,
): Promise<CommandResult<'files.read'>> {
  const { node } = await findPath(tree, request.path, true);
  if (node.kind !== 'file') throw new EngineError('BAD_REQUEST', { field: 'path', reason: node.kind });
  const content = await tree.open(node);
  const start = Math.min(request.offsetBytes, content.lengthBytes);
  const bytes = Buffer.alloc(Math.min(request.maxBytes, content.lengthBytes - start));
  await content.readInto(start, bytes);
  return { lengthBytes: content.lengthBytes, base64: bytes.toString('base64') };
}
