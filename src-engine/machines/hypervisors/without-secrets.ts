/**
 * Takes out of a definition what is a secret, or may hold one: it goes with a template to whoever gets that. Source: libvirt, "Domain XML
 * format". What people and programs write freely (metadata, command lines, firmware's strings) cannot be told from a password, so all of it goes.
 */
import type { Attr, Element, Node } from '@xmldom/xmldom';

/** `secret`: which of the host's keys opens a disk; `sysinfo`: cloud-init reads addresses with tokens and whole settings from a serial number and its kin */
const FREE = new Set([
  'secret',
  'cookies',
  'cmdline',
  'initarg',
  'initargs',
  'initenv',
  'sysinfo',
  'smbios',
  'launchSecurity',
  'description',
]);
const SECRET_NAME = /passw|passphrase|secret|token|cookie|credential|^query$/i;
/** 'password=…' in an option, 'rbd:…:key=…', and who logs in by an address */
const SECRET_VALUE =
  /(pass(word|wd|phrase)?|secret|token|credentials?|[^a-z]key)["']?\s*[=:]|:\/\/[^/@\s]*:[^/@\s]*@|BEGIN [A-Z ]*PRIVATE KEY/i;
const ELEMENT = 1;
const TEXT = [3, 4];

/** @returns what was taken out, each once: 'devices/graphics@passwd' */
export function removeSecrets(domain: Element): string[] {
  const removed = new Set<string>();
  clean(domain, '', removed);
  return [...removed];
}

function clean(element: Element, path: string, removed: Set<string>): void {
  for (const attribute of [...(element.attributes as Iterable<Attr>)]) {
    const isDeclaration = attribute.name === 'xmlns' || attribute.prefix === 'xmlns';
    const name = attribute.localName ?? attribute.name;
    if (isDeclaration || !(SECRET_NAME.test(name) || SECRET_VALUE.test(attribute.value))) continue;
    element.removeAttributeNode(attribute);
    removed.add(`${path}@${name}`);
  }
  for (const child of childrenOf(element)) {
    if (TEXT.includes(child.nodeType)) {
      if (!SECRET_VALUE.test(child.nodeValue ?? '')) continue;
      removed.add(path);
    } else if (child.nodeType === ELEMENT) {
      const inner = child as unknown as Element;
      const name = inner.localName ?? '';
      const own = path === '' ? name : `${path}/${name}`;
      if (isKept(inner, path)) {
        clean(inner, own, removed);
        continue;
      }
      removed.add(own);
    }
    // comments and instructions to programs are nobody's hardware
    element.removeChild(child);
  }
}

/** Of metadata, only which system it is; of other namespaces (options for QEMU's command line), nothing. */
function isKept(element: Element, path: string): boolean {
  const name = element.localName ?? '';
  if (path === 'metadata') return name === 'libosinfo';
  if (path.startsWith('metadata/')) return true;
  return !element.namespaceURI && !FREE.has(name) && !isNamedSecret(element);
}

/** `<parameter name='PASSWORD' value='…'/>`: what it says it is, is said by its name. */
function isNamedSecret(element: Element): boolean {
  const attributes = [...(element.attributes as Iterable<Attr>)];
  const isPair = element.localName === 'entry' || attributes.some(({ name }) => name === 'value');
  return isPair && attributes.some(({ name, value }) => name === 'name' && SECRET_NAME.test(value));
}

const childrenOf = (element: Element) => [...(element.childNodes as unknown as Iterable<Node>)];
