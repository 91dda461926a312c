/** Scripts that the guest runs once, at its first start: each with its log, in their order, whatever becomes of the others. */
import type { GuestSettings } from '../../contract/deploy.contract.ts';
import { ROOT, type GuestDraft } from './draft.ts';
import { addService } from './services.ts';
import type { Traits } from './traits.ts';

const FOLDER = '/etc/diskpress/first-boot';
const NAME = 'diskpress-first-boot';

export interface FirstBootScript {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @returns what was asked for, as it is written into the guest */
export const scriptsOf = ({ firstBoot }: GuestSettings): FirstBootScript[] =>
  firstBoot.map(({ name, base64 }) => ({ name, bytes: Buffer.from(base64, 'base64') }));

/**
 * Scripts lie below /etc, which is on the root's file system and may run programs: /var and /usr may be volumes that may not.
 * @throws CannotChange
 */
export async function addFirstBoot(
  draft: GuestDraft,
  traits: Traits,
  scripts: readonly FirstBootScript[],
): Promise<void> {
  await draft.folder('first-boot', FOLDER, 0o700, ROOT);
  await draft.write('first-boot', `${FOLDER}/run`, RUNNER, { mode: 0o700 });
  await draft.write('first-boot', `${FOLDER}/pending`, '', { mode: 0o600 });
  for (const [i, { name, bytes }] of scripts.entries()) {
    const path = `${FOLDER}/scripts/${String(i + 1).padStart(2, '0')}-${name}`;
    await draft.writeBytes('first-boot', path, bytes, {
      mode: 0o700,
      owner: ROOT,
      isSecret: true,
    });
  }
  await addService(draft, 'first-boot', traits, {
    name: NAME,
    description: 'Scripts of the first start',
    command: `/bin/sh ${FOLDER}/run`,
    onlyIf: [`${FOLDER}/pending`],
    isEarly: false,
    before: [],
  });
  for (const { name, bytes } of scripts) {
    const head = Buffer.from(bytes.subarray(0, 128)).toString('latin1');
    const data = { script: name, path: `/var/log/diskpress-${name}.log` };
    if (/^#![^\n]*\r\n/.test(head)) draft.cannot('first-boot', 'first-boot-line-ends', data);
    else draft.can('first-boot', `first-boot-${traits.init}`, data);
  }
}

/**
 * A script is moved away before it is started: what restarts the machine, or is cut off, is not run again. The result of all is a failure
 * where one failed, so that the system shows it. It takes itself out at the end.
 */
const RUNNER = `#!/bin/sh
# Runs each script of this folder once, in the order of their names. Their output is in /var/log/diskpress-NAME.log.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 077
folder=${FOLDER}
[ -e "$folder/pending" ] || exit 0
mkdir -p "$folder/ran" /var/log || exit 1
failed=0
for script in "$folder"/scripts/*; do
  [ -f "$script" ] || continue
  file=\${script##*/}
  name=\${file#*-}
  log=/var/log/diskpress-$name.log
  if ! mv "$script" "$folder/ran/$file"; then
    echo "diskpress: $name is not run: $folder cannot be written" >&2
    exit 1
  fi
  chmod 700 "$folder/ran/$file"
  echo "started $(date)" >>"$log"
  (cd / && umask 022 && exec "$folder/ran/$file") </dev/null >>"$log" 2>&1
  code=$?
  echo "ended $(date), exit code $code" >>"$log"
  if [ "$code" -ne 0 ]; then
    echo "diskpress: $name failed with exit code $code, see $log" >&2
    failed=1
  fi
done
rm -f "$folder/pending"
rm -f /etc/systemd/system/multi-user.target.wants/${NAME}.service /etc/runlevels/default/${NAME}
for level in 2 3 4 5; do
  rm -f /etc/rc$level.d/S99${NAME} /etc/rc.d/rc$level.d/S99${NAME}
done
exit $failed
`;
