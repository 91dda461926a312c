/** Writes an OVA: a tar of the descriptor, each disk as a streamOptimized VMDK, and their checksums. DMTF DSP0243 1.1.0, 5 and 6. */
import { createHash } from 'node:crypto';
import { TAR_END_BYTES, tarHeader, tarPadded } from '../../archive/tar.ts';
import { EngineError } from '../../core/engine-error.ts';
import { descriptorText, type DescribedDiskFile, type DescribedMachine } from '../../formats/ova/descriptor-text.ts';
import type { ImageOptions, ImageWriter, OutputFile } from '../../formats/image-writer.port.ts';
import { createVmdkStream } from '../../formats/vmdk/stream-writer.ts';
import { safeName } from '../../browsing/safe-name.ts';
import type { RecordedConfiguration } from '../../contract/template.contract.ts';

const HEADER_BYTES = 512;
/** The descriptor comes first and is written last; blanks behind it fill its place. */
const DESCRIPTOR_BYTES = 128 * 1024;
const FIRST_DISK_AT = HEADER_BYTES + DESCRIPTOR_BYTES;
/** Names of members fit into a plain header, with endings. */
const MAX_NAME_BYTES = 80;

export interface OvaWriter {
  /** Begins the next disk: the one before it is finished. The archive's file is the output of all of them. */
  createDisk(lengthBytes: number, options: ImageOptions): Promise<ImageWriter>;
  /** Writes what tells of the disks, syncs and closes the file. */
  finish(): Promise<void>;
}

/** @param templateName what the machine is called */
export function createOva(file: OutputFile, templateName: string, configuration: RecordedConfiguration): OvaWriter {
  const name = memberName(templateName);
  const disks: DiskInOva[] = [];
  let nextAt = FIRST_DISK_AT;
  return {
    async createDisk(wantedBytes, options) {
      const headerAt = nextAt;
      const part = new Part(file, headerAt + HEADER_BYTES);
      const image = await createVmdkStream(part, wantedBytes, options);
      return {
        lengthBytes: image.lengthBytes,
        write: (offsetBytes, bytes) => image.write(offsetBytes, bytes),
        async finish() {
          await image.finish();
          const diskFile = `${name}-disk${disks.length + 1}.vmdk`;
          const { lengthBytes: fileBytes } = part;
          disks.push({ diskFile, fileBytes, capacityBytes: image.lengthBytes, headerAt, sha256: part.sha256() });
          nextAt = headerAt + HEADER_BYTES + tarPadded(fileBytes);
        },
        abort: () => image.abort(),
      };
    },
    async finish() {
      const [first, ...others] = disks;
      await writeRest(file, name, { name: templateName, configuration, ...first, others }, disks, nextAt);
    },
  };
}

interface DiskInOva extends DescribedDiskFile {
  readonly headerAt: number;
  readonly sha256: string;
}

/** @param sumsAt behind the last disk */
async function writeRest(
  file: OutputFile,
  name: string,
  described: DescribedMachine,
  disks: readonly DiskInOva[],
  sumsAt: number,
): Promise<void> {
  const now = new Date();
  const descriptor = Buffer.alloc(DESCRIPTOR_BYTES, '\n');
  const text = Buffer.from(descriptorText(described));
  if (text.length > DESCRIPTOR_BYTES) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'OVF over 128 KiB' });
  descriptor.set(text);
  await file.write(0, tarHeader(`${name}.ovf`, descriptor.length, now));
  await file.write(HEADER_BYTES, descriptor);
  for (const { headerAt, diskFile, fileBytes } of disks) {
    await file.write(headerAt, tarHeader(diskFile, fileBytes, now));
  }
  const lines = [
    `SHA256(${name}.ovf)= ${createHash('sha256').update(descriptor).digest('hex')}\n`,
    ...disks.map(({ diskFile, sha256 }) => `SHA256(${diskFile})= ${sha256}\n`),
  ];
  const sums = Buffer.from(lines.join(''));
  await file.write(sumsAt, tarHeader(`${name}.mf`, sums.length, now));
  await file.write(sumsAt + HEADER_BYTES, sums);
  await file.setLength(sumsAt + HEADER_BYTES + tarPadded(sums.length) + TAR_END_BYTES);
  await file.sync();
  await file.close();
}

/** The descriptor names its files as URLs: only what means itself there. */
function memberName(name: string): string {
  let safe = safeName(name, true).replace(/[^\p{L}\p{N}._-]/gu, '_');
  while (Buffer.byteLength(safe) > MAX_NAME_BYTES) safe = safe.slice(0, -1);
  return safe;
}

/** The disk's place in the archive, hashed on its way: it is written from front to back. */
class Part implements OutputFile {
  readonly #file: OutputFile;
  readonly #startBytes: number;
  readonly #hash = createHash('sha256');
  #lengthBytes = 0;

  constructor(file: OutputFile, startBytes: number) {
    this.#file = file;
    this.#startBytes = startBytes;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    if (offsetBytes !== this.#lengthBytes) throw new RangeError('a stream is written in order');
    this.#hash.update(bytes);
    this.#lengthBytes += bytes.length;
    await this.#file.write(this.#startBytes + offsetBytes, bytes);
  }

  async setLength(): Promise<void> {
    throw new RangeError('a stream has the length of what was written');
  }

  // the archive is whole only later
  async sync(): Promise<void> {}
  async close(): Promise<void> {}
  discard(): Promise<void> {
    return this.#file.discard();
  }
}
