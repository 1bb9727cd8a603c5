import { invalidRequest } from '../kernel/errors.ts';

/** One condition of a search query, such as `-metadata["plan"]:"pro"` or `created>1600000000`. */
export interface Clause {
  readonly negated: boolean;
  readonly field: string;
  /** The key of `metadata["key"]`. */
  readonly key: string | null;
  readonly operator: ':' | '~' | '>' | '<' | '>=' | '<=';
  /** null: the field has no value. */
  readonly value: string | null;
}
export interface Query {
  readonly clauses: readonly Clause[];
  readonly joined: 'AND' | 'OR';
}

const CLAUSE =
  /\s*(-?)([a-z_.][a-z\d_.]*)(?:\[\s*(?:"([^"]*)"|'([^']*)')\s*\])?\s*(:|~|>=|<=|>|<)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+))\s*/y;
const WORD = /(AND|OR)\b/y;

/** Reads Stripe's search language: clauses joined by AND (or nothing), or all by OR. Errors: 400 when it cannot be read. */
export function parseQuery(text: string): Query {
  const clauses: Clause[] = [];
  const words = new Set<'AND' | 'OR'>();
  let at = 0;
  while (at < text.length) {
    CLAUSE.lastIndex = at;
    const match = CLAUSE.exec(text);
    if (match === null) throw unreadable();
    clauses.push(clauseOf(match));
    at = CLAUSE.lastIndex;
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[1];
    if (word === 'AND' || word === 'OR') {
      words.add(word);
      at = WORD.lastIndex;
    } else if (at < text.length) words.add('AND');
  }
  if (clauses.length === 0) throw unreadable();
  if (words.size > 1)
    throw invalidRequest('The query parameter cannot mix `AND` and `OR` operators.', {
      param: 'query',
    });
  return { clauses, joined: words.has('OR') ? 'OR' : 'AND' };
}

function clauseOf(match: RegExpExecArray): Clause {
  const [, minus, field = '', double, single, operator, quoted, apostrophed, bare] = match;
  const text = quoted ?? apostrophed;
  if (text === undefined && bare !== 'null' && !/^-?\d+(\.\d+)?$/.test(bare ?? ''))
    throw unreadable();
  return {
    negated: minus === '-',
    field,
    key: double ?? single ?? null,
    operator: operatorOf(operator),
    value: text === undefined ? (bare === 'null' ? null : (bare ?? '')) : unescaped(text),
  };
}

function operatorOf(text: string | undefined): Clause['operator'] {
  if (text === '~' || text === '>' || text === '<' || text === '>=' || text === '<=') return text;
  return ':';
}

const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, '$1');

function unreadable(): Error {
  return invalidRequest(
    'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for metadata or key:"value" to query for other fields.',
    { param: 'query' },
  );
}

/** Whether a value (or one of several) meets a clause; text is compared without regard to case. */
export function meets(value: unknown, clause: Clause): boolean {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const found = values.some((one) => holds(one, clause));
  return found !== clause.negated;
}

function holds(value: unknown, { operator, value: wanted }: Clause): boolean {
  const missing = value === null || value === undefined || value === '';
  if (wanted === null) return missing;
  if (missing) return false;
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).toLowerCase();
  if (operator === ':') return text === wanted.toLowerCase();
  if (operator === '~') return text.includes(wanted.toLowerCase());
  const number = Number(value);
  const bound = Number(wanted);
  if (operator === '>') return number > bound;
  if (operator === '<') return number < bound;
  return operator === '>=' ? number >= bound : number <= bound;
}
