/**
 * The schema, one step after another. A step that has been released is never changed: the next one builds on it.
 * Everything but jobs and the audit log can be rebuilt from packs, manifests and template records.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE pack (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    length_bytes INTEGER NOT NULL,
    -- 1: replaced by a prune; the file goes when nobody reads it any more
    is_condemned INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE frame (
    -- never used twice: other processes remember where a frame lies
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pack_id INTEGER NOT NULL REFERENCES pack (id) ON DELETE CASCADE,
    offset INTEGER NOT NULL,
    head_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL
  );
  CREATE INDEX frame_pack ON frame (pack_id);
  CREATE TABLE chunk (
    hash BLOB PRIMARY KEY,
    frame_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length_bytes INTEGER NOT NULL
  ) WITHOUT ROWID;
  -- without it a prune would look through all chunks for every frame
  CREATE INDEX chunk_frame ON chunk (frame_id);
  CREATE TABLE template (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    tags TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    visibility TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT
  );
  -- a name may be used again once its template is in the bin
  CREATE UNIQUE INDEX template_name ON template (name) WHERE deleted_at IS NULL;
  CREATE TABLE version (
    template_id TEXT NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    -- name of its file in the folder of manifests
    manifest TEXT NOT NULL UNIQUE,
    -- VersionRecord as JSON
    record TEXT NOT NULL,
    health TEXT NOT NULL DEFAULT 'unverified',
    verified_at TEXT,
    deleted_at TEXT,
    PRIMARY KEY (template_id, number)
  );
  -- manifests of versions that a prune gave up, until their files are gone, and of one that a capture is about to finish
  CREATE TABLE doomed_manifest (name TEXT PRIMARY KEY);
  CREATE TABLE job (
    id TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    process_id INTEGER NOT NULL,
    is_ended INTEGER NOT NULL,
    -- JobView as JSON
    view TEXT NOT NULL
  );
  CREATE INDEX job_created ON job (created_at);
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    user TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL
  );
  `,
  `ALTER TABLE template ADD COLUMN licence TEXT NOT NULL DEFAULT 'none'`,
  `
  ALTER TABLE template ADD COLUMN owner TEXT NOT NULL DEFAULT '';
  -- names of people as a JSON array
  ALTER TABLE template ADD COLUMN shared_with TEXT NOT NULL DEFAULT '[]';
  -- null: the policy of its kind
  ALTER TABLE template ADD COLUMN policy TEXT;
  `,
  `
  -- chunks of frames that a verify could not read: not found any more, and taken back when their frame is whole again
  CREATE TABLE lost_chunk (
    frame_id INTEGER NOT NULL,
    hash BLOB NOT NULL,
    offset INTEGER NOT NULL,
    length_bytes INTEGER NOT NULL,
    PRIMARY KEY (frame_id, hash)
  ) WITHOUT ROWID;
  -- packs that get their names before their rows: what is there and stands here is nobody's
  CREATE TABLE expected_pack (name TEXT PRIMARY KEY);
  -- 1: of a version that a capture is about to finish; 0: of one that a prune gave up
  ALTER TABLE doomed_manifest ADD COLUMN is_expected INTEGER NOT NULL DEFAULT 0;
  -- counts the changes of a template; its record file has it too: a database that is behind was brought back from a copy
  ALTER TABLE template ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
  -- which machine, boot and process runs a job, as JSON; '' where an earlier Diskpress wrote the row
  ALTER TABLE job ADD COLUMN runner TEXT NOT NULL DEFAULT '';
  -- CRC-32 over the other columns; null: not written yet
  ALTER TABLE template ADD COLUMN sum INTEGER;
  ALTER TABLE version ADD COLUMN sum INTEGER;
  ALTER TABLE job ADD COLUMN sum INTEGER;
  ALTER TABLE audit ADD COLUMN sum INTEGER;
  `,
  `
  -- a version has disks; a row that was not what had been written stays so: -1 is no sum
  ALTER TABLE version RENAME TO version_of_one;
  CREATE TABLE version (
    template_id TEXT NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    -- VersionRecord as JSON
    record TEXT NOT NULL,
    deleted_at TEXT,
    sum INTEGER,
    PRIMARY KEY (template_id, number)
  );
  CREATE TABLE disk (
    template_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    -- its place among the version's disks, from 0
    place INTEGER NOT NULL,
    -- name of its file in the folder of manifests, as the version's record has it
    manifest TEXT NOT NULL UNIQUE,
    health TEXT NOT NULL DEFAULT 'unverified',
    verified_at TEXT,
    sum INTEGER,
    PRIMARY KEY (template_id, number, place),
    FOREIGN KEY (template_id, number) REFERENCES version (template_id, number) ON DELETE CASCADE
  );
  CREATE TEMP TABLE version_sums AS SELECT template_id, number, CASE
    WHEN sum IS NULL OR sum = row_sum(template_id, number, manifest, record, health, verified_at, deleted_at) THEN NULL ELSE -1
  END AS sum FROM version_of_one;
  INSERT INTO version (template_id, number, record, deleted_at, sum)
    SELECT template_id, number, record, deleted_at, version_sums.sum
    FROM version_of_one JOIN version_sums USING (template_id, number);
  INSERT INTO disk (template_id, number, place, manifest, health, verified_at, sum)
    SELECT template_id, number, 0, manifest, health, verified_at, version_sums.sum
    FROM version_of_one JOIN version_sums USING (template_id, number);
  DROP TABLE version_sums;
  DROP TABLE version_of_one;
  -- JobRecord as JSON
  ALTER TABLE job RENAME COLUMN view TO record;
  `,
];
