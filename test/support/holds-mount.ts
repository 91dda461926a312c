/** A process that mounts a volume for itself and holds it until it is killed: node holds-mount.ts IMAGE OFFSET LENGTH KIND */
import { closeSync, openSync } from 'node:fs';
import { withMounted } from '../../src-engine/writers/mounted/mounted-volume.ts';

const [image, offset, length, kind] = process.argv.slice(2);
const descriptor = openSync(image, 'r+');
const place = { descriptor, offsetBytes: Number(offset), lengthBytes: Number(length), isDevice: false };
await withMounted(kind, place, new AbortController().signal, async () => {
  process.stdout.write('mounted\n');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
closeSync(descriptor);
