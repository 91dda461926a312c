/** The network, card by card, in whichever system brings it up in this guest. */
import type { NetworkCard, SettingCode } from '../../../contract/deploy.contract.ts';
import type { Guest } from '../../../contract/guest.contract.ts';
import { CannotChange } from '../cannot-change.ts';
import type { GuestDraft } from '../draft.ts';
import type { Traits } from '../traits.ts';
import { matchCard, type Card, type CardAbilities } from './cards.ts';
import { ifcfgAbilities, writeIfcfg, writeWicked } from './ifcfg.ts';
import { ifupdownAbilities, writeIfupdown } from './ifupdown.ts';
import { netplanAbilities, writeNetplan } from './netplan.ts';
import { networkManagerAbilities, writeKeyfiles } from './network-manager.ts';
import { NETWORKD, writeNetworkd } from './networkd.ts';

const MATCHED = {
  name: 'network-card-named',
  mac: 'network-card',
  only: 'network-card-only',
  nth: 'network-card-nth',
} as const satisfies Record<Card['match']['kind'], SettingCode>;

type NetworkSystem = 'netplan' | 'network-scripts' | 'ifupdown' | 'NetworkManager' | 'systemd-networkd' | 'wicked';

/** All cards or none: they are in one file, or in the way of each other. @throws CannotChange */
export async function setNetwork(
  draft: GuestDraft,
  guest: Guest,
  traits: Traits,
  settings: readonly NetworkCard[],
): Promise<void> {
  const system = await systemInUse(draft, guest.networkSystems.value ?? [], traits);
  if (system === null) throw new CannotChange('no-network-system');
  const twice = settings.find(
    ({ card }, i) => settings.findIndex((other) => other.card.toLowerCase() === card.toLowerCase()) !== i,
  );
  if (twice) throw new CannotChange('card-twice', { card: twice.card });
  const abilities = await abilitiesOf(draft, traits, system);
  const cards: Card[] = [];
  for (const setting of settings) cards.push(await matchCard(draft, traits, abilities, setting, settings));
  const paths = await write(draft, traits, system, cards, abilities);
  for (const { setting, match } of cards) {
    const name = match.kind === 'name' ? match.name : '';
    draft.can('network', name === setting.card ? 'network-card' : MATCHED[match.kind], {
      card: setting.card,
      name,
      system,
      paths,
    });
  }
}

/** From what has files there, and which programs are there to read them. */
async function systemInUse(draft: GuestDraft, found: readonly string[], traits: Traits): Promise<NetworkSystem | null> {
  const isThere = async (...paths: string[]) => (await draft.files.firstOf(paths)) !== null;
  const hasManager = await isThere('/usr/sbin/NetworkManager', '/sbin/NetworkManager');
  const hasNetworkd = await isThere('/etc/systemd/system/multi-user.target.wants/systemd-networkd.service');
  if (found.includes('netplan')) return 'netplan';
  if (traits.isRedHat) {
    // keyfiles are what RHEL 9 writes; ifcfg files are read no more by its successor
    if (traits.distribution === 'fedora' ? traits.version >= 36 : traits.version >= 9) return 'NetworkManager';
    return found.includes('network-scripts') || traits.version < 8 ? 'network-scripts' : 'NetworkManager';
  }
  if (traits.isSuse) return hasManager && !found.includes('wicked') ? 'NetworkManager' : 'wicked';
  const { recorded } = await ifupdownAbilities(draft, traits);
  if (found.includes('ifupdown') && (recorded.length > 0 || !(hasManager || hasNetworkd))) return 'ifupdown';
  if (hasManager || found.includes('NetworkManager')) return 'NetworkManager';
  if (hasNetworkd || found.includes('systemd-networkd')) return 'systemd-networkd';
  return found.includes('ifupdown') || (await isThere('/sbin/ifup', '/usr/sbin/ifup')) ? 'ifupdown' : null;
}

function abilitiesOf(draft: GuestDraft, traits: Traits, system: NetworkSystem): Promise<CardAbilities> | CardAbilities {
  if (system === 'netplan') return netplanAbilities(draft);
  if (system === 'ifupdown') return ifupdownAbilities(draft, traits);
  if (system === 'NetworkManager') return networkManagerAbilities(draft);
  return system === 'systemd-networkd' ? NETWORKD : ifcfgAbilities(draft, traits);
}

function write(
  draft: GuestDraft,
  traits: Traits,
  system: NetworkSystem,
  cards: readonly Card[],
  abilities: CardAbilities,
): Promise<string[]> {
  if (system === 'netplan') return writeNetplan(draft, cards, abilities);
  if (system === 'ifupdown') return writeIfupdown(draft, cards, abilities);
  if (system === 'NetworkManager') return writeKeyfiles(draft, traits, cards, abilities);
  if (system === 'systemd-networkd') return writeNetworkd(draft, cards);
  return system === 'wicked' ? writeWicked(draft, cards) : writeIfcfg(draft, traits, cards, abilities);
}
