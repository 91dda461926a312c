/** The few words that are outside the pages: the menu and what is asked at the end. In the system's language. */

const EN = {
  file: 'File',
  quit: 'Quit',
  edit: 'Edit',
  undo: 'Undo',
  redo: 'Redo',
  cut: 'Cut',
  copy: 'Copy',
  paste: 'Paste',
  selectAll: 'Select all',
  view: 'View',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  actualSize: 'Actual size',
  fullScreen: 'Full screen',
  jobsRun: 'A job is running.',
  jobsRunDetail: 'Quitting stops it. The catalog stays whole; a target that is being written stays unfinished.',
  stopAndQuit: 'Stop it and quit',
  stay: 'Go on',
  cannotStart: 'Diskpress cannot start',
};

export type Words = typeof EN;

const FR: Words = {
  file: 'Fichier',
  quit: 'Quitter',
  edit: 'Édition',
  undo: 'Annuler',
  redo: 'Rétablir',
  cut: 'Couper',
  copy: 'Copier',
  paste: 'Coller',
  selectAll: 'Tout sélectionner',
  view: 'Affichage',
  zoomIn: 'Agrandir',
  zoomOut: 'Réduire',
  actualSize: 'Taille réelle',
  fullScreen: 'Plein écran',
  jobsRun: 'Une tâche est en cours.',
  jobsRunDetail: 'Quitter l’arrête. Le catalogue reste intact ; un disque cible en cours d’écriture reste inachevé.',
  stopAndQuit: 'Arrêter et quitter',
  stay: 'Continuer',
  cannotStart: 'Diskpress ne peut pas démarrer',
};

/** @param locale as Electron tells it: `fr`, `fr-CA`, `en-GB` */
export function wordsFor(locale: string): Words {
  return /^fr\b/i.test(locale) ? FR : EN;
}
