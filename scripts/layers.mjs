/**
 * Who may import whom. A room lists what it must not reach, as regular expressions over import specifiers; the reason is
 * shown with the error. ARCHITECTURE.md explains the rooms.
 */
const ENGINE_ROOMS = [
  'contract',
  'core',
  'disk',
  'formats',
  'volumes',
  'filesystems',
  'guest',
  'store',
  'archive',
  'catalog',
  'machines',
  'policies',
  'report',
  'jobs',
  'host',
];

/** Matches an import that reaches a sibling room from inside `src-engine/ROOM/…`, at any depth. */
const reaches = (rooms) => (rooms.length ? [`^(\\.\\./)+(src-engine/)?(${rooms.join('|')})/`] : []);

const FACES = ['^electron($|/)', '^vue($|/)', '^pinia$', '^reka-ui', '^(\\.\\./)+src-(main|renderer|words)/'];

const engineRoom = (room, mayImport, reason) => ({
  room: `src-engine/${room}`,
  files: [`src-engine/${room}/**/*.ts`],
  forbidden: [...reaches(ENGINE_ROOMS.filter((other) => other !== room && !mayImport.includes(other))), ...FACES],
  reason,
});

const NOT_FOR_FACES = [
  `^(\\.\\./)+src-engine/(${ENGINE_ROOMS.filter((room) => room !== 'contract' && room !== 'host').join('|')})/`,
  '^vue($|/)',
  '^better-sqlite3',
];

export const LAYERS = [
  {
    ...engineRoom('contract', [], 'the contract is read by pages too: it may import zod only.'),
    forbidden: [...reaches(ENGINE_ROOMS.filter((room) => room !== 'contract')), ...FACES, '^node:', '^better-sqlite3'],
  },
  engineRoom('core', ['contract'], 'core stands below every room but the contract.'),
  engineRoom('disk', ['core', 'contract'], 'disk ports know bytes, not formats.'),
  engineRoom('formats', ['core', 'disk', 'contract'], 'formats turn files into sources; they know nothing else.'),
  engineRoom('volumes', ['core', 'disk', 'contract'], 'volumes go from a disk to its partitions, no further.'),
  engineRoom('filesystems', ['core', 'disk', 'contract'], 'file systems read a volume and nothing else.'),
  engineRoom(
    'guest',
    ['core', 'disk', 'volumes', 'filesystems', 'contract'],
    'guests are told from the files of volumes that others opened.',
  ),
  engineRoom('store', ['core', 'contract'], 'the store keeps chunks and knows no disks.'),
  engineRoom('catalog', ['core', 'contract'], 'the catalog keeps records and knows no disks.'),
  engineRoom('archive', ['core', 'disk', 'contract'], 'archives hold files; what is in those is for formats to tell.'),
  engineRoom('machines', ['core', 'disk', 'contract'], 'machines tell facts about hardware.'),
  engineRoom('policies', ['core', 'contract'], 'policies judge facts and collect none.'),
  {
    ...engineRoom(
      'report',
      ['core', 'contract'],
      'reports are written from what they say and the words of a language.',
    ),
    forbidden: [
      ...reaches(ENGINE_ROOMS.filter((room) => !['report', 'core', 'contract'].includes(room))),
      ...FACES.slice(0, -1),
      '^(\\.\\./)+src-(main|renderer)/',
      '^node:',
    ],
  },
  engineRoom(
    'jobs',
    ENGINE_ROOMS.filter((room) => room !== 'host'),
    'jobs use every room through its ports; the host puts them together.',
  ),
  engineRoom('host', ENGINE_ROOMS, 'the engine knows no face.'),
  {
    room: 'src-words',
    files: ['src-words/**/*.ts'],
    forbidden: [
      `^(\\.\\./)+src-engine/(${ENGINE_ROOMS.filter((room) => room !== 'contract').join('|')})/`,
      ...FACES.slice(0, -1),
      '^(\\.\\./)+src-(main|renderer)/',
      '^node:',
    ],
    reason: 'words are said by pages, command line and reports alike: they know the contract only.',
  },
  {
    room: 'src-main/desktop',
    files: ['src-main/desktop/**/*.ts'],
    forbidden: NOT_FOR_FACES,
    reason: 'a face speaks the contract to the host and has no logic of its own.',
  },
  {
    room: 'src-main without Electron',
    files: ['src-main/{browser,cli,pages}/**/*.ts'],
    forbidden: [...NOT_FOR_FACES, '^electron($|/)'],
    reason: 'these faces run where Electron is not.',
  },
  {
    room: 'src-renderer',
    files: ['src-renderer/**/*.{ts,vue}'],
    forbidden: [
      `(^|/)src-engine/(${ENGINE_ROOMS.filter((room) => room !== 'contract').join('|')})/`,
      '^node:',
      '^electron($|/)',
      '^better-sqlite3',
      '^(\\.\\./)+src-main/',
    ],
    reason: 'a page knows the contract only.',
  },
];
