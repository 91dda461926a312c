/** The page for an address that leads nowhere. Words in the browser's language. */

const WORDS = {
  en: {
    title: 'Nothing is here',
    what: 'There is no such page.',
    todo: 'Start at the first page.',
    open: 'Open Diskpress',
  },
  fr: {
    title: 'Il n’y a rien ici',
    what: 'Cette page n’existe pas.',
    todo: 'Repartez de la première page.',
    open: 'Ouvrir Diskpress',
  },
};

/** @param acceptLanguage the request's Accept-Language header @returns a page without scripts and styles */
export function notFoundPage(acceptLanguage = ''): string {
  const language = /^\s*fr\b/i.test(acceptLanguage) ? 'fr' : 'en';
  const { title, what, todo, open } = WORDS[language];
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – Diskpress</title>
<h1>${title}</h1>
<p>${what}</p>
<p>${todo}</p>
<p><a href="/">${open}</a></p>
</html>
`;
}
