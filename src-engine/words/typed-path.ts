/** A path as people paste it: in quotes, as an address of a file, from their home. Pure. */

/** @param home folder of the person, for `~`; '' where it is not known @returns the path that is meant */
export function typedPath(text: string, home: string): string {
  const trimmed = text.trim();
  const bare = /^(["'])(.+)\1$/s.exec(trimmed)?.[2] ?? trimmed;
  if (home && (bare === '~' || bare.startsWith('~/'))) return home + bare.slice(1);
  return fromAddress(bare) ?? bare;
}

/** RFC 8089: `file:///path`, `file:/path`, `file://localhost/path`; a file of another host is no path here. */
function fromAddress(text: string): string | null {
  if (!/^file:\//i.test(text)) return null;
  try {
    const { hostname, pathname } = new URL(text);
    return hostname === '' || hostname === 'localhost' ? decodeURIComponent(pathname) : null;
  } catch {
    return null;
  }
}
