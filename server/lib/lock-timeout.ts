/** Somebody waited longer than allowed for a subject that others kept working on. */
export class StillBusy extends Error {
  override name = 'StillBusy';
}
