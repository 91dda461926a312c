/** What a person named: a template, or a file or device. */
import { existsSync } from 'node:fs';
import type { FoundVersion } from '../../catalog/template-repository.ts';
import type { Warning } from '../../contract/warnings.ts';
import { toEngineError } from '../../core/engine-error.ts';
import type { CatalogHandle } from '../catalog-handle.ts';

/** The template that `reference` names, where no file or device of that name is there. */
export function templateNamed(catalog: CatalogHandle, reference: string): FoundVersion | null {
  if (isPath(reference)) return null;
  try {
    return catalog.looking.templates.find(reference);
  } catch (error) {
    if (toEngineError(error).code === 'TEMPLATE_NOT_FOUND') return null;
    throw error;
  }
}

/** What has a slash or begins with a dot is a path; anything else is a template's name, where one has it. */
const isPath = (reference: string): boolean => /^\.|[/\\]/.test(reference);

/** Of a template that is called like a file or folder in the working directory. */
export function alsoThere(name: string): Warning[] {
  return existsSync(name) ? [{ code: 'TEMPLATE_BEFORE_FILE', data: { name } }] : [];
}
