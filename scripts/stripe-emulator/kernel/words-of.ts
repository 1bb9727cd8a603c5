import type { Wire } from './form.ts';

/** The words that the SDK's type names, without what stands for any other text. */
export type WordsOf<T> = T extends string ? (string extends T ? never : T) : never;

type Given<T> = Exclude<T, '' | null | undefined>;
/** Where the SDK's type `T` names a set of words and what is read, `V`, is any text: the paths. */
export type OpenWords<T, V> =
  Given<Wire> extends V
    ? never
    : [T] extends [string]
      ? [WordsOf<T>] extends [never]
        ? never
        : string extends V
          ? ''
          : never
      : T extends readonly (infer E)[]
        ? V extends readonly (infer W)[]
          ? OpenWords<Given<E>, Given<W>>
          : never
        : T extends object
          ? V extends object
            ? {
                [K in keyof T & keyof V & string]: `${K} ${OpenWords<Given<T[K]>, Given<V[K]>>}`;
              }[keyof T & keyof V & string]
            : never
          : never;

type Split<L extends string> = L extends `${infer Word} ${infer Rest}` ? Word | Split<Rest> : L;
type Same<A, B> = [Exclude<A, B> | Exclude<B, A>] extends [never]
  ? unknown
  : { missing: Exclude<A, B>; unknown: Exclude<B, A> };

/** All the words of an SDK type, written in lines: the compiler checks that none is missing and none is made up. */
export function wordsOf<T>() {
  return <const L extends string[]>(
    ...lines: L & Same<WordsOf<T>, Split<L[number]>>
  ): readonly Split<L[number]>[] => {
    const words: readonly string[] = lines.flatMap((line: string) => line.split(' '));
    return words as readonly Split<L[number]>[];
  };
}
