import { describe, expect, it } from 'vitest';
import { effectScope, ref, shallowRef } from 'vue';
import type { DeviceView } from '../../../src-engine/contract/index.ts';
import { useGone } from '../../../src-renderer/modules/devices/still-there.ts';

const disk = (path: string, serial: string) =>
  ({ path, serial, lengthBytes: 16e9, model: `Stick ${serial}` }) as DeviceView;
const [system, stick] = [disk('/dev/sda', 'S'), disk('/dev/sdb', 'A')];

function chosenOf(...paths: string[]) {
  const attached = shallowRef<DeviceView[]>([system, stick]);
  const chosen = ref(paths);
  const exchanged: string[] = [];
  const clear = (path: string) => {
    exchanged.push(path);
    chosen.value = chosen.value.filter((one) => one !== path);
  };
  const gone = effectScope(true).run(() =>
    useGone(
      () => attached.value,
      () => chosen.value,
      clear,
    ),
  )!;
  return { attached, chosen, exchanged, names: () => [...gone.value.values()].map(({ model }) => model) };
}

describe('a chosen disk', () => {
  it('that is unplugged is gone, by the name that it had, until it is there again', () => {
    const { attached, exchanged, names } = chosenOf('/dev/sdb');
    expect(names()).toEqual([]);
    attached.value = [system];
    expect(names()).toEqual(['Stick A']);
    attached.value = [system, { ...stick }];
    expect([names(), exchanged]).toEqual([[], []]);
  });

  it('that was exchanged for another at its place is chosen no more', () => {
    const { attached, chosen, exchanged, names } = chosenOf('/dev/sda', '/dev/sdb');
    attached.value = [system];
    attached.value = [system, disk('/dev/sdb', 'B')];
    expect([chosen.value, exchanged, names()]).toEqual([['/dev/sda'], ['/dev/sdb'], []]);
    chosen.value = ['/dev/sdb'];
    attached.value = [system];
    expect(names()).toEqual(['Stick B']);
  });

  it('is none where the path is a file, and nobody else’s disk is told of', () => {
    const { attached, chosen, names } = chosenOf('/home/a/disk.img');
    attached.value = [];
    expect(names()).toEqual([]);
    attached.value = [stick];
    chosen.value = ['/dev/sdb'];
    chosen.value = [];
    attached.value = [];
    expect(names()).toEqual([]);
  });
});
