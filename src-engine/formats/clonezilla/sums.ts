/**
 * Checksums that Clonezilla leaves in a folder when it is asked to: a file for each tool that it ran (ocs-functions,
 * gen_checksums_for_img_if_assigned; which tools is set in drbl-ocs.conf). The names are the tools', in capitals.
 */

/** The strongest first: one of them proves enough. */
const SUM_FILES: readonly (readonly [fileName: string, hash: string])[] = [
  ['SHA512SUMS', 'sha512'],
  ['B2SUMS', 'blake2b512'],
  ['SHA384SUMS', 'sha384'],
  ['SHA256SUMS', 'sha256'],
  ['SHA224SUMS', 'sha224'],
  ['SHA1SUMS', 'sha1'],
  ['MD5SUMS', 'md5'],
];
/** Of tools whose sums are not computed here. */
const OTHER_SUMS = /^[A-Z0-9]+SUMS$/;

export interface CloneSums {
  readonly fileName: string;
  /** null: not computed here */
  readonly hash: string | null;
}

export const MAX_CLONE_SUMS_BYTES = 16 * 1024 * 1024;

/** @param names of the folder's files @returns null where it has no checksums */
export function cloneSumsOf(names: readonly string[]): CloneSums | null {
  const known = SUM_FILES.find(([fileName]) => names.includes(fileName));
  if (known) return { fileName: known[0], hash: known[1] };
  const other = names.find((name) => OTHER_SUMS.test(name));
  return other === undefined ? null : { fileName: other, hash: null };
}

/** Lines as md5sum and its kin write them: the sum, a space, a space or an asterisk, the name. @returns sums by name */
export function parseCloneSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, sum, name] = /^([\da-f]{32,128}) [ *](?:\.\/)?(.+)$/i.exec(line) ?? [];
    if (name !== undefined) sums.set(name, sum.toLowerCase());
  }
  return sums;
}
