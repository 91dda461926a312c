/** Places of virtual machines: what they name, and what could be something else than a name. */
import { describe, expect, test } from 'vitest';
import {
  isVmPlace,
  nameInVmPlace,
  parseSshHost,
  parseVmPlace,
  writeRemotePlace,
  writeSshHost,
} from '../../../src-engine/contract/vm-place.ts';

describe('a place', () => {
  test.each([
    ['libvirt:lab', { scheme: 'libvirt', name: 'lab' }],
    ['libvirt:a:b', { scheme: 'libvirt', name: 'a:b' }],
    ['libvirt:--help', { scheme: 'libvirt', name: '--help' }],
    ['vbox:it\'s "q"', { scheme: 'vbox', name: 'it\'s "q"' }],
    ['vmx:/v/my lab/a.vmx', { scheme: 'vmx', path: '/v/my lab/a.vmx' }],
    ['qemu:4711', { scheme: 'qemu', pid: 4711 }],
    ['libvirt+ssh://lab:web', { scheme: 'libvirt+ssh', user: null, host: 'lab', port: null, name: 'web' }],
    ['libvirt+ssh://lab:2222:web', { scheme: 'libvirt+ssh', user: null, host: 'lab', port: 2222, name: 'web' }],
    [
      'libvirt+ssh://root@lab:22:8080:x',
      { scheme: 'libvirt+ssh', user: 'root', host: 'lab', port: 22, name: '8080:x' },
    ],
    ['libvirt+ssh://lab:4711', { scheme: 'libvirt+ssh', user: null, host: 'lab', port: null, name: '4711' }],
    [
      'libvirt+ssh://a@[fe80::1%eth0]:22:x',
      { scheme: 'libvirt+ssh', user: 'a', host: 'fe80::1%eth0', port: 22, name: 'x' },
    ],
    ['libvirt+ssh://[::1]:a/b@c', { scheme: 'libvirt+ssh', user: null, host: '::1', port: null, name: 'a/b@c' }],
  ])('%s', (place, meaning) => {
    expect(isVmPlace(place)).toBe(true);
    expect(parseVmPlace(place)).toEqual(meaning);
  });

  test.each([
    ['libvirt:', 'name'],
    ['libvirt:a\nb', 'name'],
    ['libvirt:a\0', 'name'],
    [`libvirt:${'n'.repeat(501)}`, 'name'],
    ['vbox:', 'name'],
    ['vmx:', 'path'],
    ['vmx:/a\0b', 'path'],
    ['qemu:', 'pid'],
    ['qemu:-1', 'pid'],
    ['qemu:0', 'pid'],
    ['qemu:1/../2', 'pid'],
    ['qemu:99999999', 'pid'],
    ['libvirt+ssh:lab:x', 'host'],
    ['libvirt+ssh://lab', 'host'],
    ['libvirt+ssh://:x', 'host'],
    ['libvirt+ssh://-oProxyCommand=touch$IFS/tmp/x:x', 'host'],
    ['libvirt+ssh://a b:x', 'host'],
    ['libvirt+ssh://lab/system?command=/bin/sh:x', 'host'],
    ['libvirt+ssh://lab?command=sh:x', 'host'],
    ['libvirt+ssh://lab#x:x', 'host'],
    ['libvirt+ssh://lab\n:x', 'host'],
    ['libvirt+ssh://[::1:x', 'host'],
    ['libvirt+ssh://[lab]:x', 'host'],
    ['libvirt+ssh://-l@lab:x', 'user'],
    ['libvirt+ssh://@lab:x', 'user'],
    ['libvirt+ssh://a b@lab:x', 'user'],
    ['libvirt+ssh://a@b@lab:x', 'user'],
    ['libvirt+ssh://lab:0:x', 'port'],
    ['libvirt+ssh://lab:65536:x', 'port'],
    ['libvirt+ssh://lab:', 'name'],
  ])('%j has a fault: its %s', (place, fault) => {
    expect(isVmPlace(place)).toBe(true);
    expect(parseVmPlace(place)).toEqual({ fault });
  });

  test.each(['/v/a.vmx', './libvirt:a', 'libvirtd:a', 'a.img', ''])('%j is a file', (path) => {
    expect(isVmPlace(path)).toBe(false);
  });

  test('gives a name to begin with', () => {
    expect(['libvirt:a:b', 'vmx:/v/my lab.vmx', 'libvirt+ssh://u@h:1:web', 'qemu:12'].map(nameInVmPlace)).toEqual([
      'a:b',
      'my lab',
      'web',
      '12',
    ]);
  });
});

describe('a host', () => {
  test.each(['lab', 'root@lab.example', 'a@10.0.0.1:2222', '[::1]', 'u@[fe80::1]:22'])(
    '%s is written as it is read',
    (address) => {
      const host = parseSshHost(address);
      expect('fault' in host ? host : writeSshHost(host)).toBe(address);
    },
  );

  test('and a machine are found again by their place', () => {
    const host = { user: 'u', host: '::1', port: 2222 };
    for (const name of ['web', '8080:x', 'a:b', '4711'])
      expect(parseVmPlace(writeRemotePlace(host, { name, id: 'id-1' }))).toEqual({
        scheme: 'libvirt+ssh',
        ...host,
        name: name === '8080:x' ? 'id-1' : name,
      });
    expect(writeRemotePlace({ user: null, host: 'h', port: null }, { name: '22:x', id: 'id-1' })).toBe(
      'libvirt+ssh://h:id-1',
    );
  });
});
