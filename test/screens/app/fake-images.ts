/** Images that could be real: what they are is told by their names, which the engine would never do. */
import {
  NOTHING_RECORDED,
  type Check,
  type CommandParams,
  type ExportPlan,
  type ImportPlan,
  type ImportView,
  type TemplateView,
} from '../../../src-engine/contract/index.ts';
import { FileError } from './fake-files.ts';
import { debianGuest, fakeReport, isAllowed } from './fake-reports.ts';
import { debian, disc, NOW, place, stick, unknown as unknownDisk, uuid } from './fake-disks.ts';

const DEBIAN = {
  ...NOTHING_RECORDED,
  operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
  bootMode: 'uefi' as const,
  hasCloudInit: true,
};

function view(path: string, more: Partial<ImportView>): ImportView {
  const name = path.split('/').pop() ?? path;
  const disk = more.disk === undefined ? debian(64_023_257_088, 6.8e9) : more.disk;
  return {
    // of what lies open, the length of the disk
    source: place(name, '', disk?.lengthBytes ?? 2_147_483_648, path),
    archive: null,
    needsPassword: false,
    entries: [],
    format: 'qcow2',
    disk,
    disks: [],
    guest: debianGuest(),
    files: [],
    scratchBytes: 0,
    fileBytes: 444e6,
    proposedName: name.replace(/\..*$/, ''),
    proposed: DEBIAN,
    isBootModeCertain: true,
    warnings: [],
    ...more,
  };
}

/** Nothing is unpacked before the import: what is in there shows then. */
const PACKED = { format: null, disk: null, guest: null, proposed: NOTHING_RECORDED, isBootModeCertain: false };

const ENTRIES = ['exam/station-1.vmdk', 'exam/station-2.vmdk', 'exam/readme disk.img'].map((name, i) => ({
  name,
  lengthBytes: [12.9e9, 12.9e9, 1.4e6][i],
}));

export function lookAtImage({ path, entry, disk, format, password }: CommandParams<'import.look'>): ImportView {
  if (/broken/.test(path)) {
    throw new FileError('FILE_TRUNCATED', { path, endBytes: 8.4e9, missingBytes: 4.5e9 });
  }
  if (/two-formats/.test(path) && !format) {
    const told = { field: 'currentSize', value: '1048576', max: 67_108_864 };
    throw new FileError('FORMAT_UNCLEAR', { path, one: 'vhd', other: 'raw', ...told });
  }
  if (/unknown/.test(path)) {
    const unknown = { guest: null, proposed: NOTHING_RECORDED, isBootModeCertain: false };
    return view(path, { ...unknown, format: 'raw', disk: unknownDisk() });
  }
  if (/locked/.test(path)) {
    if (password === 'wrong') throw new FileError('ARCHIVE_PASSWORD', { path });
    if (!password)
      return view(path, {
        archive: '7z',
        needsPassword: true,
        format: null,
        disk: null,
        guest: null,
        proposedName: '',
      });
    return view(path, { ...PACKED, archive: '7z', scratchBytes: 41e9 });
  }
  if (/exam/.test(path)) {
    const chosen = entry === null || entry === undefined ? { entries: ENTRIES } : { scratchBytes: 12.9e9 };
    return view(path, { ...PACKED, archive: 'zip', ...chosen });
  }
  if (/\.iso$/.test(path)) {
    return view(path, { format: 'iso', disk: disc(), proposed: { ...DEBIAN, hasCloudInit: null } });
  }
  if (/pair\.ova$/.test(path)) {
    const disks = [debian(64_023_257_088, 6.8e9), stick()].map((one, i) => ({
      name: `pair-disk00${i + 1}.vmdk`,
      lengthBytes: one.lengthBytes,
      role: i === 0 ? ('boot' as const) : ('data' as const),
      bus: 'sata',
      address: String(i),
      disk: one,
    }));
    const shown = disk === undefined ? disks : [disks[disk - 1]];
    return view(path, { format: 'ova', disk: shown[0].disk, disks: shown });
  }
  if (/\.ova$/.test(path)) {
    const proposed = { ...DEBIAN, cpus: 2, memoryBytes: 4_294_967_296, networks: ['bridged', 'lab-net'] };
    return view(path, { format: 'ova', proposed });
  }
  if (/old/.test(path)) {
    return view(path, { ...PACKED, format: 'clonezilla', scratchBytes: 118e9 });
  }
  return view(path, {});
}

const expiresAt = new Date(NOW + 10 * 60_000).toISOString();

export function planImport(params: CommandParams<'import.plan'>): ImportPlan {
  const image = lookAtImage(params);
  const { operatingSystem: said } = params;
  const found = image.proposed.operatingSystem;
  const { kind = 'lab', policy, machine, overrides } = params;
  const report =
    image.guest && fakeReport({ action: 'capture', kind, subject: params.path, policy, machine, overrides });
  const isContradicted = said !== undefined && found !== null && said !== found;
  const contradicted: Check = {
    code: 'IMPORT_CONTRADICTED',
    level: 'warn',
    data: { field: 'operatingSystem', found, said: said ?? '' },
  };
  return {
    planId: uuid(79),
    expiresAt,
    image,
    name: params.name,
    kind,
    versionNumber: 1,
    catalogFreeBytes: 412e9,
    checks: [
      ...(isContradicted ? [contradicted] : []),
      { code: 'IMAGE_RECOGNISED', level: 'pass', data: { format: image.format ?? '' } },
      { code: 'CATALOG_SPACE', level: 'pass', data: { freeBytes: 412e9 } },
    ],
    report,
    canRun: !report || isAllowed(report),
  };
}

/** A file called `there` is there already; a folder called `full` has no room. */
export function planExport({ format, path }: CommandParams<'export.plan'>, template: TemplateView): ExportPlan {
  const isThere = path.includes('there');
  const isFull = path.includes('full');
  const folder = path.slice(0, path.lastIndexOf('/'));
  const room = { folder, freeBytes: isFull ? 2.1e9 : 412e9, requiredBytes: template.versions[0].usedBytes };
  return {
    planId: uuid(80),
    expiresAt,
    templateName: template.name,
    versionNumber: template.versions[0].number,
    disk: format === 'package' ? null : 1,
    format,
    path,
    files: [],
    atMostBytes: template.versions[0].usedBytes,
    checks: [
      isFull
        ? { code: 'TARGET_FOLDER_SPACE_LOW', level: 'block', data: room }
        : { code: 'TARGET_FOLDER_SPACE', level: 'pass', data: room },
      { code: 'TEMPLATE_HEALTHY', level: 'pass', data: {} },
      ...(isThere ? [{ code: 'TARGET_EXISTS' as const, level: 'warn' as const, data: { path } }] : []),
    ],
    canRun: !isFull,
    needsOverwrite: isThere,
  };
}
