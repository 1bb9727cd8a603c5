import type { Authenticate, Services } from '../lib/services.ts';

/** The services with another way to know users, for one router or gate. */
export function withAuthentication<Native>(
  services: Services,
  authenticate: Authenticate<Native> | undefined,
): Services {
  // The adapter that mounts the handler is the one that hands over `native`.
  return authenticate ? { ...services, authenticate: authenticate as Authenticate } : services;
}
