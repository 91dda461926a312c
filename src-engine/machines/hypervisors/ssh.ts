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
  if (/Permission denied \(|Too many authentication failures|no more authentication methods/i.test(said))
    return new EngineError('HOST_LOGIN_REFUSED', data);
  const [words] =
    /(?:Could not resolve hostname|connect to host|ssh: |Connection (?:closed|reset|refused|timed out)|kex_exchange_identification)[^\n]*/i.exec(
      said,
    ) ?? [];
  return words === undefined ? null : new EngineError('HOST_UNREACHABLE', { ...data, said: words.slice(0, 300) });
}

/**
 * What ssh is told. It has a connection of its own, which nobody shares, and notices within a minute that the other end is gone.
 * @param options further ones @param script for the shell there: what is put into it comes from {@link inShell}
 */
export function sshArguments({ user, host, port }: SshHost, options: readonly string[], script: string): string[] {
  const settings = {
    BatchMode: 'yes',
    ConnectTimeout: '15',
    ServerAliveInterval: '10',
    ServerAliveCountMax: '4',
    ExitOnForwardFailure: 'yes',
    ControlMaster: 'no',
    ControlPath: 'none',
    StreamLocalBindMask: '0177',
  };
  return [
    ...['-T', '-a', '-x', '-e', 'none'],
    ...Object.entries(settings).map(([name, value]) => `-o${name}=${value}`),
    ...(user === null ? [] : ['-l', user]),
    ...(port === null ? [] : ['-p', `${port}`]),
    ...options,
    '--',
    host,
    // whatever shell that person has there, this is for sh
    `exec sh -c ${inShell(script)}`,
  ];
}

/** One word of a shell, whatever is in it. */
export const inShell = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;
