/** What a page shows, kept in its address: a view can be kept, shared, and gone back to. */
import { computed } from 'vue';
import { useRoute, useRouter, type LocationQueryValue } from 'vue-router';

type Part = LocationQueryValue | LocationQueryValue[] | undefined;

/** A part of the address that is there once; '' where it is not. */
export const single = (value: Part): string => (Array.isArray(value) ? value[0] : value) ?? '';

/** A part of the address that may be there several times. */
export const several = (value: Part): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is string => Boolean(one));

/** One part of the address, read and written; what is written takes the place of what was there. Call it in a component's set-up. */
export function inAddress(key: string) {
  const route = useRoute();
  const router = useRouter();
  return computed({
    get: () => single(route.query[key]),
    set: (value: string) => void router.replace({ query: { ...route.query, [key]: value || undefined } }),
  });
}
