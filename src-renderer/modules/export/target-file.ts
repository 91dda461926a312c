/** The file that an export makes: its name as it is proposed, made safe, and its path. */
import { EXPORT_ENDINGS, type ExportFormat } from '../../../src-engine/contract/index.ts';

/** Names that Windows keeps for devices, whatever follows the first dot. */
const DEVICE_NAMES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** A file name that Linux, macOS and Windows take: the engine has the last word on it. */
export function safeFileName(name: string): string {
  const bare = name
    .replaceAll(/[\p{Cc}\\/:*?"<>|]/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/[. ]+$/, '');
  if (bare === '') return 'template';
  return DEVICE_NAMES.test(bare) ? `_${bare}` : bare;
}

/** The name that is proposed: the template's, and the format's ending. */
export const proposedFileName = (templateName: string, format: ExportFormat) =>
  safeFileName(templateName) + EXPORT_ENDINGS[format];

/** The same name with the ending of another format, where it ends as the one before does. */
export function withEndingOf(fileName: string, before: ExportFormat, after: ExportFormat): string {
  return fileName.endsWith(EXPORT_ENDINGS[before])
    ? fileName.slice(0, -EXPORT_ENDINGS[before].length) + EXPORT_ENDINGS[after]
    : fileName;
}

/** The engine's machine decides which stroke is in its paths. */
export function joinPath(folder: string, name: string): string {
  const stroke = folder.includes('\\') ? '\\' : '/';
  return folder.endsWith(stroke) ? folder + name : folder + stroke + name;
}
