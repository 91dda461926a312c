/** What rules may ask about a guest: the facts `guest.*`, by the names and types of policies/facts.ts. */
import type { Guest, GuestDatum } from '../contract/guest.contract.ts';

type Value = string | boolean | string[];
/** The shape of a fact in the policies room, which this room does not import. */
export type GuestFacts = Record<`guest.${string}`, GuestDatum<Value>>;

/** @param today the day to judge the end of life by: YYYY-MM-DD */
export function guestFacts(guest: Guest, today: string): GuestFacts {
  const { endOfLife } = guest;
  return {
    'guest.family': guest.family,
    'guest.release': guest.release,
    'guest.pointRelease': guest.pointRelease,
    'guest.architecture': guest.architecture,
    'guest.isPastEndOfLife': {
      value: endOfLife.value === null ? null : endOfLife.value.date < today,
      // the day itself is shown with it
      origin: endOfLife.value === null ? endOfLife.origin : `${endOfLife.value.date}, ${endOfLife.origin}`,
    },
    'guest.bootModes': guest.bootModes,
    'guest.kernelOrigin': guest.kernelOrigin,
    'guest.usesLvm': guest.usesLvm,
    'guest.isEncrypted': guest.isEncrypted,
    'guest.hasCloudInit': guest.hasCloudInit,
    'guest.isGeneralized': guest.isGeneralized,
    'guest.mountsByDeviceName': guest.mountsByDeviceName,
  };
}
