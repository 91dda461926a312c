/** Versions that are served to other programs of this machine as network block devices. */
import { z } from 'zod';

export const NbdViewSchema = z.object({
  id: z.uuid(),
  templateId: z.uuid(),
  versionNumber: z.number().int().positive(),
  /** from 1 */
  disk: z.number().int().positive(),
  /** of the export; clients may also ask for '' */
  name: z.string(),
  /** as NBD's programs take it */
  uri: z.string(),
  /** path of the Unix socket, which only its owner can connect to; null where it is a port */
  socket: z.string().nullable(),
  /** of the loopback address, which everybody on this machine can connect to; null where it is a socket */
  port: z.number().int().positive().nullable(),
});
export type NbdView = z.infer<typeof NbdViewSchema>;
