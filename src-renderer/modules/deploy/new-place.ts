/** What comes into being where nothing is lost, in words: a file, or a machine by its name. */
import { useI18n } from 'vue-i18n';
import { isVmPlace, nameInVmPlace } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';

/** `lab-01` of `libvirt:lab-01`; a path as it is */
export const placeName = (path: string): string => (isVmPlace(path) ? nameInVmPlace(path) : path);

/** Call it in a component's set-up. */
export function useNewPlace() {
  const { t } = useI18n();
  const { bytes } = useFormat();

  /** @param lengthBytes of the disk */
  const said = (ofFile: string, ofMachine: string) => (path: string, lengthBytes: number) =>
    t(isVmPlace(path) ? ofMachine : ofFile, { path: placeName(path), size: bytes(lengthBytes) });
  return {
    creates: said('deploy.creates', 'deploy.createsMachine'),
    title: said('deploy.newFile', 'deploy.newMachine'),
  };
}
