/** Every command of the contract: a table by domain. */
import { appOperations } from './app.ts';
import { bootOperations } from './boot.ts';
import { captureOperations } from './capture.ts';
import { catalogOperations } from './catalog.ts';
import { deployOperations } from './deploy.ts';
import { exportOperations } from './export.ts';
import { fileOperations } from './files.ts';
import { importOperations } from './import.ts';
import { jobOperations } from './jobs.ts';
import { machineOperations } from './machines.ts';
import type { Host, Operations } from './operations.ts';
import { nbdOperations } from './nbd.ts';
import { pledgeOperations } from './pledges.ts';
import { reportOperations } from './reports.ts';
import { servedMachineOperations } from './served-machines.ts';
import { settingsOperations } from './settings.ts';
import { sourceOperations } from './sources.ts';
import { templateOperations } from './templates.ts';
import { uploadOperations } from './uploads.ts';
import { vmOperations } from './vms.ts';

export const operationsOf = (host: Host): Operations => ({
  ...appOperations(host),
  ...sourceOperations(host),
  ...bootOperations(host),
  ...captureOperations(host),
  ...templateOperations(host),
  ...settingsOperations(host),
  ...deployOperations(host),
  ...fileOperations(host),
  ...importOperations(host),
  ...uploadOperations(host),
  ...exportOperations(host),
  ...nbdOperations(host),
  ...pledgeOperations(host),
  ...reportOperations(host),
  ...machineOperations(host),
  ...vmOperations(host),
  ...servedMachineOperations(host),
  ...catalogOperations(host),
  ...jobOperations(host),
});
