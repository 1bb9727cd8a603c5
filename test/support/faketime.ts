import { existsSync } from 'node:fs';

/** Of the Debian package faketime; undefined where it is not installed. */
export const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));

if (!FAKETIME) process.stdout.write('skipped: wrong clocks, there is no libfaketime (faketime)\n');

/** The environment of a process whose clock is off, by `+2m` or `-10s`. */
export const clockOffBy = (by: string): Record<string, string> => ({
  LD_PRELOAD: FAKETIME ?? '',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME: by,
});
