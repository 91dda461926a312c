import type { GuestDatum } from '../contract/guest.contract.ts';

/** A value and where it was read. */
export function known<T>(value: T, origin: string): GuestDatum<T> {
  return { value, origin };
}

/** @param origin where it was looked for */
export function unknown(origin = ''): { value: null; origin: string } {
  return { value: null, origin };
}
