/** What is asked of a template before a disk of it is named. */
import type { EngineClient } from '../../src-engine/contract/index.ts';

/** How many disks the version has that a TEMPLATE names. */
export async function countDisks(client: EngineClient, template: string): Promise<number> {
  const { versions } = await client.call('template.show', { template });
  const number = Number(/@(\d{1,9})$/.exec(template)?.[1]);
  return (versions.find((version) => version.number === number) ?? versions[0]).disks.length;
}
