/** Files that a page sends, to be imported. */
import type { Host, Operations } from './operations.ts';

export const uploadOperations = ({
  catalog,
  uploads,
}: Host): Operations<'upload.begin' | 'upload.write' | 'upload.wait' | 'upload.drop'> => ({
  'upload.begin': async ({ files }) => {
    catalog.make();
    catalog.toWrite();
    return { uploadId: await uploads.begin(files) };
  },
  'upload.write': async ({ uploadId, file, offsetBytes, piece }) => {
    await uploads.write(uploadId, file, offsetBytes, piece);
    return {};
  },
  'upload.wait': async ({ uploadId }, signal) => ({ path: await uploads.wait(uploadId, signal) }),
  'upload.drop': async ({ uploadId }) => {
    await uploads.drop(uploadId);
    return {};
  },
});
