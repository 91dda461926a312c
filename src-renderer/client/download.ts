/** A file that the page has made itself, kept where the browser or the window keeps what is downloaded. */

/** How long a download may take to begin: a window asks where to first. */
const KEPT_MS = 60_000;

export function download(fileName: string, content: Blob) {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
