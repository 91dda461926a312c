/** Templates: shown, edited, put into the bin and taken out of it. */
import { readAttachment } from '../../versions/attachments.ts';
import { refuseOlderThanFile } from '../../versions/template-record-file.ts';
import { editsOf } from '../edits.ts';
import type { Host, Operations } from './operations.ts';

export const templateOperations = ({
  catalog,
  files,
  jobs,
  machines,
  served,
  changed,
}: Host): Operations<
  'template.list' | 'template.show' | 'template.attachment' | 'template.edit' | 'template.delete' | 'template.undelete'
> => ({
  'template.list': ({ deleted, offset, limit }) => catalog.listed.templates.summaries(deleted, offset, limit),
  'template.show': ({ template }) => catalog.parts.templates.show(template),
  'template.attachment': async ({ template, id }) => ({
    base64: (await readAttachment(catalog.parts, template, id)).toString('base64'),
  }),
  'template.edit': async ({ template, seen, ...changes }) => {
    const { templates } = catalog.toWrite();
    const { template: before } = templates.find(template);
    await refuseOlderThanFile(catalog.parts, before.id);
    const after = templates.edit(template, changes, seen);
    return changed(after.id, 'template.edited', editsOf(before, after));
  },
  'template.delete': async ({ template }) => {
    // it is the first step to more room: on a full disk it must not fail for want of some
    await files.closeAll();
    catalog.makeRoom(jobs.isIdle && served.isIdle);
    const { templates } = catalog.toWrite();
    const found = templates.find(template);
    await refuseOlderThanFile(catalog.parts, found.template.id);
    await machines.refuseNeeded(found.template.id, template.includes('@') ? found.version.number : null);
    const { id } = templates.delete(template);
    await files.closeAll();
    return changed(id, 'template.deleted', { template });
  },
  'template.undelete': async ({ template }) => {
    const { templates } = catalog.toWrite();
    await refuseOlderThanFile(catalog.parts, templates.findDeleted(template).id);
    return changed(templates.undelete(template).id, 'template.undeleted', { template });
  },
});
