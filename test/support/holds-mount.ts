/** A process that mounts a volume for itself and holds it until it is killed: node holds-mount.ts IMAGE OFFSET LENGTH KIND */
import { closeSync, openSync } from 'node:fs';
import { withLoopDevice } from '../../src-engine/tools/loop-device.ts';
import { withMountedDevice, type MountedKind } from '../../src-engine/tools/mounted-device.ts';

const [image, offset, length, kind] = process.argv.slice(2);
const descriptor = openSync(image, 'r+');
const place = { descriptor, offsetBytes: Number(offset), lengthBytes: Number(length) };
const { signal } = new AbortController();
await withLoopDevice(place, signal, (device) =>
  withMountedDevice(kind as MountedKind, device, signal, async () => {
    process.stdout.write('mounted\n');
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  }),
);
closeSync(descriptor);
