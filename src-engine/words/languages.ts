/** The languages that everything is said in, on pages, on the command line and in reports. */
export const LANGUAGES = ['en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];
