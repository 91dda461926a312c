/** Hosts whose machines are listed beside those of this one: a list of addresses in a file of the catalog, to be changed by hand as well. */
import { dirname } from 'node:path';
import { z } from 'zod';
import { parseSshHost, writeSshHost } from '../../contract/vm-place.ts';
import { writeDurably } from '../../core/durable.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { readNamedFile } from '../../core/read-named-file.ts';
import { checkedHost } from './hypervisors.ts';

const MAX_BYTES = 64 * 1024;
const MAX_HOSTS = 100;
const HostsSchema = z.array(z.string()).max(MAX_HOSTS);

/**
 * In natural order. A file that is not there has none.
 * @throws EngineError `FORMAT_INVALID` for a file that is no list of hosts; `PERMISSION_DENIED`, `READ_FAILED`
 */
export async function listHosts(path: string): Promise<string[]> {
  const bytes = await readNamedFile(path, MAX_BYTES).catch((error: unknown) => {
    if (toEngineError(error).code === 'NOT_FOUND') return null;
    throw error;
  });
  if (bytes === null) return [];
  const parsed = HostsSchema.safeParse(jsonOrNull(bytes.toString('utf8')));
  if (!parsed.success) throw new EngineError('FORMAT_INVALID', { path, field: 'hosts', value: 'JSON' });
  const wrong = parsed.data.find((address) => 'fault' in parseSshHost(address));
  if (wrong !== undefined) throw new EngineError('FORMAT_INVALID', { path, field: 'host', value: wrong.slice(0, 200) });
  return [...new Set(parsed.data)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** One more; one that is there already stays. @throws EngineError `HOST_ADDRESS_INVALID`; as {@link listHosts} */
export async function saveHost(path: string, address: string): Promise<string[]> {
  const host = writeSshHost(checkedHost(address));
  const hosts = await listHosts(path);
  if (!hosts.includes(host)) await write(path, [...hosts, host]);
  return listHosts(path);
}

/** @throws EngineError `NOT_FOUND`; as {@link listHosts} */
export async function deleteHost(path: string, address: string): Promise<string[]> {
  const hosts = await listHosts(path);
  if (!hosts.includes(address)) throw new EngineError('NOT_FOUND', { path: address });
  await write(
    path,
    hosts.filter((host) => host !== address),
  );
  return listHosts(path);
}

async function write(path: string, hosts: readonly string[]): Promise<void> {
  if (hosts.length > MAX_HOSTS) throw new EngineError('BAD_REQUEST', { path, reason: `more than ${MAX_HOSTS} hosts` });
  await writeDurably(dirname(path), path, `${JSON.stringify(hosts, null, 2)}\n`, { mark: 'tmp', mode: 0o600 });
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
