/**
 * A disk of a machine on another host, read through ssh: qemu-nbd serves it there, on a socket that one ssh brings here. Nothing of it outlives
 * the connection, whichever side ends it.
 */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { DiskFormat, PlaceView } from '../../contract/disk.contract.ts';
import { writeSshHost, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { openNbd } from '../../nbd/client.ts';
import { ownSocketPlace } from '../../nbd/socket-place.ts';
import { holdTool, runTool } from '../../tools/run-tool.ts';
import { inShell, sshArguments, sshEnvironment, sshFault } from './ssh.ts';

const DEADLINE_MS = 30_000;
/** What partition tables in images count in; what serves it does not tell. */
const SECTOR_BYTES = 512;

export interface RemoteDisk {
  readonly host: SshHost;
  /** absolute, there */
  readonly path: string;
  readonly isDevice: boolean;
  readonly format: DiskFormat;
  /** a machine has it open meanwhile: it is looked at all the same */
  readonly isInUse: boolean;
}

export interface OpenedRemoteDisk {
  readonly source: BlockSource;
  readonly place: PlaceView;
  /** @throws EngineError `SOURCE_CHANGED` where its file there is not what it was; `HOST_UNREACHABLE` and its like */
  refuseChanged(): Promise<void>;
}

/** Names of QEMU's drivers for the formats whose name is another one. */
const DRIVERS: Readonly<Partial<Record<DiskFormat, string>>> = { vhd: 'vpc' };

/** Where a disk of another host is, for people: 'ssh://root@lab/var/lib/libvirt/images/web.qcow2'. */
export const remotePath = ({ host, path }: Pick<RemoteDisk, 'host' | 'path'>) => `ssh://${writeSshHost(host)}${path}`;

/**
 * @throws EngineError `HOST_UNREACHABLE`, `HOST_KEY_UNKNOWN`, `HOST_KEY_CHANGED`, `HOST_LOGIN_REFUSED` (data: host); `HOST_TOOL_MISSING` (host, tool,
 *   package); `HOST_DISK_REFUSED` (host, path, said) where it cannot be served; `HOST_LOST` (host, path) where the connection ends in between
 */
export async function openRemoteDisk(disk: RemoteDisk, signal: AbortSignal): Promise<OpenedRemoteDisk> {
  const { host, path } = disk;
  const socket = await ownSocketPlace();
  const folder = `/tmp/diskpress-${randomUUID()}`;
  const args = sshArguments(host, [`-L${socket.listenPath}:${folder}/disk.sock`], serveScript(disk, folder));
  const options = { signal, env: sshEnvironment() };
  const server = await holdTool('ssh', args, options).catch(async (error) => {
    await socket.remove();
    throw faultOf(disk, error);
  });
  const end = async () => {
    await server.end();
    await socket.remove();
  };
  try {
    const source = await openNbd({ socketPath: socket.path }, { signal, sectorBytes: SECTOR_BYTES });
    const { lengthBytes, sectorBytes, physicalSectorBytes } = source;
    const shown = remotePath(disk);
    return {
      source: lossTold(source, disk, end),
      place: {
        kind: 'file',
        path: shown,
        model: basename(path),
        serial: '',
        lengthBytes,
        sectorBytes,
        physicalSectorBytes,
      },
      async refuseChanged() {
        if ((await stampOf(disk)) !== server.said.trim()) throw new EngineError('SOURCE_CHANGED', { path: shown });
      },
    };
  } catch (error) {
    await end();
    signal.throwIfAborted();
    throw lost(disk, error);
  }
}

/** Length, times and inode of a file there; of a device its numbers. */
const stampScript = (path: string) => `stat -L -c '%s %Y %Z %i %t:%T' -- ${inShell(path)}`;

async function stampOf(disk: RemoteDisk): Promise<string> {
  const { signal } = new AbortController();
  const options = { signal, env: sshEnvironment(), deadlineMs: DEADLINE_MS };
  const { stdout } = await runTool('ssh', sshArguments(disk.host, [], stampScript(disk.path)), options).catch(
    (error) => {
      throw faultOf(disk, error);
    },
  );
  return stdout.toString('utf8').trim();
}

/**
 * Serves the disk as long as there is somebody at the other end of its input, says what its file is when it does, and leaves nothing behind.
 * QEMU's own lock keeps a machine from being started over it, and keeps it from one that runs.
 */
function serveScript({ path, isDevice, format, isInUse }: RemoteDisk, folder: string): string {
  const image = [
    `driver=${DRIVERS[format] ?? format}`,
    ...(isInUse ? ['force-share=on'] : []),
    `file.driver=${isDevice ? 'host_device' : 'file'}`,
    `file.filename=${path.replaceAll(',', ',,')}`,
  ].join(',');
  return [
    'umask 077',
    `d=${folder}`,
    'command -v qemu-nbd > /dev/null || exit 127',
    'mkdir "$d" || exit 71',
    `trap 'kill "$(cat "$d/pid")" 2> /dev/null; rm -rf "$d"' EXIT`,
    'trap "exit 1" HUP INT TERM',
    // it comes back once the disk is open, and ends by itself when its only client has gone
    `qemu-nbd --fork --pid-file="$d/pid" --read-only --socket="$d/disk.sock" --image-opts ${inShell(image)} < /dev/null > /dev/null || exit 72`,
    `${stampScript(path)} || exit 73`,
    'cat > /dev/null',
  ].join('; ');
}

function faultOf(disk: RemoteDisk, error: unknown): unknown {
  const { code, data } = toEngineError(error);
  const host = writeSshHost(disk.host);
  if (code === 'TOOL_TIMED_OUT') return new EngineError('HOST_UNREACHABLE', { host, said: `ssh: ${data.seconds} s` });
  if (code !== 'TOOL_FAILED') return error;
  if (data.exitCode === 127)
    return new EngineError('HOST_TOOL_MISSING', { host, tool: 'qemu-nbd', package: 'qemu-utils' });
  const said = String(data.said);
  return sshFault(disk.host, said) ?? new EngineError('HOST_DISK_REFUSED', { host, path: disk.path, said });
}

function lost({ host, path }: RemoteDisk, error: unknown): unknown {
  const { code } = toEngineError(error);
  if (!['DISK_SERVER_LOST', 'DISK_SERVER_UNREACHABLE', 'DISK_SERVER_REFUSED'].includes(code)) return error;
  return new EngineError('HOST_LOST', { host: writeSshHost(host), path }, '', { cause: error });
}

/** The same disk, whose server is told by its host, and ended with it. */
function lossTold(source: BlockSource, disk: RemoteDisk, end: () => Promise<void>): BlockSource {
  const { lengthBytes, sectorBytes, physicalSectorBytes, dataRuns } = source;
  const told = (error: unknown) => {
    throw lost(disk, error);
  };
  return {
    lengthBytes,
    sectorBytes,
    physicalSectorBytes,
    readInto: (offsetBytes, into) => source.readInto(offsetBytes, into).catch(told),
    ...(dataRuns && {
      async *dataRuns(startBytes: number, length: number, signal: AbortSignal) {
        try {
          yield* dataRuns(startBytes, length, signal);
        } catch (error) {
          told(error);
        }
      },
    }),
    async close() {
      await source.close();
      await end();
    },
  };
}
