/** A catalog of thousands: copies of the rows of one template that was captured, each under a name of its own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { addRowSum, signRows } from '../../src-engine/catalog/row-sum.ts';

type Row = Record<string, string | number | null>;

const SYSTEMS = ['Debian GNU/Linux 12 (bookworm)', 'Windows 11 Pro', 'CentOS Linux 7 (Core)'];
const OWNERS = ['ana', 'bo', 'chi', 'dee'];

/**
 * The copies have no manifests: they can be listed, and nothing else.
 * @param catalog folder of a catalog that holds one template; others may have it open
 * @returns the names, `machine 00001` and so on; every hundredth is public
 */
export function multiplyTemplate(catalog: string, count: number): string[] {
  const db = new Database(join(catalog, 'catalog.db'));
  try {
    const template = db.prepare('SELECT * FROM template').get() as Row;
    const version = db.prepare('SELECT * FROM version').get() as Row;
    const disk = db.prepare('SELECT * FROM disk').get() as Row;
    const insert = (table: string, row: Row) =>
      db.prepare(
        `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${Object.keys(row)
          .map((key) => `@${key}`)
          .join()})`,
      );
    const [addTemplate, addVersion, addDisk] = [
      insert('template', template),
      insert('version', version),
      insert('disk', disk),
    ];
    const record = JSON.parse(String(version.record)) as { configuration: object; disks: object[] };
    const names = Array.from({ length: count }, (_, i) => `machine ${String(i + 1).padStart(5, '0')}`);
    db.transaction(() => {
      for (const [i, name] of names.entries()) {
        const id = randomUUID();
        const manifest = randomUUID();
        const disks = record.disks.map((one) => ({ ...one, manifest }));
        const configuration = { ...record.configuration, operatingSystem: SYSTEMS[i % SYSTEMS.length] };
        const owner = OWNERS[i % OWNERS.length];
        addTemplate.run({ ...template, sum: null, id, name, owner, visibility: i % 100 === 99 ? 'public' : 'private' });
        addVersion.run({
          ...version,
          sum: null,
          template_id: id,
          record: JSON.stringify({ ...record, configuration, disks }),
        });
        addDisk.run({ ...disk, sum: null, template_id: id, manifest });
      }
      // as rows are that Diskpress wrote: whoever lists them looks at their sums
      addRowSum(db);
      for (const table of ['template', 'version', 'disk'] as const) signRows(db, table, 'TRUE');
    })();
    return names;
  } finally {
    db.close();
  }
}
