#!/usr/bin/env node
/** Entry of the command line. It is what an installed `diskpress` starts, by whatever Node there is: one that is too old goes on in Diskpress's own. */
import './interrupts.ts';
import { isOldNode, runInOwnNode } from './own-node.ts';

if (isOldNode()) process.exitCode = await runInOwnNode(process.argv);
// eslint-disable-next-line no-restricted-syntax -- an old Node cannot even read what this needs
else await import('./run.ts');
