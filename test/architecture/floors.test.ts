/** The floors of the engine as its files really import each other: no arrow upwards, no circle. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';
import { FLOORS } from '../../scripts/layers.mjs';

const root = resolve(import.meta.dirname, '../..');

/** For each file the files of the project that it imports, types too. Paths from the root. */
type Graph = ReadonlyMap<string, readonly string[]>;

function importsOf(path: string, text: string): string[] {
  const script = path.endsWith('.vue') ? (/<script[^>]*>([^]*?)<\/script>/.exec(text)?.[1] ?? '') : text;
  return ts.preProcessFile(script, true, true).importedFiles.map(({ fileName }) => fileName);
}

function graphOf(paths: readonly string[]): Graph {
  return new Map(
    paths.map((path) => {
      const imports = importsOf(path, readFileSync(join(root, path), 'utf8'));
      const own = imports.filter((name) => name.startsWith('.')).map((name) => join(dirname(path), name));
      return [path, own.filter((name) => existsSync(join(root, name)))];
    }),
  );
}

/** @returns each circle once, as the files on it */
function circlesOf(graph: Graph): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (path: string) => {
    const at = way.indexOf(path);
    if (at >= 0) circles.push([...way.slice(at), path]);
    if (at >= 0 || done.has(path)) return;
    way.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    way.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return circles;
}

const roomOf = (path: string) => path.split('/')[1];
const floorOf = (path: string) => FLOORS.findIndex((floor) => floor.includes(roomOf(path)));

/** @returns 'from -> to' of each import that goes up a floor */
function arrowsUp(graph: Graph): string[] {
  return [...graph].flatMap(([path, imports]) =>
    imports
      .filter((to) => path.startsWith('src-engine/') && to.startsWith('src-engine/') && floorOf(to) > floorOf(path))
      .map((to) => `${path} -> ${to}`),
  );
}

let graph: Graph;
beforeAll(() => {
  const found = globSync('src-{engine,main,renderer}/**/*.{ts,vue}', { cwd: root });
  graph = graphOf(found.map((path) => relative(root, resolve(root, path))));
  expect(graph.size).toBeGreaterThan(300);
});

test('every room of the engine stands on one floor', () => {
  const rooms = new Set([...graph.keys()].filter((path) => path.startsWith('src-engine/')).map(roomOf));
  expect([...rooms].sort()).toEqual([...FLOORS.flat()].sort());
});

test('no arrow goes upwards', () => {
  expect(arrowsUp(graph)).toEqual([]);
});

test('no circle, not even of types', () => {
  expect(circlesOf(graph)).toEqual([]);
});

test('both are seen where they are', () => {
  const bent: Graph = new Map([
    ['src-engine/core/a.ts', ['src-engine/store/b.ts']],
    ['src-engine/store/b.ts', ['src-engine/store/c.ts']],
    ['src-engine/store/c.ts', ['src-engine/store/b.ts']],
  ]);
  expect(arrowsUp(bent)).toEqual(['src-engine/core/a.ts -> src-engine/store/b.ts']);
  expect(circlesOf(bent)).toEqual([['src-engine/store/b.ts', 'src-engine/store/c.ts', 'src-engine/store/b.ts']]);
  expect(importsOf('a.vue', `<script setup lang="ts">import type { A } from './a.ts';</script>`)).toEqual(['./a.ts']);
});

/** Values that a file exports; a type may be exported for the sake of a signature. */
const EXPORTED_VALUE = /^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm;
const NAMES_FROM = /^(?:import|export) (?:type )?(?:\w+,\s*)?\{([^}]*)\} from '(\.[^']+)'/gm;
const ALL_FROM = /^(?:import|export) (?:type )?\* (?:as \w+ )?from '(\.[^']+)'/gm;

/** @param used files whose imports count beside those of `files` @returns 'file: name' of each value that nobody imports */
function unusedExports(files: ReadonlyMap<string, string>, used: ReadonlyMap<string, string>): string[] {
  const named = new Set<string>();
  const whole = new Set<string>();
  for (const [path, text] of used) {
    for (const [, names, from] of text.matchAll(NAMES_FROM)) {
      for (const name of names.split(',')) {
        named.add(
          `${join(dirname(path), from)}: ${
            name
              .trim()
              .replace(/^type /, '')
              .split(' as ')[0]
          }`,
        );
      }
    }
    for (const [, from] of text.matchAll(ALL_FROM)) whole.add(join(dirname(path), from));
  }
  return [...files].flatMap(([path, text]) =>
    [...text.matchAll(EXPORTED_VALUE)]
      .map(([, name]) => `${path}: ${name}`)
      .filter((place) => !named.has(place) && !whole.has(path)),
  );
}

test('nothing is exported that nobody imports', () => {
  const read = (paths: readonly string[]) =>
    new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')] as const));
  const own = read([...graph.keys()]);
  const others = read(globSync('{test,scripts}/**/*.{ts,vue,mjs}', { cwd: root }));
  expect(unusedExports(own, new Map([...own, ...others]))).toEqual([]);
});

test('an export that nobody imports is seen', () => {
  const files = new Map([
    ['src/a.ts', 'export const a = 1;\nexport function b() {}\nexport class C {}'],
    ['src/d.ts', "import { a as other } from './a.ts';\nimport type { C } from './a.ts';"],
  ]);
  expect(unusedExports(files, files)).toEqual(['src/a.ts: b']);
});
