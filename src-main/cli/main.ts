#!/usr/bin/env node
/** Entry of the command line. It is what an installed `diskpress` starts, by whatever Node there is: one that is too old goes on in Diskpress's own. */
import { setFlagsFromString } from 'node:v8';
import { startEngineThreadAhead } from '../../src-engine/host/engine-thread.ts';
import { keepCompiledCode } from './compiled-code.ts';
import './interrupts.ts';
import { isOldNode, runInOwnNode } from './own-node.ts';

// only messages pass here: V8 need not keep 48 MB of the main thread for what is young (its threads have limits of their own)
setFlagsFromString('--max-semi-space-size=2');
if (isOldNode()) process.exitCode = await runInOwnNode(process.argv);
else {
  keepCompiledCode();
  if (isForEngine(process.argv.slice(2))) startEngineThreadAhead();
  // eslint-disable-next-line no-restricted-syntax -- an old Node cannot even read what this needs
  await import('./run.ts');
}

/** Most commands are: what only tells of itself is not. */
function isForEngine(argv: readonly string[]): boolean {
  return (
    argv.length > 0 && !argv.some((word) => ['--help', '-h', 'help', '--version', '-V', 'completion'].includes(word))
  );
}
