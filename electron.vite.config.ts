import { resolve } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'electron-vite';

const at = (path: string) => resolve(import.meta.dirname, path);

/** Of many files, and in the way of every start of the command line: read in one piece they take a third less of it. */
const BUNDLED = ['zod', 'yaml', 'commander', '@intlify/core-base', '@xmldom/xmldom', 'systeminformation'];

/**
 * Three builds: `main` (the desktop, the command line and the engine's workers, which share chunks), `preload` (CommonJS:
 * a sandboxed preload cannot be a module) and `renderer` (the pages, the same for Electron and for the browser face).
 */
export default defineConfig({
  main: {
    build: {
      outDir: at('out/main'),
      externalizeDeps: { exclude: BUNDLED },
      rollupOptions: {
        input: {
          desktop: at('src-main/desktop/main.ts'),
          cli: at('src-main/cli/main.ts'),
          engine: at('src-engine/host/worker.ts'),
          press: at('src-engine/host/press-worker.ts'),
          helper: at('src-engine/host/rights/helper-entry.ts'),
        },
        // side by side: what is in a shared chunk finds the workers beside itself
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: at('out/preload'),
      externalizeDeps: false,
      rollupOptions: {
        input: { preload: at('src-main/desktop/preload.ts') },
        external: ['electron'],
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: at('src-renderer'),
    base: './',
    /** a comment before a template's root would make a fragment of it */
    plugins: [vue({ template: { compilerOptions: { comments: false } } })],
    /** vue-i18n without its legacy interface; messages are compiled to data, never to code, so that `script-src 'self'` holds */
    define: {
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      __VUE_I18N_FULL_INSTALL__: 'false',
      __VUE_I18N_LEGACY_API__: 'false',
      __INTLIFY_PROD_DEVTOOLS__: 'false',
      __INTLIFY_DROP_MESSAGE_COMPILER__: 'false',
    },
    build: {
      outDir: at('out/renderer'),
      emptyOutDir: true,
      target: 'es2024',
      minify: true,
      /** the pages are read from this machine: one file more or less costs nothing */
      chunkSizeWarningLimit: 1000,
      /** an inlined image or script would need `data:` in the policy */
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: { input: at('src-renderer/index.html') },
    },
  },
});
