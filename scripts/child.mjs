/** Runs a program in the place of this one: its signals, its exit code. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** What a terminal sends goes to the child by itself: it is in the same group. This process only must outlive it. */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'];
const PASSED_ON = ['SIGTERM', 'SIGHUP'];

/** @returns the child; signals to this process reach it while it runs */
export function start(command, args, options) {
  const child = spawn(command, args, options);
  const listeners = [
    ...FROM_TERMINAL.map((signal) => [signal, () => {}]),
    ...PASSED_ON.map((signal) => [signal, () => child.kill(signal)]),
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  child.once('exit', () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  });
  return child;
}

/** @returns the child's exit code, or 128 and the signal's number, as shells do */
export function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
