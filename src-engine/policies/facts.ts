/** The facts that rules may read: their names and types. Whoever collects them (jobs) and whoever judges them meet here. */
import type { FactValue } from '../contract/report.contract.ts';

/** What is known of one thing, and where it was read. `value` null: it could not be told. */
export interface Fact {
  readonly value: FactValue | null;
  readonly origin: string;
}

export const FACT_TYPES = {
  /** 'virtual' or 'physical' */
  'source.platform': 'text',
  'source.isOffline': 'boolean',
  'target.platform': 'text',
  /** disks of the source at a capture, of the template at a deploy */
  'disk.count': 'number',
  'disk.largestBytes': 'number',
  /** firmware of the source's machine at a capture, of the target's at a deploy: 'bios' or 'uefi' */
  'machine.firmware': 'text',
  /** 'x10', 'x11', 'lenovo', else the maker and board as they call themselves */
  'machine.boardFamily': 'text',
  'machine.hasTpm': 'boolean',
  /** 'none', 'vgpu' or 'gpu' */
  'machine.graphics': 'text',
  /** levels of its arrays: 'raid0', 'raid1', 'raid5', 'raid6', 'raid10'… */
  'machine.raidLevels': 'list',
  'machine.raidGroups': 'number',
  'machine.mixesRaidAndPlain': 'boolean',
  'machine.hasPublicNetwork': 'boolean',
  /** 'linux', 'windows' or 'other' */
  'guest.family': 'text',
  /** distribution and major version: 'centos-6', 'ubuntu-18.04', 'windows-server-2008-r2' */
  'guest.release': 'text',
  /** distribution and point release: 'centos-7.6' */
  'guest.pointRelease': 'text',
  'guest.architecture': 'text',
  'guest.isPastEndOfLife': 'boolean',
  /** how it can start: 'bios', 'uefi', or both */
  'guest.bootModes': 'list',
  /** 'distribution' or 'custom' */
  'guest.kernelOrigin': 'text',
  'guest.usesLvm': 'boolean',
  'guest.isEncrypted': 'boolean',
  'guest.hasCloudInit': 'boolean',
  /** sysprep was run (Windows), identity was cleared (Linux) */
  'guest.isGeneralized': 'boolean',
  'guest.mountsByDeviceName': 'boolean',
  /** 'active', 'deprecated' or 'disabled' */
  'template.status': 'text',
  /** 'none' or 'own' */
  'template.licence': 'text',
  'template.visibility': 'text',
  /** 'template' where the layout stays as it was captured, 'changed' where volumes are resized */
  'deploy.layout': 'text',
  /** the target already holds this template */
  'deploy.isAgain': 'boolean',
} as const satisfies Record<string, 'text' | 'number' | 'boolean' | 'list'>;

export type FactId = keyof typeof FACT_TYPES;
export const FACT_IDS = Object.keys(FACT_TYPES) as [FactId, ...FactId[]];
export type Facts = Partial<Record<FactId, Fact>>;
