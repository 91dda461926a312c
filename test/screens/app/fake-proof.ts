/** The screen and the console of a made-up machine. */
const LINES = [
  '[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)',
  '[    2.311822] EXT4-fs (sda2): mounted filesystem with ordered data mode.',
  '[  OK  ] Reached target \u001b[0;1;39mmulti-user.target\u001b[0m - Multi-User System.',
  '',
  'Debian GNU/Linux 12 debian tty1',
  '',
  'debian login: ',
];
export const CONSOLE = LINES.join('\r\n');

export function screenBase64(): string {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [720, 400];
  const context = canvas.getContext('2d')!;
  context.fillRect(0, 0, 720, 400);
  context.fillStyle = '#c0c0c0';
  context.font = '14px monospace';
  LINES.forEach((line, i) => context.fillText(line.replaceAll(/\u001b\[[\d;]*m/g, ''), 8, 24 + i * 18));
  return canvas.toDataURL('image/png').split(',')[1];
}
