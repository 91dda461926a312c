/** Files that are no disks of machines, whoever says so: who can define a machine, or write an image, can name any file. */
const SYSTEM_FOLDERS = /^\/(etc|proc|sys|boot|usr(?!\/local\/)|bin|sbin|lib(32|64|x32)?)(\/|$)/;

/** @param path without links on the way */
export const isSystemFile = (path: string): boolean => SYSTEM_FOLDERS.test(path);
