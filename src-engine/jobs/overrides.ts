/** Blocks that a person may take upon themselves. */
import type { Check } from '../contract/warnings.ts';

/** @param overrides codes of checks: a `block` of that name that may be overridden becomes a `warn` */
export function withOverrides(checks: readonly Check[], overrides: readonly Check['code'][]): Check[] {
  return checks.map((check) => (isOverridden(check, overrides) ? { ...check, level: 'warn' } : check));
}

/** What goes into the audit log: the blocks that were overridden. */
export function overriddenCodes(checks: readonly Check[], overrides: readonly Check['code'][]): string[] {
  return [...new Set(checks.filter((check) => isOverridden(check, overrides)).map(({ code }) => code))];
}

const isOverridden = ({ level, canOverride, code }: Check, overrides: readonly Check['code'][]) =>
  level === 'block' && canOverride === true && overrides.includes(code);
