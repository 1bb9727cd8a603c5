/** The customer lock was not free within the time allowed. */
export class StillBusy extends Error {
  override name = 'StillBusy';
}
