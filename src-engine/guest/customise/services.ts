/** Something that a guest is to run when it starts: as a unit of systemd, a script of SysV init, or one of OpenRC. */
import type { ChangeReason } from '../../contract/deploy.contract.ts';
import { CannotChange } from './cannot-change.ts';
import type { GuestDraft } from './draft.ts';
import type { Traits } from './traits.ts';

/** Where systemd's units lie, those of packages first. */
export const UNIT_FOLDERS = ['/usr/lib/systemd/system', '/lib/systemd/system', '/etc/systemd/system'];

export interface Service {
  /** of its files: letters and dashes */
  readonly name: string;
  readonly description: string;
  /** a command line without anything that a shell would read otherwise */
  readonly command: string;
  /** where none of them is there it has nothing to do and is not started */
  readonly onlyIf: readonly string[];
  /** before other services, as soon as file systems can be written */
  readonly isEarly: boolean;
  /** units that wait for it */
  readonly before: readonly string[];
}

/** @returns paths of what is written. @throws CannotChange */
export async function addService(
  draft: GuestDraft,
  reason: ChangeReason,
  traits: Traits,
  service: Service,
): Promise<string[]> {
  if (traits.init === 'systemd') return addUnit(draft, reason, service);
  if (traits.init === 'openrc') return addOpenRc(draft, reason, service);
  return addSysV(draft, reason, traits, service);
}

async function addUnit(draft: GuestDraft, reason: ChangeReason, service: Service): Promise<string[]> {
  const folder = '/etc/systemd/system';
  const unit = `${service.name}.service`;
  // early: without what it would wait for otherwise, since sockets that wait for it are waited for by that
  const order = service.isEarly
    ? ['DefaultDependencies=no', 'After=local-fs.target systemd-remount-fs.service', 'Conflicts=shutdown.target']
    : ['After=network.target network-online.target'];
  const before = [...service.before, ...(service.isEarly ? ['shutdown.target'] : [])];
  const lines = [
    '[Unit]',
    `Description=${service.description}`,
    ...service.onlyIf.map((condition) => `ConditionPathExists=${condition}`),
    ...order,
    ...(before.length > 0 ? [`Before=${before.join(' ')}`] : []),
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${service.command}`,
    'RemainAfterExit=yes',
    'TimeoutStartSec=0',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ];
  await draft.write(reason, `${folder}/${unit}`, lines.join('\n'), { mode: 0o644 });
  await draft.link(reason, `${folder}/multi-user.target.wants/${unit}`, `../${unit}`);
  return [`${folder}/${unit}`];
}

/** Red Hat's family keeps them in /etc/rc.d, with links from /etc; others have them in /etc itself. */
async function addSysV(draft: GuestDraft, reason: ChangeReason, traits: Traits, service: Service): Promise<string[]> {
  const top = traits.isOldRedHat || (await draft.files.exists('/etc/rc.d/init.d')) ? '/etc/rc.d' : '/etc';
  const isKnown = traits.isOldRedHat || (await draft.files.firstOf([`${top}/init.d`, `${top}/rc3.d`])) !== null;
  if (!isKnown) throw new CannotChange('no-service-manager');
  const path = `${top}/init.d/${service.name}`;
  const [start, stop] = service.isEarly ? ['04', '96'] : ['99', '01'];
  const tests = service.onlyIf.map((condition) => conditionTest(condition)).join(' || ');
  const lines = [
    '#!/bin/sh',
    `# chkconfig: 2345 ${start} ${stop}`,
    `# description: ${service.description}`,
    '### BEGIN INIT INFO',
    `# Provides: ${service.name}`,
    `# Required-Start: $local_fs${service.isEarly ? '' : ' $remote_fs $syslog $network'}`,
    '# Required-Stop:',
    '# Default-Start: 2 3 4 5',
    '# Default-Stop:',
    `# Short-Description: ${service.description}`,
    '### END INIT INFO',
    'case "$1" in',
    'start)',
    ...(tests ? [`  if ! { ${tests}; }; then exit 0; fi`] : []),
    `  exec ${service.command}`,
    '  ;;',
    'stop|status|restart|reload|force-reload) ;;',
    'esac',
    'exit 0',
    '',
  ];
  await draft.write(reason, path, lines.join('\n'), { mode: 0o755 });
  for (const level of [2, 3, 4, 5])
    await draft.link(reason, `${top}/rc${level}.d/S${start}${service.name}`, `../init.d/${service.name}`);
  return [path];
}

async function addOpenRc(draft: GuestDraft, reason: ChangeReason, service: Service): Promise<string[]> {
  const path = `/etc/init.d/${service.name}`;
  const tests = service.onlyIf.map((condition) => conditionTest(condition)).join(' || ');
  const lines = [
    '#!/sbin/openrc-run',
    `description="${service.description}"`,
    'depend() {',
    '\tneed localmount',
    service.isEarly ? '\tbefore sshd dropbear' : '\tafter net sshd',
    '}',
    'start() {',
    ...(tests ? [`\tif ! { ${tests}; }; then return 0; fi`] : []),
    `\tebegin "${service.description}"`,
    `\t${service.command}`,
    '\teend $?',
    '}',
    '',
  ];
  await draft.write(reason, path, lines.join('\n'), { mode: 0o755 });
  await draft.link(reason, `/etc/runlevels/default/${service.name}`, path);
  return [path];
}

/** As systemd.unit(5) writes conditions: `|` one of them is enough, `!` it must not be there. */
function conditionTest(condition: string): string {
  const path = condition.replace(/^[|!]+/, '');
  return condition.includes('!') ? `[ ! -e ${path} ]` : `[ -e ${path} ]`;
}
