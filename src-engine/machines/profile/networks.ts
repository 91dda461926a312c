/** Network cards. */
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { MachineProfile } from '../../contract/machine.contract.ts';
import { attribute, names, type KernelRoots } from '../linux/kernel-files.ts';

export function networksOf(roots: KernelRoots): NonNullable<MachineProfile['networks']> {
  const addresses = networkInterfaces();
  return names(roots.sys, 'class/net')
    .filter((name) => name !== 'lo')
    .map((name) => {
      const folder = path.join(roots.sys, 'class/net', name);
      const own = (addresses[name] ?? []).map(({ address }) => address);
      return {
        name: name.slice(0, 200),
        mac: attribute(folder, 'address'),
        isPhysical: names(folder, 'device').length > 0,
        isPublic: own.length === 0 ? null : own.some(isPublic),
      };
    });
}

/** Addresses of private networks, links and hosts: RFC 1918, 3927, 6598, 4193, 4291; 192.0.2.0/24 and such are for documentation (RFC 5737, 3849). */
const PRIVATE =
  /^(10\.|127\.|169\.254\.|192\.168\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|fe80|f[cd]|2001:db8)/i;

export const isPublic = (address: string) => !PRIVATE.test(address);
