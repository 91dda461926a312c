/** What is written to disk of templates, versions, jobs and the audit log. What faces see is made from it in `catalog/views`. */
export * from './audit.record.ts';
export * from './disk.record.ts';
export * from './fields.ts';
export * from './guest.record.ts';
export * from './job.record.ts';
export * from './machine.record.ts';
export * from './pledge.record.ts';
export * from './template.record.ts';
export * from './version.record.ts';
export * from './vm.record.ts';
