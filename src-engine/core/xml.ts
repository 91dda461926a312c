/** XML. What others wrote is read without entities, to a depth, and in a size that whoever reads the bytes has bounded. */
import { DOMImplementation, DOMParser, XMLSerializer, type Element } from '@xmldom/xmldom';
import { EngineError } from './engine-error.ts';

/** Elements of elements: more than any document here has, and few enough for every walk. */
const MAX_DEPTH = 32;
const MAX_SAID = 200;

/**
 * @param field what the document is, for the error @param rootName local name of its root
 * @throws EngineError `FORMAT_INVALID` (data: field, value)
 */
export function parseXml(text: string, field: string, rootName: string): Element {
  // entities are not expanded here, and nobody needs them: whoever declares some is not to be trusted
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new EngineError('FORMAT_INVALID', { field, value: 'DOCTYPE' });
  let root: Element | null;
  try {
    const onError = (level: string, message: string) => {
      if (level !== 'warning') throw new SyntaxError(message.slice(0, MAX_SAID));
    };
    root = new DOMParser({ onError }).parseFromString(text, 'text/xml').documentElement;
  } catch (cause) {
    throw new EngineError('FORMAT_INVALID', { field, value: 'XML' }, '', { cause });
  }
  if (root?.localName !== rootName) throw new EngineError('FORMAT_INVALID', { field, value: rootName });
  if (isDeeper(root, MAX_DEPTH)) throw new EngineError('FORMAT_INVALID', { field, value: 'depth' });
  return root;
}

function isDeeper(element: Element, depth: number): boolean {
  if (depth === 0) return true;
  for (const child of childrenOf(element)) if (isDeeper(child, depth - 1)) return true;
  return false;
}

export function* childrenOf(element: Element): Generator<Element> {
  for (let child = element.firstChild; child; child = child.nextSibling) {
    if (child.nodeType === 1) yield child as unknown as Element;
  }
}

/** Its own elements of that name, whatever their prefix. */
export function* childrenNamed(element: Element, name: string): Generator<Element> {
  for (const child of childrenOf(element)) if (child.localName === name) yield child;
}

export function childNamed(element: Element | null, name: string): Element | null {
  return element ? (childrenNamed(element, name).next().value ?? null) : null;
}

/** At any depth, but not inside one that was found. */
export function* find(element: Element, name: string): Generator<Element> {
  for (const child of childrenOf(element)) {
    if (child.localName === name) yield child;
    else yield* find(child, name);
  }
}

/** @returns what its first element of that name says; '' where there is none */
export function textOf(element: Element | null, name: string): string {
  return childNamed(element, name)?.textContent?.trim() ?? '';
}

/** @returns whatever its prefix; '' where there is none */
export function attribute(element: Element | null, name: string): string {
  for (const { localName, value } of element?.attributes ?? []) if (localName === name) return value;
  return '';
}

/** An element that is to be written: its name, its attributes, what it holds. What is null is left out. */
export type XmlNode = readonly [
  name: string,
  attributes?: Readonly<Record<string, string>>,
  ...content: (XmlNode | string | null)[],
];

/** @returns XML; every text in it is escaped */
export function writeXml(root: XmlNode): string {
  const document = new DOMImplementation().createDocument(null, root[0]);
  const fill = (element: Element, [, attributes = {}, ...content]: XmlNode) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    for (const one of content) {
      if (one === null) continue;
      if (typeof one === 'string') {
        element.appendChild(document.createTextNode(one));
        continue;
      }
      const child = document.createElement(one[0]);
      element.appendChild(child);
      fill(child, one);
    }
  };
  fill(document.documentElement!, root);
  return new XMLSerializer().serializeToString(document);
}
