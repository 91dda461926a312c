/** What a partition holds by its type alone: nothing in it has a name, and nothing but what its type says belongs there. */

/** GPT's GUIDs; MBR's byte for PReP. Names as `fileSystem.NAME` of the words. Sources: GRUB's manual, "BIOS installation"; UEFI's registry. */
const BY_TYPE: Readonly<Record<string, string>> = {
  '21686148-6449-6E6F-744E-656564454649': 'bios-boot',
  'E3C9E316-0B5C-4DB8-817D-F92DF00215AE': 'ms-reserved',
  '9E1A2D38-C612-4316-AA26-8B49521E5A8B': 'prep-boot',
  '41': 'prep-boot',
};

/** @param typeId of its table; '' without one @returns null where the type says nothing of what is in it */
export const contentByType = (typeId: string): string | null => BY_TYPE[typeId.toUpperCase()] ?? null;
