/** Keys and values that are added to hives of hivexsh, as hivexregedit, reged and hivexml find them there; and that nothing else becomes other. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Hive } from '../../../src-engine/guest/windows/hive/hive.ts';
import { HiveEdit } from '../../../src-engine/guest/windows/hive/hive-edit.ts';
import {
  binaryValue,
  expandedValue,
  listValue,
  numberValue,
  textValue,
} from '../../../src-engine/guest/windows/hive/hive-values.ts';
import { hive } from '../../support/guests.ts';
import { contentOf, notClosed, summed } from '../../support/hives.ts';
import { exported } from '../../support/virtio-win.ts';
import { run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const NOW_MS = Date.UTC(2026, 10, 29);

/** Edits a hive. @returns before and after, as hivexregedit tells them */
async function edited(bytes: Buffer, edit: (hive: HiveEdit) => void) {
  const [before, after] = [bench.path('before.hive'), bench.path('after.hive')];
  writeFileSync(before, bytes);
  const opened = (await HiveEdit.open(contentOf(bytes), NOW_MS))!;
  edit(opened);
  writeFileSync(after, opened.toBytes());
  return { before: exported(before), after: exported(after), path: after };
}

const plain = (keys: Map<string, string[]>) => Object.fromEntries(keys);

describe('a hive with few keys', () => {
  const bytes = hive(bench.folder, {
    Select: { Current: 1 },
    'ControlSet001\\Services\\viostor': { Start: 3, ImagePath: 'old', Other: 'stays' },
    'ControlSet001\\Control': {},
  });

  test('keys are made with those above them, values of all kinds are set, and what is there stays', async () => {
    const { before, after, path } = await edited(bytes, (one) => {
      one.set(
        ['ControlSet001', 'Services', 'VIOSTOR'],
        [numberValue('start', 0), expandedValue('ImagePath', 'system32\\drivers\\viostor.sys'), numberValue('Type', 1)],
      );
      one.set(
        ['DriverDatabase', 'DeviceIds', 'PCI', 'VEN_1AF4&DEV_1001'],
        [
          binaryValue('one.inf', Buffer.from([1, 255, 0, 0])),
          binaryValue('two.inf', Buffer.from([1, 2, 3, 4, 5])),
          listValue('', ['first', 'second']),
          textValue('empty', ''),
        ],
      );
    });
    expect(plain(after)).toEqual({
      ...plain(before),
      '\\ControlSet001\\Services\\viostor': [
        '"ImagePath"=str(2):"system32\\drivers\\viostor.sys"',
        '"Other"=str(1):"stays"',
        '"Start"=dword:00000000',
        '"Type"=dword:00000001',
      ],
      '\\DriverDatabase': [],
      '\\DriverDatabase\\DeviceIds': [],
      '\\DriverDatabase\\DeviceIds\\PCI': [],
      '\\DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1001': [
        expect.stringMatching(/^@=hex\(7\):66,00,69,00,72,00,73,00,74,00,00,00,73,00/),
        '"empty"=str(1):""',
        '"one.inf"=hex(3):01,ff,00,00',
        '"two.inf"=hex(3):01,02,03,04,05',
      ],
    });
    run('reged', '-x', path, 'HKLM', '\\', bench.path('reged.reg'));
    const told = readFileSync(bench.path('reged.reg'), 'latin1');
    expect(told).toContain('[HKLM\\DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1001]');
    expect(told).toContain('"two.inf"=hex:01,02,03,04,05');
    expect(run('sh', '-c', 'hivexml "$0" | cat', path)).toContain('<node name="VEN_1AF4&amp;DEV_1001">');
  });

  test('it is closed, its sum is right, and it was written once more', async () => {
    const { path } = await edited(bytes, (one) => one.set(['New'], [numberValue('n', 7)]));
    const after = readFileSync(path);
    expect([after.readUInt32LE(4), after.readUInt32LE(8)]).toEqual(Array(2).fill(bytes.readUInt32LE(4) + 1));
    expect(summed(Buffer.from(after)).equals(after)).toBe(true);
    expect(after.length).toBe(4096 + after.readUInt32LE(40));
    expect(await (await Hive.open(contentOf(after))).value('new', 'N')).toBe(7);
  });

  test('what is read of it, and what is not there', async () => {
    const one = (await HiveEdit.open(contentOf(bytes), NOW_MS))!;
    expect(one.number(['select'], 'CURRENT')).toBe(1);
    expect(one.text(['ControlSet001', 'Services', 'viostor'], 'imagepath')).toBe('old');
    expect([one.has(['ControlSet001', 'Control']), one.has(['ControlSet002'])]).toEqual([true, false]);
    expect([one.text(['Select'], 'none'), one.number(['nowhere'], 'n')]).toEqual([null, null]);
  });

  test('one that was not closed is not edited', async () => {
    expect(await HiveEdit.open(contentOf(notClosed(bytes)), NOW_MS)).toBeNull();
    const wrongSum = Buffer.from(bytes);
    wrongSum[508] ^= 1;
    expect(await HiveEdit.open(contentOf(wrongSum), NOW_MS)).toBeNull();
  });

  test('more than may be added ends in an error', async () => {
    const one = (await HiveEdit.open(contentOf(bytes), NOW_MS))!;
    const add = () => {
      for (let i = 0; i < 100; i++) one.set([`Key${i}`], [binaryValue('long', Buffer.alloc(16_000))]);
    };
    expect(add).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });
});

test.each([1, 499, 500, 501, 1500])(
  '%i services: new ones come where their names belong, and all are found',
  async (count) => {
    const names = Array.from({ length: count }, (_, i) => `svc${String(i).padStart(5, '0')}`);
    const bytes = hive(bench.folder, Object.fromEntries(names.map((name) => [`Set\\Services\\${name}`, { Start: 3 }])));
    const added = ['aaa', 'Svc00000b', 'svc00250x', 'zzz', 'VIOSTOR'];
    const { before, after, path } = await edited(bytes, (one) => {
      for (const name of added) one.set(['Set', 'Services', name], [numberValue('Start', 0)]);
    });
    const expected = added.map((name) => [`\\Set\\Services\\${name}`, ['"Start"=dword:00000000']] as const);
    expect(plain(after)).toEqual({ ...plain(before), ...Object.fromEntries(expected) });
    const own = await Hive.open(contentOf(readFileSync(path)));
    const order = (await own.subkeys('Set\\Services'))!;
    expect(order).toEqual([...names, ...added].sort((a, b) => (a.toUpperCase() < b.toUpperCase() ? -1 : 1)));
    expect(await own.value('Set\\Services\\viostor', 'Start')).toBe(0);
    run('reged', '-x', path, 'HKLM', '\\Set\\Services', bench.path('reged.reg'));
    const found = [...readFileSync(bench.path('reged.reg'), 'latin1').matchAll(/\[HKLM\\Set\\Services\\([^\\\]]+)\]/g)];
    expect(found.map(([, name]) => name)).toEqual(order);
  },
);
