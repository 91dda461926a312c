/** Days on which several templates stand. */
import { expect, test } from 'vitest';
import { busyDays, dayOf } from '../../../src-renderer/modules/catalog/views.ts';

test('a day is busy where several moments lie in it, as days are counted here', () => {
  const at = (hour: number, day: number) => new Date(2026, 10, day, hour).toISOString();
  const busy = busyDays([at(0, 20), at(23, 20), at(0, 21), at(12, 22), at(12, 22)]);
  expect([20, 21, 22].map((day) => busy.has(dayOf(at(5, day))))).toEqual([true, false, true]);
});
