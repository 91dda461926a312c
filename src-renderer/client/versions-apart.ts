/** Versions by their dates; those of one day by their times. */
import { useFormat } from './format.ts';

type Dated = { readonly createdAt: string };

/** Call it in a component's set-up. */
export function useVersionsApart() {
  const { date, dateTime } = useFormat();
  /** @param among all that it is to be told apart from, and perhaps itself */
  return (version: Dated, among: readonly Dated[]): string => {
    const day = date(version.createdAt);
    const isAlone = among.filter(({ createdAt }) => date(createdAt) === day).length < 2;
    return isAlone ? day : dateTime(version.createdAt);
  };
}
