/** The pages and their addresses. The address is behind the hash: it works from a server and from the application's own scheme. */
import { createRouter, createWebHashHistory } from 'vue-router';
import CapturePage from '../modules/capture/CapturePage.vue';
import CatalogPage from '../modules/catalog/CatalogPage.vue';
import DeployPage from '../modules/deploy/DeployPage.vue';
import DevicesPage from '../modules/devices/DevicesPage.vue';
import ExportPage from '../modules/export/ExportPage.vue';
import { ComparePage } from '../modules/files/index.ts';
import HomePage from '../modules/home/HomePage.vue';
import ImportPage from '../modules/import/ImportPage.vue';
import JobsPage from '../modules/jobs/JobsPage.vue';
import { MachineFormPage, MachinesPage } from '../modules/machines/index.ts';
import { PoliciesPage, PolicyPage } from '../modules/policies/index.ts';
import SettingsPage from '../modules/settings/SettingsPage.vue';
import TemplatePage from '../modules/template/TemplatePage.vue';
import { leavePage } from '../ui/index.ts';

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'home', component: HomePage },
    { path: '/catalog', name: 'catalog', component: CatalogPage },
    { path: '/templates/:id', name: 'template', component: TemplatePage },
    { path: '/templates/:id/compare', name: 'compare', component: ComparePage },
    { path: '/templates/:id/export', name: 'export', component: ExportPage },
    { path: '/import', name: 'import', component: ImportPage },
    { path: '/capture', name: 'capture', component: CapturePage },
    { path: '/deploy', name: 'deploy', component: DeployPage },
    { path: '/devices', name: 'devices', component: DevicesPage },
    { path: '/machines', name: 'machines', component: MachinesPage },
    { path: '/machines/form', name: 'machine-form', component: MachineFormPage },
    { path: '/jobs/:id?', name: 'jobs', component: JobsPage },
    { path: '/settings', name: 'settings', component: SettingsPage },
    { path: '/policies', name: 'policies', component: PoliciesPage },
    { path: '/policies/:id', name: 'policy', component: PolicyPage },
    { path: '/:rest(.*)*', redirect: { name: 'home' } },
  ],
});

router.beforeResolve((to, from) => {
  // the first page is opened, not come to; a page that stays has what is pressed on it
  if (from.name !== undefined && to.name !== from.name) leavePage();
});
