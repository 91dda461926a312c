/** Where this machine has UEFI for virtual machines. */
import { constants } from 'node:fs';
import { access, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../core/engine-error.ts';
import type { FirmwareFiles } from './arguments.ts';

/** Code and variables, without and with secure boot (and Microsoft's keys). Debian's ovmf, Fedora's and Arch's edk2-ovmf. */
const PLACES: readonly { folder: string; plain: readonly [string, string]; secure: readonly [string, string] }[] = [
  {
    folder: '/usr/share/OVMF',
    plain: ['OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'],
    secure: ['OVMF_CODE_4M.ms.fd', 'OVMF_VARS_4M.ms.fd'],
  },
  {
    folder: '/usr/share/OVMF',
    plain: ['OVMF_CODE.fd', 'OVMF_VARS.fd'],
    secure: ['OVMF_CODE.secboot.fd', 'OVMF_VARS.ms.fd'],
  },
  {
    folder: '/usr/share/edk2/ovmf',
    plain: ['OVMF_CODE.fd', 'OVMF_VARS.fd'],
    secure: ['OVMF_CODE.secboot.fd', 'OVMF_VARS.secboot.fd'],
  },
  {
    folder: '/usr/share/edk2/x64',
    plain: ['OVMF_CODE.4m.fd', 'OVMF_VARS.4m.fd'],
    secure: ['OVMF_CODE.secboot.4m.fd', 'OVMF_VARS.4m.fd'],
  },
];

/** @param folder gets the copy of the variables @throws EngineError `TOOL_MISSING` */
export async function firmwareFiles(isSecureBoot: boolean, folder: string): Promise<FirmwareFiles> {
  for (const place of PLACES) {
    const [code, variables] = (isSecureBoot ? place.secure : place.plain).map((name) => join(place.folder, name));
    const areThere = await Promise.all([code, variables].map((path) => access(path, constants.R_OK))).then(
      () => true,
      () => false,
    );
    if (!areThere) continue;
    const own = join(folder, 'variables.fd');
    await copyFile(variables, own);
    return { code, variables: own };
  }
  throw new EngineError('TOOL_MISSING', { tool: 'OVMF', package: 'ovmf' });
}
