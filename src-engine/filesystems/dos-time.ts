/** Dates as DOS packed them into 16 bits each: fatgen103, "Date and Time Formats"; exFAT specification, section 7.4.8. */

/** @returns milliseconds since 1970 of the local time that is meant, as if it were UTC; null where a field is out of its range */
export function dosTime(date: number, time: number): number | null {
  const [year, month, day] = [1980 + (date >>> 9), (date >>> 5) & 15, date & 31];
  const [hour, minute, second] = [time >>> 11, (time >>> 5) & 63, (time & 31) * 2];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const isDate = month >= 1 && month <= 12 && new Date(ms).getUTCDate() === day;
  return isDate && hour < 24 && minute < 60 && second < 60 ? ms : null;
}
