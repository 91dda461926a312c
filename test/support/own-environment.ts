/** Files of tests follow each other in one process: what one of them does to its environment ends with it. */
import { afterAll } from 'vitest';

// programs of LVM complain of every descriptor that they inherit
process.env.LVM_SUPPRESS_FD_WARNINGS = '1';

const folder = process.cwd();
const variables = { ...process.env };

afterAll(() => {
  process.chdir(folder);
  for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
  Object.assign(process.env, variables);
});
