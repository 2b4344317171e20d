// Numbers, sizes and times for people, in their language and time zone.

import { DAY, HOUR, MINUTE } from './time';

export type Style = 'time' | 'seconds' | 'day' | 'dayTime' | 'full' | 'month';

const STYLES: Record<Style, Intl.DateTimeFormatOptions> = {
  time: { hour: '2-digit', minute: '2-digit' },
  seconds: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  day: { weekday: 'short', day: 'numeric', month: 'short' },
  dayTime: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  full: { dateStyle: 'medium', timeStyle: 'medium' },
  month: { month: 'long', year: 'numeric' },
};

const formats = new Map<string, Intl.DateTimeFormat>();

export function formatTime(time: number, style: Style, language: string): string {
  const key = `${style} ${language}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(language, STYLES[style]);
    formats.set(key, format);
  }
  return format.format(time);
}

/** What stands at an axis: the hours of a day by their time, with the day under the first of them. */
export function formatTicks(times: readonly number[], style: Style, language: string): string[] {
  if (style !== 'dayTime') return times.map((time) => formatTime(time, style, language));
  const days = times.map((time) => formatTime(time, 'day', language));
  return times.map((time, index) => {
    const hour = formatTime(time, 'time', language);
    return days[index] === days[index - 1] ? hour : `${hour}\n${days[index]}`;
  });
}

export function formatNumber(value: number, language: string, digits = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export function formatPercent(value: number, language: string): string {
  return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }).format(value);
}

const PREFIXES = ['', 'k', 'M', 'G', 'T'];

export function formatBytes(bytes: number, language: string): string {
  return `${scaled(bytes, language)}B`;
}

/** `968 kb/s`, `4.2 Mb/s`: bits a second, as cameras are set up. */
export function formatBitrate(bits: number, language: string): string {
  return `${scaled(bits, language)}b/s`;
}

function scaled(amount: number, language: string): string {
  const power = amount < 1 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log10(amount) / 3));
  const value = amount / 1000 ** power;
  return `${formatNumber(value, language, power > 0 && value < 10 ? 1 : 0)} ${PREFIXES[power] ?? ''}`;
}

/** `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`: the two largest parts. */
export function formatDuration(ms: number, language: string): string {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return `${formatNumber(whole / 1000, language, whole < 10_000 ? 1 : 0)} s`;
  const pair = (large: number, small: number, a: string, b: string) => {
    const first = Math.floor(whole / large);
    const second = Math.floor((whole % large) / small);
    return second > 0 ? `${first} ${a} ${second} ${b}` : `${first} ${a}`;
  };
  if (whole < HOUR) return pair(MINUTE, 1000, 'min', 's');
  if (whole < DAY) return pair(HOUR, MINUTE, 'h', 'min');
  return pair(DAY, HOUR, 'd', 'h');
}
