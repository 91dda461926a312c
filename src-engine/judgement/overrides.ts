/** Blocks that a person may take upon themselves. */
import type { Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';

/** @param overrides codes of checks, and others: a `block` of that name that may be overridden becomes a `warn` */
export function withOverrides(checks: readonly Check[], overrides: readonly string[]): Check[] {
  return checks.map((check) => {
    const isOverridden = check.level === 'block' && check.canOverride === true && overrides.includes(check.code);
    return isOverridden ? { ...check, level: 'warn' } : check;
  });
}

/** @throws EngineError `PLAN_BLOCKED` with the first check that blocks, and what it looked at */
export function refuseBlockedCheck(checks: readonly Check[]): void {
  const blocked = checks.find(({ level }) => level === 'block');
  if (blocked) throw new EngineError('PLAN_BLOCKED', { ...blocked.data, check: blocked.code });
}

/** What goes into the audit log: the blocks that were overridden. @param checks as {@link withOverrides} returns them */
export function overriddenCodes(checks: readonly Check[]): string[] {
  return [
    ...new Set(checks.filter(({ level, canOverride }) => level === 'warn' && canOverride).map(({ code }) => code)),
  ];
}
