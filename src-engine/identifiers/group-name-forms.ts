/**
 * The forms in which files name a group of LVM2. Its name alone may be any word, so it counts only as part of a path of one of its volumes,
 * or behind a word of the kernel's command line: lvm(8), dracut.cmdline(7), GRUB's manual, "Device syntax".
 */
export interface GroupNameForm {
  readonly before: string;
  readonly after: string;
  /** whether what stands right before and behind a place leaves it a name of its own */
  readonly fits: (before: string, behind: string) => boolean;
  /** names of files that it counts in; left out: in all */
  readonly files?: RegExp;
}

/** device-mapper puts one hyphen between the names of a group and its volume. */
const mapped = (name: string) => name.replaceAll('-', '--');
/** systemd.unit(5), string escaping: of a path without the slash that it begins with */
const escaped = (path: string) =>
  [...path]
    .map((one) => (one === '/' ? '-' : /[A-Za-z0-9:_.]/.test(one) ? one : `\\x${one.charCodeAt(0).toString(16)}`))
    .join('');
/** As dracut names its scripts. */
const hooked = (path: string) => path.replaceAll('/', '\\x2f');

/** No further letter of a name; what units end with is none. */
const endsName = (behind: string) => !/^(?:[A-Za-z0-9+_-]|\.(?!dev|swa|mou)[A-Za-z0-9])/.test(behind);
const isPath: GroupNameForm['fits'] = (before, behind) => !/[A-Za-z0-9+_.-]$/.test(before) && endsName(behind);
const isUnit: GroupNameForm['fits'] = (before, behind) => !/[A-Za-z0-9+_-]$/.test(before) && endsName(behind);
const isHook: GroupNameForm['fits'] = (_, behind) => !/^[A-Za-z0-9+_-]/.test(behind);
const always: GroupNameForm['fits'] = () => true;
/** Lists of groups that are started, with comments that hold examples. */
const LVM_SETTINGS = /^lvm(?:local)?\.conf$/;

/** @param before the group's name @param volumes names of its logical volumes */
export function groupNameForms(before: string, after: string, volumes: readonly string[]): GroupNameForm[] {
  const form = (of: (group: string) => string, fits: GroupNameForm['fits'], files?: RegExp): GroupNameForm => ({
    before: of(before),
    after: of(after),
    fits,
    ...(files && { files }),
  });
  const ofVolumes = volumes.flatMap((volume) => {
    const mapper = (group: string) => `mapper/${mapped(group)}-${mapped(volume)}`;
    const path = (group: string) => `dev/${group}/${volume}`;
    return [
      form(mapper, isPath),
      form((group) => `/${path(group)}`, isPath),
      form((group) => `lvm/${mapped(group)}-${mapped(volume)}`, isPath),
      form((group) => escaped(`dev/${mapper(group)}`), isUnit),
      form((group) => escaped(path(group)), isUnit),
      form((group) => hooked(`/dev/${mapper(group)}`), isHook),
      form((group) => hooked(`/${path(group)}`), isHook),
      form((group) => `rd.lvm.lv=${group}/${volume}`, isPath),
      form((group) => `rd_LVM_LV=${group}/${volume}`, isPath),
    ];
  });
  return [
    ...ofVolumes,
    form((group) => `rd.lvm.vg=${group}`, isPath),
    form((group) => `rd_LVM_VG=${group}`, isPath),
    form((group) => `"${group}"`, always, LVM_SETTINGS),
    form((group) => `"${group}/`, always, LVM_SETTINGS),
  ];
}
