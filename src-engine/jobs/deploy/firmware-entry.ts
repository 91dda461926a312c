/** An entry of this machine's firmware for the disk that was deployed: only when it is asked for, and read back. */
import type { BootLink } from '../../contract/boot-chain.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import { makeFirmwareEntry } from '../../machines/firmware-entries.ts';
import type { Deployment } from './deployment.ts';

/**
 * The disk is finished by then: firmware finds what an entry leads to.
 * @throws EngineError `FIRMWARE_ENTRY_NOT_MADE`, `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`
 */
export async function enterInFirmware(deployment: Deployment, { signal }: JobContext): Promise<void> {
  const { plan, target, entry } = deployment;
  if (!plan.request.efiEntry || !entry) return;
  const { volume, path, partitionUuid } = entry;
  const loader = path.replaceAll('/', '\\');
  const wanted = { path: target.path, partition: Number(volume), partitionUuid, loader, label: plan.templateName };
  const name = await makeFirmwareEntry(wanted, signal);
  const link: BootLink = {
    firmware: 'uefi',
    state: 'mended',
    code: 'firmware-entry-made',
    data: { entry: name, path: loader, volume },
  };
  deployment.bootChain.push(link);
}
