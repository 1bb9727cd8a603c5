/** Splits a command line as a shell does: spaces part words, quotes keep them together. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
}

/** Puts values in for `${name}`; throws for a name that nothing was kept under. */
export function fillIn(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{([\w.]+)\}/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`Nothing is known as \${${name}} yet`);
    return value;
  });
}

/** The part of an answer that a path such as `items.data.0.id` leads to, as text. */
export function partOf(answer: unknown, path: string): string {
  let value: unknown = answer;
  for (const name of path.split('.')) {
    value =
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[name]
        : undefined;
  }
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new Error(`The answer has no ${path}`);
}
