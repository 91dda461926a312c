/**
 * Who may import whom. A room lists what it must not reach, as regular expressions over import specifiers; the reason is
 * shown with the error. ARCHITECTURE.md explains the rooms.
 */

/** The floors of the engine, from below: a room imports from its own floor only what its rule allows, and never from above. */
export const FLOORS = [
  ['contract'],
  ['core', 'words'],
  ['disk', 'tools'],
  ['formats', 'nbd', 'archive', 'volumes', 'filesystems', 'policies', 'store', 'catalog', 'machines', 'report'],
  ['guest', 'resizing'],
  ['inspection', 'writers', 'boot-chain'],
  ['versions', 'identifiers'],
  ['browsing', 'images'],
  ['judgement', 'storing'],
  ['jobs'],
  ['host'],
];

const ENGINE_ROOMS = FLOORS.flat();

/** All rooms of the floors below, but for words: the engine says codes and data. */
const below = (room) =>
  FLOORS.slice(
    0,
    FLOORS.findIndex((floor) => floor.includes(room)),
  )
    .flat()
    .filter((one) => one !== 'words');

/** Rooms that pages know nothing of. */
const HIDDEN = ENGINE_ROOMS.filter((room) => room !== 'contract' && room !== 'words');

/** Matches an import that reaches a sibling room from inside `src-engine/ROOM/…`, at any depth. */
const reaches = (rooms) => (rooms.length ? [`^(\\.\\./)+(src-engine/)?(${rooms.join('|')})/`] : []);

const FACES = ['^electron($|/)', '^vue($|/)', '^pinia$', '^reka-ui', '^(\\.\\./)+src-(main|renderer)/'];

const engineRoom = (room, mayImport, reason) => ({
  room: `src-engine/${room}`,
  files: [`src-engine/${room}/**/*.ts`],
  forbidden: [...reaches(ENGINE_ROOMS.filter((other) => other !== room && !mayImport.includes(other))), ...FACES],
  reason,
});

const without = (rooms, others) => rooms.filter((room) => !others.includes(room));
const UNKNOWN_TO_DISKS = ['nbd', 'policies', 'store', 'catalog', 'machines', 'report', 'archive', 'formats'];
const FORBIDDEN_TO_JOBS = [...reaches(['host']), ...FACES];
export const JOB_KINDS = ['boot', 'capture', 'deploy', 'export', 'extract', 'import', 'prune', 'repair', 'verify'];

const NOT_FOR_FACES = [
  `^(\\.\\./)+src-engine/(${HIDDEN.filter((room) => room !== 'host').join('|')})/`,
  '^vue($|/)',
  '^better-sqlite3',
  '^(\\.\\./)+src-renderer/',
];

/** What no page may reach. */
const NOT_FOR_PAGES = [
  `(^|/)src-engine/(${HIDDEN.join('|')})/`,
  '^node:',
  '^electron($|/)',
  '^better-sqlite3',
  '^(\\.\\./)+src-main/',
];

export const LAYERS = [
  {
    ...engineRoom('contract', [], 'the contract is read by pages too: it may import zod only.'),
    forbidden: [...reaches(ENGINE_ROOMS.filter((room) => room !== 'contract')), ...FACES, '^node:', '^better-sqlite3'],
  },
  engineRoom('core', ['contract'], 'core stands below every room but the contract.'),
  engineRoom('disk', ['core', 'contract'], 'disk ports know bytes, not formats.'),
  engineRoom('formats', ['core', 'disk', 'contract'], 'formats turn files into sources; they know nothing else.'),
  {
    room: 'src-engine/formats/*',
    files: ['src-engine/formats/*/*.ts'],
    forbidden: [
      ...reaches(ENGINE_ROOMS.filter((room) => !['formats', 'core', 'disk', 'contract'].includes(room))),
      ...FACES,
      '^\\.\\./[a-z\\d-]+/',
    ],
    reason: 'a format knows no other: what several need stands beside their folders.',
  },
  engineRoom('nbd', ['core', 'disk', 'contract'], 'a disk is served as it is, whatever is on it.'),
  engineRoom('volumes', ['core', 'disk', 'contract'], 'volumes go from a disk to its partitions, no further.'),
  engineRoom('filesystems', ['core', 'disk', 'contract'], 'file systems read a volume and nothing else.'),
  engineRoom(
    'guest',
    ['core', 'disk', 'archive', 'volumes', 'filesystems', 'contract'],
    'guests are told from the files of volumes that others opened.',
  ),
  engineRoom(
    'writers',
    ['core', 'disk', 'volumes', 'filesystems', 'guest', 'tools', 'contract'],
    'writers change the files of volumes that others opened.',
  ),
  engineRoom(
    'boot-chain',
    ['core', 'disk', 'volumes', 'filesystems', 'guest', 'contract'],
    'how a disk starts a machine is told from its bytes and from files of volumes that others opened.',
  ),
  engineRoom('tools', ['core', 'contract'], 'tools run other programs and know nothing of what they work on.'),
  engineRoom(
    'resizing',
    ['core', 'disk', 'tools', 'filesystems', 'contract'],
    'file systems get their length on a piece of something that others opened.',
  ),
  engineRoom('store', ['core', 'contract'], 'the store keeps chunks and knows no disks.'),
  engineRoom('catalog', ['core', 'contract'], 'the catalog keeps records and knows no disks.'),
  engineRoom('archive', ['core', 'disk', 'contract'], 'archives hold files; what is in those is for formats to tell.'),
  engineRoom(
    'machines',
    ['core', 'disk', 'nbd', 'tools', 'contract'],
    'machines tell facts about hardware, and start virtual ones; they know nothing of what is on a disk.',
  ),
  engineRoom('policies', ['core', 'contract'], 'policies judge facts and collect none.'),
  {
    ...engineRoom(
      'report',
      ['core', 'contract', 'words'],
      'reports are written from what they say and the words of a language.',
    ),
    forbidden: [
      ...reaches(ENGINE_ROOMS.filter((room) => !['report', 'core', 'contract', 'words'].includes(room))),
      ...FACES,
      '^node:',
    ],
  },
  engineRoom(
    'inspection',
    without(below('inspection'), UNKNOWN_TO_DISKS),
    'what is on a disk is told without the catalog.',
  ),
  engineRoom(
    'versions',
    without(below('versions'), ['policies', 'report']),
    'a stored version is read by what it says itself.',
  ),
  engineRoom(
    'identifiers',
    without(below('identifiers'), ['nbd', 'policies', 'store', 'catalog', 'machines', 'report', 'formats', 'resizing']),
    'what a disk is told apart by is renewed on a disk that others write.',
  ),
  engineRoom(
    'browsing',
    without(below('browsing'), ['policies', 'report', 'archive']),
    'the files of a version are read from the store.',
  ),
  engineRoom(
    'images',
    without(below('images'), ['policies', 'report', 'store']),
    'an image is found and opened; nothing is stored.',
  ),
  engineRoom(
    'judgement',
    without(below('judgement'), ['report', 'archive']),
    'plans are judged by facts that other rooms have read.',
  ),
  engineRoom(
    'storing',
    without(below('storing'), ['policies', 'report', 'archive', 'images']),
    'a disk becomes a version, wherever it comes from.',
  ),
  engineRoom('jobs', below('jobs'), 'jobs use every room through its ports; the host puts them together.'),
  ...JOB_KINDS.map((kind) => ({
    room: `src-engine/jobs/${kind}`,
    files: [`src-engine/jobs/${kind}/*.ts`],
    forbidden: [...FORBIDDEN_TO_JOBS, `^\\.\\./(${JOB_KINDS.filter((other) => other !== kind).join('|')})/`],
    reason: 'jobs do not stand on each other: what two of them need lies below.',
  })),
  engineRoom('host', [...below('host'), 'host'], 'the engine knows no face.'),
  {
    ...engineRoom(
      'words',
      ['contract'],
      'words are said by pages, command line and reports alike: they know the contract only.',
    ),
    forbidden: [...reaches(ENGINE_ROOMS.filter((room) => room !== 'words' && room !== 'contract')), ...FACES, '^node:'],
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
    forbidden: NOT_FOR_PAGES,
    reason: 'a page knows the contract only.',
  },
  {
    room: 'src-renderer/modules',
    files: ['src-renderer/modules/*/*.{ts,vue}'],
    forbidden: [...NOT_FOR_PAGES, '^\\.\\./[a-z-]+/(?!index\\.ts$)'],
    reason: 'a module is entered by its index.',
  },
  {
    room: 'src-renderer/app',
    files: ['src-renderer/app/**/*.{ts,vue}'],
    forbidden: [...NOT_FOR_PAGES, '^\\.\\./modules/[a-z-]+/(?!index\\.ts$|\\w+Page\\.vue$)'],
    reason: 'a module is entered by its index; the router alone names its pages.',
  },
];
