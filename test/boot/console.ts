/** A disk image started in QEMU without acceleration and without a network beyond itself; the image stays as it is. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { PASSWORD } from './debian-disk.ts';

export interface Booted {
  /** what the commands printed, one string each */
  readonly answers: readonly string[];
  readonly secondsToPrompt: number;
}

const UEFI = ['-bios', '/usr/share/ovmf/OVMF.fd'];

function start(image: string, firmware: 'bios' | 'uefi'): ChildProcess {
  return spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '1024'],
      ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot', '-snapshot'],
      ...['-drive', `file=${image},format=raw,if=virtio`],
      ...['-nic', 'user,restrict=on,model=virtio-net-pci'],
      ...(firmware === 'uefi' ? UEFI : []),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
}

/**
 * Waits for the login prompt, logs in as root and runs commands one by one.
 * @throws Error with the end of what the console said, where no prompt came within `timeoutMs`
 */
export async function boot(
  image: string,
  firmware: 'bios' | 'uefi',
  commands: readonly string[],
  timeoutMs: number,
): Promise<Booted> {
  const machine = start(image, firmware);
  const startedMs = performance.now();
  let said = '';
  machine.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text));

  /** @returns what was said until then, which is forgotten */
  const until = async (sign: RegExp): Promise<string> => {
    for (;;) {
      const match = sign.exec(said);
      if (match) {
        const before = said.slice(0, match.index);
        said = said.slice(match.index + match[0].length);
        return before;
      }
      if (machine.exitCode !== null) throw new Error(`QEMU ended: ${said.slice(-2000)}`);
      if (performance.now() - startedMs > timeoutMs) throw new Error(`no ${sign} came: ${said.slice(-2000)}`);
      await sleep(100);
    }
  };
  const type = (line: string) => machine.stdin!.write(`${line}\n`);

  try {
    await until(/login: /);
    const secondsToPrompt = Math.round((performance.now() - startedMs) / 1000);
    type('root');
    await until(/[Pp]assword: /);
    type(PASSWORD);
    await until(/# /);
    const answers: string[] = [];
    for (const [i, command] of commands.entries()) {
      // what is typed is echoed: the sign that the command has ended must not stand in it
      type(`echo "beg""in-${i}"; ${command}; echo "e""nd-${i}"`);
      await until(new RegExp(`begin-${i}\\r?\\n`));
      answers.push((await until(new RegExp(`end-${i}\\r?\\n`))).replaceAll('\r', '').trim());
    }
    return { answers, secondsToPrompt };
  } finally {
    machine.kill('SIGKILL');
  }
}
