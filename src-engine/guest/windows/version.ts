/** Names of Windows releases by build number; a server and a client of one build are different releases. */

/** The lowest build of each client, newest first. */
const CLIENTS: [number, string][] = [
  [22000, 'windows-11'],
  [10240, 'windows-10'],
  [9600, 'windows-8.1'],
  [9200, 'windows-8'],
  [7600, 'windows-7'],
  [6000, 'windows-vista'],
  [2600, 'windows-xp'],
];

/** Servers by their very build: releases of the short-lived channel lie between them. */
const SERVERS: Record<number, string> = {
  3790: 'windows-server-2003',
  6001: 'windows-server-2008',
  6002: 'windows-server-2008',
  6003: 'windows-server-2008',
  7600: 'windows-server-2008-r2',
  7601: 'windows-server-2008-r2',
  9200: 'windows-server-2012',
  9600: 'windows-server-2012-r2',
  14393: 'windows-server-2016',
  17763: 'windows-server-2019',
  20348: 'windows-server-2022',
  26100: 'windows-server-2025',
};

/**
 * @param productName as the registry has it; Windows 11 still calls itself Windows 10 there, so builds count
 * @returns null for builds that are none of these
 */
export function windowsRelease(build: number, productName: string, isServer: boolean): string | null {
  if (!isServer) return CLIENTS.find(([lowest]) => build >= lowest)?.[1] ?? null;
  const release = SERVERS[build] ?? null;
  return release === 'windows-server-2003' && / R2\b/.test(productName) ? 'windows-server-2003-r2' : release;
}

/** The versions of Windows 10 and 11 by build; from 20H2 on the registry says them too. */
const CLIENT_VERSIONS: Record<number, string> = {
  10240: '1507',
  10586: '1511',
  14393: '1607',
  15063: '1703',
  16299: '1709',
  17134: '1803',
  17763: '1809',
  18362: '1903',
  18363: '1909',
  19041: '2004',
  19042: '20h2',
  19043: '21h1',
  19044: '21h2',
  19045: '22h2',
  22000: '21h2',
  22621: '22h2',
  22631: '23h2',
  26100: '24h2',
  26200: '25h2',
};

/** @param displayVersion as the registry has it: '22H2' @returns null for builds and words that are none of a released version */
export function windowsVersion(build: number, displayVersion: string | null): string | null {
  if (displayVersion !== null && /^\d\dH[12]$/i.test(displayVersion)) return displayVersion.toLowerCase();
  return CLIENT_VERSIONS[build] ?? null;
}
