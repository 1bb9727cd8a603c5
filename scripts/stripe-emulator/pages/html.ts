/** A piece of markup that needs no further escaping. Only `html` makes one. */
export interface Markup {
  readonly markup: string;
}

type Part = string | number | Markup | readonly Markup[] | null | undefined | false;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeText = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeText(part);
  if (typeof part === 'number') return String(part);
  return 'markup' in part ? part.markup : part.map((each) => each.markup).join('');
}

/** Markup from a template: every value that is not already markup is escaped. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  const markup = strings.reduce((text, each, index) => text + render(parts[index - 1]) + each);
  return { markup };
}

/** A link's address: only web addresses and paths of this server pass, never `javascript:`. */
export const safeHref = (url: string): string => (/^(https?:\/\/|\/)/i.test(url) ? url : '#');
