/** Reads what is used of the volume that is named, and prints seconds, bytes and peak memory: a process of its own for each measurement. */
import { openFileSource } from '../../src-engine/formats/raw/file-source.ts';
import { recogniseFileSystem } from '../../src-engine/filesystems/recognise.ts';

const source = await openFileSource(process.argv[2]);
const began = performance.now();
const fileSystem = await recogniseFileSystem(source);
let usedBytes = 0;
for await (const batch of fileSystem!.used(new AbortController().signal)) {
  for (const { lengthBytes } of batch) usedBytes += lengthBytes;
}
const seconds = (performance.now() - began) / 1000;
await source.close();
const peakMegabytes = process.resourceUsage().maxRSS / 1000;
console.log(
  JSON.stringify({ kind: fileSystem!.kind, captureAs: fileSystem!.captureAs, seconds, usedBytes, peakMegabytes }),
);
