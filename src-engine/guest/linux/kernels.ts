/** Which kernels are installed, whose they are, and which one starts. */
import type { Kernel } from '../../contract/guest.contract.ts';
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import { bootKernelOf } from './boot-kernel.ts';

const MAX_KERNELS = 200;
/** What begins like a kernel's file and is none that a system starts by default. */
const NO_KERNEL = /rescue|\.(hmac|sig|old|bak)$/;

/** How distributions name the kernels that they build: the version of the file, and for whom that pattern speaks. */
const NAME_PATTERNS: Record<string, RegExp> = {
  centos: /^\d[\d.]*-[\d.]+\.(el|centos)[\w.]*$/,
  rhel: /^\d[\d.]*-[\d.]+\.el[\w.]*$/,
  ol: /^\d[\d.]*-[\d.]+\.el\w*(\.\w+)?$/,
  amzn: /^\d[\d.]*-[\d.]+\.amzn\d+(\.\w+)?$/,
  alpine: /^(lts|virt|edge|hardened|vanilla|virthardened|rpi\d*)$/,
  fedora: /^\d[\d.]*-[\d.]+\.fc\d+(\.\w+)?$/,
  ubuntu: /^\d[\d.]*-\d+-(generic|lowlatency|virtual|server|kvm|aws|azure|gcp|oracle|oem|hwe)[\w.-]*$/,
  debian:
    /^\d[\d.]*(\+(bpo|deb)[\w.]+)?-(\d[\w.]*-)?(cloud-|rt-)?(amd64|arm64|686(-pae)?|i?386|armmp|powerpc64le|s390x)$/,
  opensuse: /^\d[\d.]*-[\w.]+-(default|kvmsmall|preempt|pae|desktop)$/,
  arch: /^linux(-lts|-zen|-hardened|-rt|-rt-lts)?$/,
};
/** Kernels that were built for these distributions by others. */
const OTHER_BUILDERS = /elrepo|xanmod|liquorix|custom|plus|pve|grsec/i;

const RED_HAT_REBUILDS = new Set(['centos-stream', 'rocky', 'almalinux', 'scientific']);

export async function readKernels(files: GuestFiles, distribution: string | null) {
  const names = (await files.names('/boot')).filter((name) => /^(vmlinu[xz]|kernel)-./.test(name));
  const fileNames = names.filter((name) => !NO_KERNEL.test(name)).slice(0, MAX_KERNELS);
  if (fileNames.length === 0) {
    const nothing = unknown(files.origin('/boot'));
    return { kernels: nothing, bootKernel: nothing, kernelOrigin: nothing };
  }
  const kernels: Kernel[] = [];
  for (const name of fileNames) {
    const version = name.replace(/^[a-z]+-/, '');
    kernels.push({ version, file: `/boot/${name}`, ...(await whose(files, distribution, version)) });
  }
  const booted = await bootKernelOf(files);
  const boots =
    kernels.find(({ file, version }) => file.slice('/boot/'.length) === booted?.name || version === booted?.version) ??
    null;
  const only = kernels.length === 1 ? kernels[0] : null;
  const bootKernel = boots ?? only;
  const judged = bootKernel ? [bootKernel] : kernels;
  const kinds = new Set(judged.map(({ kind }) => kind));
  const [kind] = kinds;
  const origin = judged[0].decidedBy;
  return {
    kernels: known(kernels, '/boot'),
    bootKernel: bootKernel
      ? known(bootKernel.version, boots ? booted!.origin : '/boot')
      : unknown(booted?.origin ?? '/boot/grub/grub.cfg'),
    kernelOrigin: kinds.size === 1 && kind !== null ? known(kind, origin) : unknown(origin),
  };
}

async function whose(files: GuestFiles, distribution: string | null, version: string) {
  // dpkg keeps a list of files for each package; rpm's database says it in binary only
  for (const variant of ['linux-image', 'linux-image-unsigned']) {
    const list = `/var/lib/dpkg/info/${variant}-${version}.list`;
    if (!(await files.exists(list))) continue;
    const isPattern = patternOf(distribution)?.test(version) && !OTHER_BUILDERS.test(version);
    return { kind: isPattern ? ('distribution' as const) : ('custom' as const), decidedBy: list };
  }
  const pattern = patternOf(distribution);
  const decidedBy = `/boot (${version})`;
  if (!pattern) return { kind: null, decidedBy };
  const isOwn = pattern.test(version) && !OTHER_BUILDERS.test(version);
  return { kind: isOwn ? ('distribution' as const) : ('custom' as const), decidedBy };
}

function patternOf(distribution: string | null): RegExp | undefined {
  if (distribution === null) return undefined;
  if (distribution.startsWith('opensuse') || distribution.startsWith('sle')) return NAME_PATTERNS.opensuse;
  return NAME_PATTERNS[RED_HAT_REBUILDS.has(distribution) ? 'rhel' : distribution];
}
