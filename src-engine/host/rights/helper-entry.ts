/** Entry of the helper with root's rights: `pkexec NODE helper.js`, without arguments. What it is to do comes on standard input. */
import { runHelper } from './helper.ts';

process.exitCode = await runHelper();
// what still waits, as for its input, keeps nothing
process.exit();
