import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** What other Stripe backends got wrong in public, in the order of the list that this project began with. */
const LESSONS = [
  'events of one second dropped, because they were ordered by their time',
  'an older event that arrives later takes the row back, or doubles it',
  'the row written from the answer of the API collides with that of the webhook',
  'an older read that arrives later wins',
  'a delivery acknowledged although it could not be stored',
  'a note "seen" that outlives the failure of what it stands for',
  'duplicates at the same moment end in 500 or a deadlock',
  'unknown types refused until Stripe disables the endpoint',
  'fields that moved between API versions read as nothing',
  'null taken for "no change"',
  'deleted customers crash; lists are cut at ten',
  'two receipts for one payment',
  'a second subscription by a second tab',
  'one refused meter event holds up all metering',
  'a pause looks like access; one card opens many trials',
  'a preview that fails shows a price of zero',
  'a parsed body makes every signature fail, in silence',
  'one lost event locks a payer out for weeks',
  'no secret set: nothing is verified',
  'errors caught, logged and answered with 200',
  'a trial with every checkout; states without a rule',
  'a question to Stripe for every call of an API',
];

const TESTS = fileURLToPath(new URL('..', import.meta.url));

function titlesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .map((file) => join(folder, file))
    .filter((file) => file !== fileURLToPath(import.meta.url))
    .flatMap((file) => [
      ...readFileSync(file, 'utf8').matchAll(
        /\b(?:it|describe)(?:\.each[\s\S]{0,1000}?\))?\(\s*(['"`])([\s\S]*?)\1,/g,
      ),
    ])
    .map((match) => match[2]!);
}

const titles = titlesIn(TESTS);

it.each(LESSONS.map((words, i) => [i + 1, words] as const))(
  'lesson %i (%s) has a test that names it',
  (number) => {
    const name = new RegExp(`\\blesson ${number}\\b`, 'i');
    expect(titles.filter((title) => name.test(title))).not.toEqual([]);
  },
);
