/** Other machines, reached by ssh as a person has set it up: with keys alone, and nobody is asked anything. */
import type { SshHost } from '../../contract/vm-place.ts';
import { writeSshHost } from '../../contract/vm-place.ts';
import { EngineError } from '../../core/engine-error.ts';

/** An agent has the keys of most people. */
export function sshEnvironment(): Record<string, string> {
  const agent = process.env.SSH_AUTH_SOCK;
  return agent ? { SSH_AUTH_SOCK: agent } : {};
}

/** Of libvirt's daemon there. Without a terminal its ssh asks for no password; whether the host is known is checked as ever. */
export function libvirtAddress(host: SshHost): string {
  return `qemu+ssh://${writeSshHost(host)}/system?no_tty=1`;
}

/**
 * What ssh's own last words mean. It is run in English.
 * @returns null for words of something behind it
 */
export function sshFault(host: SshHost, said: string): EngineError | null {
  const data = { host: writeSshHost(host) };
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|Offending \S+ key in/i.test(said))
    return new EngineError('HOST_KEY_CHANGED', data);
  if (/Host key verification failed|No \S+ host key is known/i.test(said))
    return new EngineError('HOST_KEY_UNKNOWN', data);
  if (/Permission denied|Too many authentication failures|no more authentication methods/i.test(said))
    return new EngineError('HOST_LOGIN_REFUSED', data);
  const [words] =
    /(?:Could not resolve hostname|connect to host|ssh: |Connection (?:closed|reset|refused|timed out)|kex_exchange_identification)[^\n]*/i.exec(
      said,
    ) ?? [];
  return words === undefined ? null : new EngineError('HOST_UNREACHABLE', { ...data, said: words.slice(0, 300) });
}
