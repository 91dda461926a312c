/** All that a Windows system tells of itself, from its registry hives SOFTWARE and SYSTEM. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import { currentControlSet } from './control-set.ts';
import { HiveFile } from './hive-file.ts';
import { windowsRelease, windowsVersion } from './version.ts';

const VERSION_KEY = 'Microsoft\\Windows NT\\CurrentVersion';
const STATE_KEY = 'Microsoft\\Windows\\CurrentVersion\\Setup\\State';

const ARCHITECTURES: Record<string, string> = { AMD64: 'x86_64', X86: 'i386', ARM64: 'aarch64' };
/** Services of guest agents, in lower case. */
const AGENTS: Record<string, string> = {
  'qemu-ga': 'qemu-guest-agent',
  vmtools: 'vmware-tools',
  vboxservice: 'virtualbox-guest-additions',
  xenagent: 'xe-guest-utilities',
  xensvc: 'xe-guest-utilities',
  rdagent: 'waagent',
  amazonssmagent: 'amazon-ssm-agent',
};

export async function inspectWindows(files: GuestFiles) {
  const software = await HiveFile.open(files, 'SOFTWARE');
  const system = await HiveFile.open(files, 'SYSTEM');
  const origin = `${software.path}: ${VERSION_KEY}`;
  const none = unknown('Windows');
  const version = await readVersion(software);
  return {
    family: known('windows' as const, software.path),
    ...version,
    edition: await software.datum(VERSION_KEY, 'EditionID'),
    kernels: none,
    bootKernel: none,
    kernelOrigin: version.release.value === null ? unknown(origin) : known('distribution' as const, origin),
    fstab: none,
    usesSwap: none,
    mountsByDeviceName: none,
    networkSystems: none,
    machineId: await software.datum('Microsoft\\Cryptography', 'MachineGuid'),
    sshHostKeys: none,
    ...(await readState(software, system)),
    ...(await readServices(system)),
  };
}

async function readVersion(software: HiveFile) {
  const origin = `${software.path}: ${VERSION_KEY}`;
  const name = await software.datum(VERSION_KEY, 'ProductName');
  const buildText =
    (await software.text(VERSION_KEY, 'CurrentBuildNumber')) ?? (await software.text(VERSION_KEY, 'CurrentBuild'));
  const build = /^\d{4,6}$/.test(buildText ?? '') ? Number(buildText) : null;
  const installation = await software.text(VERSION_KEY, 'InstallationType');
  // before Windows Vista and Server 2008 the name alone tells
  const isServer = installation ? installation.startsWith('Server') : (name.value ?? '').includes('Server');
  const canTell = build !== null && (installation !== null || name.value !== null);
  const release = canTell ? windowsRelease(build, name.value ?? '', isServer) : null;
  const major = await software.number(VERSION_KEY, 'CurrentMajorVersionNumber');
  const minor = major === null ? null : await software.number(VERSION_KEY, 'UBR');
  const display = await software.text(VERSION_KEY, 'DisplayVersion');
  const isVersioned = release === 'windows-10' || release === 'windows-11';
  const point = isVersioned ? windowsVersion(build!, display) : null;
  const number = major === null ? await software.text(VERSION_KEY, 'CurrentVersion') : `${major}.0`;
  return {
    distribution: canTell ? known(isServer ? 'windows-server' : 'windows', origin) : unknown(origin),
    version:
      number && build !== null
        ? known(`${number}.${build}${minor === null ? '' : `.${minor}`}`, origin)
        : unknown(origin),
    name,
    release: release ? known(release, origin) : unknown(origin),
    pointRelease: point ? known(`${release}-${point}`, origin) : unknown(origin),
  };
}

/** Sysprep leaves the state of the image; before Windows Vista it left the small setup to be run. */
async function readState(software: HiveFile, system: HiveFile) {
  const state = await software.datum(STATE_KEY, 'ImageState');
  if (state.value !== null) {
    return { sysprepState: state, isGeneralized: known(/GENERALIZE/.test(state.value), state.origin) };
  }
  const setup = await system.text('Setup', 'CmdLine');
  const origin = `${system.path}: Setup\\CmdLine`;
  return {
    sysprepState: state,
    isGeneralized: setup !== null && /-mini\b/i.test(setup) ? known(true, origin) : unknown(state.origin),
  };
}

async function readServices(system: HiveFile) {
  const set = await currentControlSet(system);
  const origin = `${system.path}: ${set}\\Services`;
  const services = (await system.subkeys(`${set}\\Services`))?.map((service) => service.toLowerCase()) ?? null;
  const agents = [...new Set(services?.flatMap((service) => (Object.hasOwn(AGENTS, service) ? AGENTS[service] : [])))];
  const architecture = await system.datum(`${set}\\Control\\Session Manager\\Environment`, 'PROCESSOR_ARCHITECTURE');
  const machine = ARCHITECTURES[architecture.value?.toUpperCase() ?? ''];
  return {
    architecture: machine ? known(machine, architecture.origin) : unknown(architecture.origin),
    hostname: await system.datum(`${set}\\Control\\ComputerName\\ComputerName`, 'ComputerName'),
    hasCloudInit: services ? known(services.includes('cloudbase-init'), origin) : unknown(origin),
    guestAgents: services ? known(agents, origin) : unknown(origin),
  };
}
