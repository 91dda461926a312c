/** The text format of LVM2's metadata, written: as LVM2 does, a group's section first, and what the text says of itself behind it. */
import type { ConfigSection, ConfigValue } from './text.ts';

export function writeMetadata(section: ConfigSection, depth = 0): string {
  const indent = '\t'.repeat(depth);
  const sections = [...section.sections].map(
    ([name, inner]) => `${indent}${name} {\n${writeMetadata(inner, depth + 1)}${indent}}\n`,
  );
  const values = [...section.values].map(([name, value]) => `${indent}${name} = ${written(value)}\n`);
  return (depth === 0 ? [...sections, ...values] : [...values, ...sections]).join('');
}

function written(value: ConfigValue): string {
  if (typeof value === 'object') return `[${value.map(written).join(', ')}]`;
  return typeof value === 'number' ? String(value) : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}
