import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import vue from 'eslint-plugin-vue';
import a11y from 'eslint-plugin-vuejs-accessibility';
import i18n from '@intlify/eslint-plugin-vue-i18n';
import tseslint from 'typescript-eslint';
import { LAYERS } from './scripts/layers.mjs';

/** Who may import whom: one rule per room, from the table in scripts/layers.mjs. test/architecture proves that each bites. */
const layers = LAYERS.map(({ room, files, forbidden, reason }) => ({
  name: `layers/${room}`,
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: forbidden.map((regex) => ({ regex, message: `${room}: ${reason}` })) },
    ],
  },
}));

/** The graph of imports is what the floors are checked by: all of it stands at the top of its files. */
const NO_DYNAMIC_IMPORT = {
  selector: 'ImportExpression',
  message: 'import it at the top of the file, so that it can be seen who imports whom.',
};

export default tseslint.config(
  { ignores: ['out/', 'node_modules/', 'test-results/', '.cache/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...a11y.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-undef': 'off',
      'no-control-regex': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['src-renderer/**/*.vue'],
    plugins: { '@intlify/vue-i18n': i18n },
    settings: { 'vue-i18n': { localeDir: './src-engine/words/{en,fr}.json', messageSyntaxVersion: '^11.0.0' } },
    rules: {
      '@intlify/vue-i18n/no-raw-text': ['error', { ignorePattern: '^[-·→@%:/.,()…–—+]+$' }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/multi-word-component-names': 'off',
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
    rules: { 'no-undef': 'off' },
  },
  ...layers,
  {
    name: 'imports at the top',
    files: ['src-{engine,main,renderer}/**/*.{ts,vue}'],
    rules: { 'no-restricted-syntax': ['error', NO_DYNAMIC_IMPORT] },
  },
  {
    name: 'one listener to pages',
    files: ['src-main/**/*.ts'],
    ignores: ['src-main/desktop/page-messages.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        NO_DYNAMIC_IMPORT,
        {
          selector: 'Identifier[name="ipcMain"]',
          message: 'src-main/desktop/page-messages.ts alone listens to pages: it checks who sends.',
        },
      ],
    },
  },
  prettier,
);
