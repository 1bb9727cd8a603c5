import { query } from '../http/pages/html.ts';

/** Where a page of a site is for this visit; the empty name is the account page. */
export type Links = (name: string, parameters?: Record<string, string>) => string;

/** A path of a site, with parameters that every link of the visit carries. */
export function linksOf(
  site: { pathOf: (name: string) => string },
  always: Record<string, string> = {},
): Links {
  return (name, parameters = {}) => `${site.pathOf(name)}${query({ ...parameters, ...always })}`;
}
