/** Where dropped files lie. A page is told of what a person drops onto it, and can ask for nothing. */

interface DropEvent {
  readonly isTrusted: boolean;
  readonly dataTransfer: { readonly files: ArrayLike<File> } | null;
}

/** What is used of a page's window. The main process is compiled without the types of a browser. */
export interface DropWindow {
  readonly location: { readonly origin: string };
  addEventListener(type: 'drop', listener: (event: DropEvent) => void, isCapturing: boolean): void;
  postMessage(message: unknown, targetOrigin: string): void;
}

/** @param pathOf Electron's `webUtils.getPathForFile`: '' for what is not a file of this machine */
export function tellDroppedPaths(page: DropWindow, pathOf: (file: File) => string): void {
  const onDrop = ({ isTrusted, dataTransfer }: DropEvent) => {
    if (!isTrusted || !dataTransfer) return;
    const paths = Array.from(dataTransfer.files, pathOf).filter((path) => path !== '');
    if (paths.length > 0) page.postMessage({ type: 'diskpress:dropped', paths }, page.location.origin);
  };
  page.addEventListener('drop', onDrop, true);
}
