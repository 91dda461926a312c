/** All that the palette offers: places, what can be begun, templates, jobs, themes. */
import { computed } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRouter, type RouteLocationRaw } from 'vue-router';
import { THEMES } from '../../src-engine/contract/index.ts';
import { isDeployable, useCatalog } from '../modules/catalog/index.ts';
import { useJobs, useJobWords } from '../modules/jobs/index.ts';
import { useSettings } from '../modules/settings/index.ts';
import { GO_KEYS, type Place } from './shortcuts.ts';

export interface Command {
  readonly id: string;
  readonly name: string;
  /** what kind of thing it is, where the name does not say it */
  readonly note?: string;
  /** keys that do the same */
  readonly keys?: string;
  run(): unknown;
}

const MOST_JOBS = 20;

/** Call it in a component's set-up. */
export function useCommands() {
  const { t } = useI18n();
  const router = useRouter();
  const catalog = useCatalog();
  const jobs = useJobs();
  const jobWords = useJobWords();
  const settings = useSettings();
  const goes = (to: RouteLocationRaw) => () => router.push(to);

  const places = computed(() =>
    (Object.keys(GO_KEYS) as Place[]).map((place) => ({
      id: `go ${place}`,
      name: t('commands.go', { place: t(`rail.${place}`) }),
      keys: `g ${GO_KEYS[place]}`,
      run: goes({ name: place }),
    })),
  );
  const begins = computed(() =>
    (['capture', 'import', 'deploy'] as const).map((name) => ({
      id: name,
      name: t(`home.${name}`),
      run: goes({ name }),
    })),
  );
  const themes = computed(() =>
    THEMES.map((theme) => ({
      id: `theme ${theme}`,
      name: t('commands.theme', { theme: t(`settings.theme.${theme}`) }),
      run: () => (settings.theme = theme),
    })),
  );
  const templates = computed(() =>
    catalog.templates.flatMap((template) => [
      {
        id: template.id,
        name: template.name,
        note: t('commands.template'),
        run: goes({ name: 'template', params: { id: template.id } }),
      },
      ...(isDeployable(template)
        ? [
            {
              id: `deploy ${template.id}`,
              name: t('commands.deploy', { name: template.name }),
              run: goes({ name: 'deploy', query: { template: template.id } }),
            },
          ]
        : []),
    ]),
  );
  const recent = computed(() =>
    jobs.jobs.slice(0, MOST_JOBS).map((job) => ({
      id: job.id,
      name: jobWords.title(job),
      note: t('commands.job'),
      run: goes({ name: 'jobs', params: { id: job.id } }),
    })),
  );
  return computed<Command[]>(() => [
    ...begins.value,
    ...places.value,
    ...templates.value,
    ...recent.value,
    ...themes.value,
  ]);
}
