/** Pages for those who cannot come in: what happened and how to go on. Words in the browser's language. */

export type RefusalReason = 'token-invalid' | 'no-session' | 'not-found';

interface Words {
  readonly title: string;
  readonly what: string;
  readonly todo: string;
  readonly open: string;
}

const NEW_ADDRESS = {
  en: 'Press Enter in the terminal in which Diskpress runs: it prints a new address, good for ten minutes and for one use.',
  fr: 'Appuyez sur Entrée dans le terminal où tourne Diskpress : une nouvelle adresse s’affiche, valable dix minutes et une seule fois.',
};

const OPEN = {
  en: 'Open Diskpress in a browser that has been let in before',
  fr: 'Ouvrir Diskpress dans un navigateur déjà admis',
};

const WORDS: Record<'en' | 'fr', Record<RefusalReason, Words>> = {
  en: {
    'token-invalid': {
      title: 'This address is used up',
      what: 'The address was opened before, or is older than ten minutes. Nothing is lost: what runs goes on.',
      todo: NEW_ADDRESS.en,
      open: OPEN.en,
    },
    'no-session': {
      title: 'This browser has not been let in',
      what: 'Diskpress runs here, and opens only for the address that it prints.',
      todo: NEW_ADDRESS.en,
      open: OPEN.en,
    },
    'not-found': {
      title: 'Nothing is here',
      what: 'There is no such page.',
      todo: 'Start at the first page.',
      open: 'Open Diskpress',
    },
  },
  fr: {
    'token-invalid': {
      title: 'Cette adresse ne sert plus',
      what: 'Elle a déjà été ouverte, ou date de plus de dix minutes. Rien n’est perdu : les tâches en cours continuent.',
      todo: NEW_ADDRESS.fr,
      open: OPEN.fr,
    },
    'no-session': {
      title: 'Ce navigateur n’est pas admis',
      what: 'Diskpress tourne ici et ne s’ouvre que par l’adresse qu’il affiche.',
      todo: NEW_ADDRESS.fr,
      open: OPEN.fr,
    },
    'not-found': {
      title: 'Il n’y a rien ici',
      what: 'Cette page n’existe pas.',
      todo: 'Repartez de la première page.',
      open: 'Ouvrir Diskpress',
    },
  },
};

/** @param acceptLanguage the request's Accept-Language header @returns a page without scripts and styles */
export function refusalPage(reason: RefusalReason, acceptLanguage = ''): string {
  const language = /^\s*fr\b/i.test(acceptLanguage) ? 'fr' : 'en';
  const { title, what, todo, open } = WORDS[language][reason];
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
