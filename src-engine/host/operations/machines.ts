/** Profiles of machines: of this one, and those that were saved. */
import { readProfile } from '../../judgement/chosen-machine.ts';
import { probeMachine } from '../../machines/profile/profile.ts';
import { deleteProfile, listProfiles, refusedProfiles, saveProfile } from '../../machines/profile/saved-profiles.ts';
import type { Host, Operations } from './operations.ts';

export const machineOperations = ({
  catalog,
}: Host): Operations<
  'machine.probe' | 'machine.list' | 'machine.refused' | 'machine.read' | 'machine.save' | 'machine.delete'
> => ({
  'machine.probe': () => probeMachine(true),
  'machine.list': () => listProfiles(catalog.looking.layout.machines),
  'machine.refused': async () =>
    (await refusedProfiles(catalog.looking.layout.machines)).map((error) => error.toView()),
  'machine.read': ({ path }) => readProfile(path),
  'machine.save': ({ profile, ...how }) => {
    catalog.make();
    return saveProfile(catalog.toWrite().layout.machines, profile, how);
  },
  'machine.delete': async ({ name }) => {
    await deleteProfile(catalog.looking.layout.machines, name);
    return {};
  },
});
