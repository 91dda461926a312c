/** Counts tests from the reports of the runners. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './ensure.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number, skips?: Record<string, number>, failures?: string[] }} Counts `skips`: how many of which file; `failures`: which, and why */

/** @returns {Counts} of a report by Vitest's reporter `json` */
export function countVitest(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  // a file that could not be loaded has no tests to fail
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    skips: Object.fromEntries(
      report.testResults
        .map((file) => [relative(root, file.name), file.assertionResults.filter(isSkipped).length])
        .filter(([, count]) => count > 0),
    ),
    failures: [
      ...broken.map((file) => failure(file.name, 'cannot be loaded', file.message)),
      ...report.testResults.flatMap((file) =>
        file.assertionResults
          .filter(({ status }) => status === 'failed')
          .map(({ fullName, failureMessages }) => failure(file.name, fullName, failureMessages[0])),
      ),
    ],
  };
}

/** One line, since who reads the end of a log may not have its middle. */
function failure(file, name, message = '') {
  const reason = message.replaceAll(ANSI, '').split('\n')[0].slice(0, 300);
  return `${relative(root, file)}: ${name}: ${reason}`;
}

/** What colours a terminal. */
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[[\d;]*m/g;

const isSkipped = ({ status }) => ['pending', 'skipped', 'todo', 'disabled'].includes(status);

/** @returns {Counts} of a report by Playwright's reporter `json` */
export function countPlaywright(path) {
  const { stats, errors, suites } = JSON.parse(readFileSync(path, 'utf8'));
  /** @type {Record<string, number>} */
  const skips = {};
  /** @type {string[]} */
  const failures = [];
  const count = (suite) => {
    suite.suites?.forEach(count);
    const skipped = suite.specs?.filter(({ tests }) => tests.some(({ status }) => status === 'skipped')).length ?? 0;
    if (skipped > 0) skips[`test/e2e/${suite.file}`] = (skips[`test/e2e/${suite.file}`] ?? 0) + skipped;
    for (const { title, file, ok, tests } of suite.specs ?? []) {
      if (ok) continue;
      const { error } = tests.flatMap(({ results }) => results).find(({ error }) => error) ?? {};
      failures.push(failure(join(root, 'test', 'e2e', file), title, error?.message));
    }
  };
  suites.forEach(count);
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected + errors.length,
    skipped: stats.skipped,
    skips,
    failures,
  };
}

/** @param {Counts[]} all */
export function sum(all) {
  const add = (key) => all.reduce((total, counts) => total + counts[key], 0);
  return { passed: add('passed'), failed: add('failed'), skipped: add('skipped') };
}

/** @param {Counts} counts */
export function inWords({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @param {Counts[]} all @returns {string[]} a line for each file of which something was skipped */
export function skippedLines(all) {
  return all
    .flatMap(({ skips = {} }) => Object.entries(skips))
    .map(([file, count]) => `skipped: ${String(count).padStart(4)} of ${file}`);
}

/** @param {Counts[]} all @returns {string[]} a line for each test that failed */
export function failedLines(all) {
  return all.flatMap(({ failures = [] }) => failures.map((line) => `failed: ${line}`));
}
