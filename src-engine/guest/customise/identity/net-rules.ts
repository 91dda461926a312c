/** What binds the network to the cards of the machine that was captured: on another one it would stay without. */
import { CannotChange } from '../cannot-change.ts';
import { shown, type GuestDraft } from '../draft.ts';
import { iniValue, withoutIniKey } from '../ini-edit.ts';
import { isEthernetName } from '../network/cards.ts';
import { netplanCards } from '../network/netplan.ts';
import { removeAssignments } from '../shell-assignments.ts';
import { withoutPair } from '../yaml-edit.ts';

const RULES = [
  '/etc/udev/rules.d/70-persistent-net.rules',
  '/etc/udev/rules.d/70-net-name.rules',
  '/etc/udev/rules.d/30-net_persistent_names.rules',
  '/etc/udev/rules.d/z25_persistent-net.rules',
  '/etc/udev/rules.d/z25_persistent-net.rules.old',
  '/etc/sysconfig/hwconf',
];

export async function freeNetworkCards(draft: GuestDraft): Promise<void> {
  const paths: string[] = [];
  for (const path of RULES) if (await draft.remove('net-rules', path)) paths.push(path);
  paths.push(...(await freeIfcfg(draft)), ...(await freeKeyfiles(draft)), ...(await freeNetworkd(draft)));
  // one file that cannot be read leaves the others
  try {
    paths.push(...(await freeNetplan(draft)));
  } catch (error) {
    if (!(error instanceof CannotChange)) throw error;
    draft.cannot('net-rules', error.code, error.data);
  }
  if (paths.length > 0) draft.can('net-rules', 'cards-freed', { paths });
  else draft.can('net-rules', 'nothing-there');
}

async function freeIfcfg(draft: GuestDraft): Promise<string[]> {
  const folder = '/etc/sysconfig/network-scripts';
  const paths: string[] = [];
  for (const name of (await draft.names(folder)).filter((one) => /^ifcfg-./.test(one) && one !== 'ifcfg-lo')) {
    const path = `${folder}/${name}`;
    const text = await draft.glance(path);
    const edited = removeAssignments(text ?? '', (key) => key === 'HWADDR');
    if (text === null || edited === text) continue;
    await draft.write('net-rules', path, edited);
    paths.push(path);
  }
  return paths;
}

async function freeKeyfiles(draft: GuestDraft): Promise<string[]> {
  const folder = '/etc/NetworkManager/system-connections';
  const paths: string[] = [];
  for (const name of await draft.names(folder)) {
    const path = `${folder}/${name}`;
    const text = await draft.glance(path);
    if (text === null) continue;
    const edited = ['ethernet', '802-3-ethernet'].reduce(
      (rest, section) => withoutIniKey(rest, section, 'mac-address'),
      text,
    );
    if (edited === text) continue;
    await draft.write('net-rules', path, edited);
    paths.push(path);
  }
  return paths;
}

/** An address beside a name goes; one that is all there is stays, since without it every card would be meant. */
async function freeNetworkd(draft: GuestDraft): Promise<string[]> {
  const folder = '/etc/systemd/network';
  const paths: string[] = [];
  for (const name of (await draft.names(folder)).filter((one) => one.endsWith('.network'))) {
    const path = `${folder}/${name}`;
    const text = await draft.glance(path);
    if (text === null) continue;
    const keys = ['MACAddress', 'PermanentMACAddress'].filter((key) => iniValue(text, 'Match', key) !== '');
    if (keys.length === 0) continue;
    if (iniValue(text, 'Match', 'Name') === '') draft.cannot('net-rules', 'card-bound-by-mac', { path: shown(path) });
    else {
      await draft.write(
        'net-rules',
        path,
        keys.reduce((rest, key) => withoutIniKey(rest, 'Match', key), text),
      );
      paths.push(path);
    }
  }
  return paths;
}

/** The id of an entry without conditions is the card's name: as cloud-init writes it, with the address and the name twice. */
async function freeNetplan(draft: GuestDraft): Promise<string[]> {
  const paths = new Set<string>();
  for (const { path, id, mac, setName, conditions } of await netplanCards(draft)) {
    if (mac === '') continue;
    const own = ['network', 'ethernets', id];
    const isName = isEthernetName(id) && (setName === '' || setName === id);
    if (conditions === 1 && !isName) {
      draft.cannot('net-rules', 'card-bound-by-mac', { path: shown(path) });
      continue;
    }
    await draft.edit('net-rules', path, (text) => {
      const freed = withoutPair(
        shown(path),
        text,
        conditions === 1 ? [...own, 'match'] : [...own, 'match', 'macaddress'],
      );
      return conditions === 1 ? withoutPair(shown(path), freed, [...own, 'set-name']) : freed;
    });
    paths.add(path);
  }
  return [...paths];
}
