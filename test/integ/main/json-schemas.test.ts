/** Every line that commands print with --json, judged by somebody else's validator against the schema in the documentation. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandLine } from '../../support/command-line.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const SCHEMA = join(import.meta.dirname, '../../../docs/schema/line.schema.json');
const JUDGE = `
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in open(sys.argv[2], encoding="utf-8"):
    if not validator.is_valid(json.loads(line)):
        print(line[:300])
`;

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

function strangersAmong(lines: readonly string[]): string {
  const path = bench.path('lines.ndjson');
  writeFileSync(path, lines.join('\n'));
  return execFileSync('python3', ['-W', 'ignore', '-c', JUDGE, SCHEMA, path], { encoding: 'utf8' });
}

test('lines of every sort are what the schema says, and PARTUUIDs what blkid says', async () => {
  const disk = bench.file('disk.img', 24 * MIB);
  run('sgdisk', '-n', '1:2048:+16M', '-c', '1:data', disk);
  run('mkfs.ext4', '-q', '-E', 'offset=1048576', '-d', '/usr/share/common-licenses', disk, '16M');
  const mbr = bench.file('mbr.img', 24 * MIB);
  execFileSync('sfdisk', ['-q', mbr], { input: 'label: dos\nlabel-id: 0x0badcafe\nstart=2048,size=8192,type=83\n' });
  const bad = bench.file('bad.json', 0);
  writeFileSync(bad, '{"name":1}');
  const lines: string[] = [];
  const json = async (...args: string[]) => {
    const { out } = await diskpress('--json', ...args);
    const printed = out.trim().split('\n');
    lines.push(...printed);
    return JSON.parse(printed.at(-1)!);
  };
  const kinds = new Set<string>();
  for (const args of [
    ['inspect', disk],
    ['inspect', mbr],
    ['capture', disk, '--name', 'one', '--plan'],
    ['capture', disk, '--name', 'one'],
    ['list'],
    ['show', 'one'],
    ['files', 'one'],
    ['files', 'one', '--volume', '1'],
    ['deploy', 'one', bench.path('out.img')],
    ['import', disk, '--look'],
    ['export', 'one', bench.path('out.qcow2'), '--format', 'qcow2', '--plan'],
    ['jobs'],
    ['log'],
    ['devices'],
    ['policies'],
    ['show', 'nobody'],
    ['inspect', '/nowhere'],
    ['machine', 'import', bad],
    ['nonsense'],
    ['delete', 'one'],
  ]) {
    const last = await json(...args);
    kinds.add(last.ok ? last.kind : last.error.code);
    if (last.ok) continue;
    // sentences, not codes
    expect(last.error.message).toMatch(/^[A-Z][^{}]* [^{}]*\.$/);
    expect(last.error.message).not.toContain(last.error.code);
    expect(last.error.hint).toMatch(/^[A-Z][^{}]*\.$/);
  }
  expect(strangersAmong(lines)).toBe('');
  expect(strangersAmong(['{"type":"result","ok":true,"kind":"job","value":{}}', '{"type":"progress"}'])).not.toBe('');
  for (const kind of [
    'inspection',
    'job',
    'templates',
    'template',
    'capture-plan',
    'import-view',
    'log',
    'devices',
    'TEMPLATE_NOT_FOUND',
  ])
    expect([...kinds]).toContain(kind);

  for (const image of [disk, mbr]) {
    const { value } = await json('inspect', image);
    const [partition] = JSON.parse(run('sfdisk', '--json', image)).partitiontable.partitions;
    const [{ partitionUuid, ref, startBytes }] = value.disk.volumes;
    expect(ref).toBe('1');
    expect(partitionUuid).toBe(partition.uuid?.toLowerCase() ?? '0badcafe-01');
    if (image === disk) {
      const uuid = run('blkid', '-p', '-O', String(startBytes), '-o', 'value', '-s', 'UUID', image).trim();
      expect(value.disk.volumes[0].fileSystem.uuid).toBe(uuid);
    }
  }
}, 120_000);
