/** Logs: what is being written to is emptied and stays, with its owner; what was put aside is removed. */
import type { GuestDraft } from '../draft.ts';

const MAX_FOLDERS = 2000;
const MAX_DEPTH = 8;

/** Rotated by logrotate, syslog or an application: `.1`, `-20240101`, `.gz`, `.old`; and what sadc does not go on with once it is empty: `sa12`. */
const PUT_ASIDE = /(?:\.(?:\d{1,3}|old|gz|bz2|xz|zst|lzma)|-\d{8}(?:-\d+)?)$|^sar?\d{2,8}$/;
/** What a database keeps there, and does not start without. */
const DATABASE =
  /(?:-bin|^binlog|-relay-bin|^relay-log|^ib_logfile\d|^undo\d)(?:\.\d+|\.index|\.state)?$|\.(?:db|sqlite3?|rrd|mdb|ldb)$/i;
const PUT_ASIDE_DATABASE = /(?:-bin|^binlog|-relay-bin)\.\d{6,}$/i;

/** Written outside of /var/log: by accounting, by installers, by programs of the Red Hat family. */
const OTHER_FILES = [
  '/var/run/utmp',
  '/var/account/pacct',
  '/var/log/account/pacct',
  '/var/lib/logrotate/status',
  '/var/lib/logrotate.status',
];
const OTHER_REMOVED = [
  // wtmp and lastlog of Debian 13, made anew when they are not there
  '/var/lib/wtmpdb/wtmp.db',
  '/var/lib/lastlog/lastlog2.db',
  '/root/install.log',
  '/root/install.log.syslog',
  '/root/anaconda-ks.cfg',
  '/root/original-ks.cfg',
  '/root/anaconda-post.log',
  '/root/initial-setup-ks.cfg',
  '/root/anaconda.log',
];

export async function clearLogs(draft: GuestDraft): Promise<number> {
  let count = await clearFolder(draft, '/var/log', 0, { folders: 0 });
  for (const path of OTHER_FILES) if (await draft.empty('logs', path)) count++;
  for (const path of OTHER_REMOVED) if (await draft.remove('logs', path)) count++;
  return count;
}

async function clearFolder(
  draft: GuestDraft,
  folder: string,
  depth: number,
  seen: { folders: number },
): Promise<number> {
  if (depth > MAX_DEPTH || seen.folders++ > MAX_FOLDERS) return 0;
  let count = 0;
  for (const name of await draft.names(folder)) {
    const path = `${folder}/${name}`;
    // a link may lead out of /var/log
    if ((await draft.files.linkTarget(path)) !== null) continue;
    const node = (await draft.files.find(path))?.node;
    if (node?.kind === 'folder') {
      // a folder named by the machine id, which will be another one
      if (depth === 0 && name === 'journal') count += Number(await draft.empty('logs', path));
      else if (name !== 'lost+found') count += await clearFolder(draft, path, depth + 1, seen);
    } else if (node?.kind === 'file') {
      if (DATABASE.test(name) || PUT_ASIDE_DATABASE.test(name)) continue;
      count += Number(await (PUT_ASIDE.test(name) ? draft.remove('logs', path) : draft.empty('logs', path)));
    }
  }
  return count;
}
