/** `npm start`: installs and builds what is missing, then opens Diskpress: a window where there can be one, else an address. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findBrowser, windowArguments } from './browser.mjs';
import { ended, start } from './child.mjs';
import { electronBinary, fetchElectron, hasDisplay } from './electron.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';

const args = process.argv.slice(2);
ensureInstalled();
if (!ensureBuilt()) process.exit(1);

const display = hasDisplay();
const electron = display ? (electronBinary() ?? fetchElectron()) : null;
process.exitCode = electron ? await openDesktop(electron) : await openBrowserFace();

function openDesktop(binary) {
  // as in browser.mjs: root needs it
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return ended(start(binary, [...sandbox, root, ...args], { stdio: 'inherit', env: process.env }));
}

async function openBrowserFace() {
  const reason = display ? "Electron's binary is absent and could not be fetched" : 'There is no display';
  console.log(`${reason}: Diskpress opens in browser mode. Ctrl-C ends it.`);
  const server = start(node24, [join(root, 'out', 'main', 'cli.js'), 'serve', ...args], {
    stdio: ['inherit', 'pipe', 'pipe'],
    env: appEnvironment(),
  });
  let window = null;
  let printed = '';
  const show = (to) => (part) => {
    to.write(part);
    if (window || !display) return;
    printed += part;
    const address = /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+(?=\s|")/.exec(printed)?.[0];
    if (address) window = openWindow(address);
  };
  server.stdout.on('data', show(process.stdout));
  server.stderr.on('data', show(process.stderr));
  const code = await ended(server);
  window?.kill();
  // ended by Ctrl-C as announced
  return code === 130 ? 0 : code;
}

/** @returns the browser's process, or null where there is no browser that can do it */
function openWindow(address) {
  const browser = findBrowser();
  if (!browser) return null;
  const window = spawn(browser, windowArguments(address), { stdio: 'ignore' });
  window.on('error', () => {});
  let isEnding = false;
  process.once('SIGINT', () => (isEnding = true));
  window.on('exit', () => {
    // jobs may be running: the server stays
    if (!isEnding) console.log('The window was closed. Diskpress goes on; Ctrl-C ends it.');
  });
  return window;
}
