/** Versions that are served to other programs. Each is open, and keeps its packs, until it is closed. */
import { randomUUID } from 'node:crypto';
import type { NbdView } from '../contract/nbd.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { serveNbd } from '../nbd/server.ts';
import { namedSocketPlace, ownSocketPlace, uriOfSocket } from '../nbd/socket-place.ts';
import type { FoundDisk } from '../versions/found-disk.ts';
import { openStoredDisk } from '../versions/open-stored-disk.ts';
import type { StoredParts } from '../versions/stored-parts.ts';

/** Each holds a socket, and unpacked frames. */
const MAX_SERVED = 16;

export interface ServeOn {
  /** a name for its socket; one in a folder of its own where neither this nor a port is given */
  readonly socket?: string | undefined;
  /** of the loopback address; 0: any that is free */
  readonly port?: number | undefined;
}

interface Served {
  readonly view: NbdView;
  close(): Promise<void>;
}

export class NbdServers {
  readonly #served = new Map<string, Served>();

  /** Whether nothing is served. */
  get isIdle(): boolean {
    return this.#served.size === 0;
  }

  list(): NbdView[] {
    return [...this.#served.values()].map(({ view }) => view);
  }

  /** @throws EngineError those of {@link openStoredDisk}, {@link serveNbd} and of the socket's place; `BAD_REQUEST` where too many are served */
  async open(parts: StoredParts, found: FoundDisk, on: ServeOn): Promise<NbdView> {
    if (this.#served.size >= MAX_SERVED) throw new EngineError('BAD_REQUEST', { reason: `more than ${MAX_SERVED}` });
    const { template, version, number } = found;
    const name = version.disks.length > 1 ? `${template.name}-disk${number}` : template.name;
    const undo: (() => Promise<unknown>)[] = [];
    const close = async () => {
      while (undo.length > 0) await undo.pop()!();
    };
    try {
      const disk = await openStoredDisk(parts, found, true);
      undo.push(() => disk.close());
      const exported = { name, description: `${template.name}@${version.number}`, source: disk.source };
      const id = randomUUID();
      const about = { id, templateId: template.id, versionNumber: version.number, disk: number, name };
      let view: NbdView;
      if (on.port !== undefined) {
        const server = await serveNbd(exported, { port: on.port });
        undo.push(() => server.close());
        view = { ...about, uri: `nbd://127.0.0.1:${server.port}`, socket: null, port: server.port };
      } else {
        const place = await (on.socket === undefined ? ownSocketPlace() : namedSocketPlace(on.socket));
        undo.push(() => place.remove());
        const server = await serveNbd(exported, { socketPath: place.listenPath });
        undo.push(() => server.close());
        await place.open();
        view = { ...about, uri: uriOfSocket(place.path), socket: place.path, port: null };
      }
      this.#served.set(id, { view, close });
      return view;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** @throws EngineError `NOT_FOUND` */
  async close(id: string): Promise<void> {
    const served = this.#served.get(id);
    if (!served) throw new EngineError('NOT_FOUND', { path: id });
    this.#served.delete(id);
    await served.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#served.keys()].map((id) => this.close(id)));
  }
}
