/** Block pulls of libvirt. Sources: virsh(1), blockpull and blockjob --raw; "Capabilities information", secmodel. */
import { toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, childrenNamed, parseXml, textOf } from '../../core/xml.ts';
import type { PullProgress, Streams } from './streams.port.ts';
import type { Virsh } from './virsh.ts';

export function libvirtStreams(ask: Virsh): Streams {
  const progress = async (id: string, disk: string, signal: AbortSignal): Promise<PullProgress | null> => {
    const said = await ask(signal, 'blockjob', '--domain', id, '--path', disk, '--raw');
    const numberOf = (name: string) => Number(new RegExp(`^ *${name}=(\\d+)$`, 'm').exec(said)?.[1] ?? NaN);
    const [doneBytes, totalBytes] = [numberOf('cur'), numberOf('end')];
    return Number.isSafeInteger(doneBytes) && Number.isSafeInteger(totalBytes) ? { doneBytes, totalBytes } : null;
  };
  return {
    progress,
    async user(signal) {
      const host = childNamed(
        parseXml(await ask(signal, 'capabilities'), 'libvirt capabilities', 'capabilities'),
        'host',
      );
      const models = host ? [...childrenNamed(host, 'secmodel')] : [];
      const owners = models.find((model) => textOf(model, 'model') === 'dac');
      const label = owners && [...childrenNamed(owners, 'baselabel')].find((one) => attribute(one, 'type') === 'qemu');
      // '+64055:+64055': numbers, whatever they are called
      const [, uid, gid] = /^\+(\d{1,9}):\+(\d{1,9})$/.exec(label?.textContent?.trim() ?? '') ?? [];
      return uid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
    },
    async pull(id, disk, signal) {
      const running = await progress(id, disk, signal);
      if (running) return running;
      await ask(signal, 'blockpull', '--domain', id, '--path', disk).catch((error) => {
        // somebody else has begun it meanwhile
        if (toEngineError(error).code !== 'TOOL_FAILED') throw error;
        return progress(id, disk, signal).then((other) => {
          if (!other) throw error;
        });
      });
      return progress(id, disk, signal);
    },
  };
}
