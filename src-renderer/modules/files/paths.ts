/** Paths inside a volume: `/` is its root, and `/` stands between names. Pure. */

/** The names of a path, without empty ones. */
export const namesOf = (path: string): string[] => path.split('/').filter(Boolean);

/** One way to write each path: from the root, without a stroke at its end. */
export const pathOf = (names: readonly string[]): string => `/${names.join('/')}`;

export const childOf = (folder: string, name: string): string => pathOf([...namesOf(folder), name]);

/** The folder that something is in; the root is in itself. */
export const parentOf = (path: string): string => pathOf(namesOf(path).slice(0, -1));

/** The last name of a path; '' for the root. */
export const nameOf = (path: string): string => namesOf(path).at(-1) ?? '';

/**
 * Where a path leads that is typed, or kept in a link, in a folder. It never leaves the volume: above the root is the root.
 * @param path from the root where it begins with `/`, else from `folder`; `.` and `..` are followed
 */
export function follow(folder: string, path: string): string {
  const names = path.startsWith('/') ? [] : namesOf(folder);
  for (const name of namesOf(path)) {
    if (name === '..') names.pop();
    else if (name !== '.') names.push(name);
  }
  return pathOf(names);
}

/**
 * The crumbs of a deep folder: all of its names, or the first places of those that are left out in the middle.
 * @returns each name with the path that it stands for; `hidden` are those between the root and the last ones
 */
export function crumbsOf(path: string, most: number) {
  const names = namesOf(path);
  const crumbs = names.map((name, i) => ({ name, path: pathOf(names.slice(0, i + 1)) }));
  const cut = Math.max(0, crumbs.length - most);
  return { hidden: crumbs.slice(0, cut), shown: crumbs.slice(cut) };
}
